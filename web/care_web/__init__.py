"""The customer's web pages: the recovery form behind a public link, and the chat behind a private one.

The pages talk to the service over gRPC only.
"""
