"""A minimal workflow, which does no more than any workflow with the steps of a recovery must."""
