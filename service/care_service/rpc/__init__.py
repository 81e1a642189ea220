"""The gRPC layer: authenticates callers, checks fields, calls the use cases and converts their outcomes."""
