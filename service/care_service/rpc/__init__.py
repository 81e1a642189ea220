"""The gRPC side: authenticates, checks fields, calls the core, converts. Rules live elsewhere."""
