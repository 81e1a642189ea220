"""Small edits of the product that a test or the type checker must notice."""
