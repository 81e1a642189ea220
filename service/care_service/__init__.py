"""The gRPC service: enforces the lifecycle of tickets and recoveries, and wakes the workflows that do its steps."""
