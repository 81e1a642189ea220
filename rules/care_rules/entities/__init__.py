"""The resources that the rules are about, as plain values.

The fields of each resource are the columns of its table, in the same order. Only the columns whose values PostgreSQL
supplies are left out. A test compares fields and columns.
"""
