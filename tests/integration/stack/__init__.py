"""Tests of the embedded stack, with the real PostgreSQL, Temporal and child processes."""
