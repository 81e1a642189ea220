"""The resources that the rules are about, as plain values.

The fields of each class are the columns of its table, in the same order. A test compares them.
"""
