"""Filters of lists (AIP-160): `parser` turns the text into a syntax tree, and `schema` the tree into a condition."""
