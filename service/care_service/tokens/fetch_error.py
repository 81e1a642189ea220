"""The error of a fetch of the issuer's keys."""

from __future__ import annotations


class FetchError(Exception):
    """The document is not available now. The message says why, and contains no part of the document."""
