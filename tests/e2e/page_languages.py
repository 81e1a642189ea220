"""The languages that the tests of pages run in."""

from __future__ import annotations

from typing import Final

import pytest

from care_web.languages import LANGUAGES

ONE_OF_EACH_DIRECTION: Final = {"en", "ar"}
"""One language per writing direction: other texts change neither colors nor layout."""

BY_LANGUAGE: Final = [
    pytest.param(tag, marks=() if tag in ONE_OF_EACH_DIRECTION else pytest.mark.long) for tag in LANGUAGES
]
"""The parameters of a slow test for each language. All but `ONE_OF_EACH_DIRECTION` run only in `make test-long`."""
