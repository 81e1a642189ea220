"""Benchmarks that compare Care with a minimal stack, side by side in one run."""
