"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis examples have no deadline: a loaded machine may be slow, and no test is about speed.
settings.register_profile("care", deadline=None)
settings.load_profile("care")
