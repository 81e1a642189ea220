"""The customer's pages: the recovery form behind the link in a public reply. Talks to the service by gRPC only."""
