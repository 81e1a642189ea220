"""Refusals for callers who have only a link: customers, and anybody else who opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from care_rules.refusals import Reason, Refusal


def unknown_link(source: str) -> Refusal:
    """Makes the refusal of a link that is not valid; `source` says where the customer found the link."""
    return Refusal(Reason.LINK_UNKNOWN, f"This link is not valid. Open it again from {source}.")


@contextmanager
def without_metadata() -> Iterator[None]:
    """Removes from refusals what they say about the ticket: the holder of a link learns nothing about it."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.reason, refusal.message, {}, refusal.violations, refusal.retry_after) from refusal
