"""Writes docs/api from the contract: a page for each service, one for its messages, one for its errors."""
