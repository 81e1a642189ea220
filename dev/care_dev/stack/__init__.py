"""The embedded stack of `care up`: PostgreSQL, the Temporal dev server and the roles of Care under one folder."""
