"""What every role (`care serve`, `care work`, `care web`) shares: configuration, logs, tracing, HTTP serving."""
