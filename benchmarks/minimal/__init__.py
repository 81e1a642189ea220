"""A minimal workflow with the steps of a recovery: one activity, one wait for a signal, and one more activity."""
