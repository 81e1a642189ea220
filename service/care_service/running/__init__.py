"""How the service runs: the composition root, the configuration, the relay, background tasks and processes."""
