"""Channels: the ways to the outside (review sites, later messengers), each a small protocol with its adapters."""
