"""The protocols that the use cases need and other packages implement. So no use case imports a storage module.

A module contains one protocol, or values that the protocols take and return.
"""
