"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# An example may take as long as a loaded machine needs: how fast something is, is no test's business.
settings.register_profile("care", deadline=None)
settings.load_profile("care")
