"""Benchmarks: the service against a bare stack, side by side in one run."""
