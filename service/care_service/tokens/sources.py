"""The sources of the document with the issuer's keys: a URL (see `url_source`) or a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from care_service.tokens.fetch_error import FetchError


class Source(Protocol):
    """A source of the document."""

    @property
    def name(self) -> str:
        """The name of the source in logs and errors."""

    async def fetch(self) -> bytes:
        """Returns the current document. Raises FetchError if it is not available now."""


class FileSource:
    """A file. Each fetch reads the file again. To rotate keys, replace the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    async def fetch(self) -> bytes:
        """See Source."""
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            raise FetchError(f"it can't be read ({error.strerror})") from error


def parse_source(place: str) -> Source:
    """Returns the source for a value of CARE_TOKEN_KEYS."""
    if "://" not in place:
        return FileSource(Path(place))
    # Only a URL needs the HTTP client. The import takes 6 MB, and a twentieth of the service's start time.
    from care_service.tokens.url_source import UrlSource  # noqa: PLC0415

    return UrlSource(place)
