"""Benchmarks that compare Care with a bare stack, side by side in one run."""
