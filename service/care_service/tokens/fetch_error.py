"""The error of a fetch of the issuer's keys."""

from __future__ import annotations


class FetchError(Exception):
    """The document with the keys can't be fetched now. The message says why, and contains no part of the document."""
