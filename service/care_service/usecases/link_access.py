"""Refusals for callers who have only a link. Such a caller can be the customer or anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from care_rules.refusals import Reason, Refusal


def unknown_link(source: str) -> Refusal:
    """Returns the refusal of a link that is not valid. `source` says where the customer found the link."""
    return Refusal(Reason.LINK_UNKNOWN, f"This link is not valid. Open it again from {source}.")


@contextmanager
def without_metadata() -> Iterator[None]:
    """Removes the metadata of refusals, because the holder of a link must learn nothing about the ticket."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.reason, refusal.message, {}, refusal.violations, refusal.retry_after) from refusal
