"""Filters of lists, AIP-160: from the text to a tree (`parser`), and from the tree to what it asks for (`schema`)."""
