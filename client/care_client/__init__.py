"""The client of Care's gRPC services."""
