"""Where the document with the issuer's keys is fetched: a URL or a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx

_DEADLINE: Final = 5.0
"""Seconds for a whole fetch: calls with a key that is not known yet wait for it."""
_MAX_BYTES: Final = 1024 * 1024
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class FetchError(Exception):
    """The document can't be had now; the message says why, and holds nothing of the document."""


class Source(Protocol):
    """A place that the document is fetched from."""

    @property
    def name(self) -> str:
        """How logs and errors call it."""

    async def fetch(self) -> bytes:
        """Returns the document as it is now; raises FetchError."""


class UrlSource:
    """A URL. Its server's certificate is checked against the usual authorities, or those in SSL_CERT_FILE."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        # Made once: it reads all the authorities' certificates.
        self._tls = httpx.create_ssl_context()
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"

    async def fetch(self) -> bytes:
        """See Source."""
        try:
            async with (
                asyncio.timeout(_DEADLINE),
                httpx.AsyncClient(verify=self._tls) as client,
                # Redirects are not followed: the keys come from where the configuration says, or not at all.
                client.stream("GET", self._url, headers=_HEADERS) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise FetchError(f"it answered with HTTP status {answer.status_code}")
                document = bytearray()
                async for part in answer.aiter_bytes():
                    document += part
                    if len(document) > _MAX_BYTES:
                        raise FetchError(f"it is longer than {_MAX_BYTES} bytes")
                return bytes(document)
        except TimeoutError as error:
            raise FetchError(f"it took longer than {_DEADLINE:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"it can't be fetched ({type(error).__name__})") from error


class FileSource:
    """A file, read again at every look: to rotate keys, replace it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    async def fetch(self) -> bytes:
        """See Source."""
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            raise FetchError(f"it can't be read ({error.strerror})") from error


def parse_source(place: str) -> UrlSource | FileSource:
    """Makes the source for a value of CARE_TOKEN_KEYS."""
    return UrlSource(place) if "://" in place else FileSource(Path(place))
