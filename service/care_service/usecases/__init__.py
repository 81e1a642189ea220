"""The use cases: one function per command, without gRPC and without SQL."""
