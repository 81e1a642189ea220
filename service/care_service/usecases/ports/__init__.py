"""The protocols that the storage implements for the use cases, so that no use case imports a storage module.

Each module contains one protocol and the values that it takes and returns.
"""
