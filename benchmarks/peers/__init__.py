"""Measures other help desks, which are installed for the run only. Care depends on none of them and ships none."""
