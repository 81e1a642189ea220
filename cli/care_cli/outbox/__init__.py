"""The operator's commands for outbox rows that were given up: `care outbox list` and `care outbox retry`."""
