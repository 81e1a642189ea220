"""The `care` command: the roles of Care, and a development stack that runs all of them on one machine."""
