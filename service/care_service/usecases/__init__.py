"""What the service does for a caller, one function per command, free of gRPC and of SQL."""
