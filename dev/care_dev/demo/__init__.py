"""The demo: one real ticket from a bad review to CLOSED, through public interfaces only."""
