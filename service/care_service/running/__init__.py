"""How the service runs: composition root, configuration, relay, background tasks, processes."""
