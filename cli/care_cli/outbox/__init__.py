"""The operator's commands for parked outbox rows: `care outbox list` and `care outbox retry`."""
