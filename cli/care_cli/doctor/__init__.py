"""The operator's checks: `care doctor` finds what is missing or wrong, and `care recount` corrects counts."""
