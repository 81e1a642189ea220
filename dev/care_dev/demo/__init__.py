"""The demo: takes one real ticket from a bad review to CLOSED, through public interfaces only."""
