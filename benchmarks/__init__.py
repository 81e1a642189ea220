"""Benchmarks that compare the service with a minimal gRPC server in one run."""
