"""The Python client of Care's gRPC services."""
