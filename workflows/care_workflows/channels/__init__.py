"""Adapters for review sites and for messages to customers, each behind a small protocol."""
