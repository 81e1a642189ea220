"""`care doctor`: what the database and Temporal disagree about."""
