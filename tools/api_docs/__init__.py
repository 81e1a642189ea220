"""Generates docs/api from the contract: a page for each service, one for messages and one for errors."""
