"""The refusal of a filter that can't be read: where it goes wrong, and what to do."""

from __future__ import annotations

from care_rules.refusals import Reason, Refusal, Violation


def bad_filter(position: int, words: str, field: str = "") -> Refusal:
    """Makes INVALID_FILTER; `position` is the number of code points before the place, `field` what it is about."""
    metadata = {"position": str(position)} | ({"field": field} if field else {})
    message = f"filter, after {position} characters: {words}"
    return Refusal(Reason.INVALID_FILTER, message, metadata, (Violation("filter", words),))
