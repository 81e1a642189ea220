"""`care doctor`: finds workflows that must run and do not."""
