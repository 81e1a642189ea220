"""The refusal of an invalid filter. It contains the position of the error, and says how to correct the filter."""

from __future__ import annotations

from care_rules.refusals import Reason, Refusal, Violation


def invalid_filter(position: int, problem: str, field: str = "") -> Refusal:
    """Returns INVALID_FILTER. `position` is the number of code points before the error; `field` is the filter field."""
    metadata = {"position": str(position)} | ({"field": field} if field else {})
    message = f"filter, after {position} characters: {problem}"
    return Refusal(Reason.INVALID_FILTER, message, metadata, (Violation("filter", problem),))
