"""Protocols that the use cases need of the storage: the use cases import no storage module.

Each module holds one protocol and the values that it takes and returns.
"""
