"""Fetches the document with the issuer's keys from a URL."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import httpx

from care_service.tokens.fetch_error import FetchError

_DEADLINE: Final = 5.0
"""The time limit of a whole fetch, in seconds. Calls whose token names an unknown key wait for the fetch."""
_MAX_BYTES: Final = 1024 * 1024
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class UrlSource:
    """A URL. The server's certificate must come from an authority in SSL_CERT_FILE, or by default in certifi's list."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        # Created only once, because this reads the certificates of all authorities.
        self._tls = httpx.create_ssl_context()
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"

    async def fetch(self) -> bytes:
        """See Source."""
        try:
            async with (
                asyncio.timeout(_DEADLINE),
                httpx.AsyncClient(verify=self._tls) as client,
                # Redirects are not followed, because the keys must come from the configured place.
                client.stream("GET", self._url, headers=_HEADERS) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise FetchError(f"it answered with HTTP status {response.status_code}")
                document = bytearray()
                async for part in response.aiter_bytes():
                    document += part
                    if len(document) > _MAX_BYTES:
                        raise FetchError(f"it is longer than {_MAX_BYTES} bytes")
                return bytes(document)
        except TimeoutError as error:
            raise FetchError(f"it took longer than {_DEADLINE:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"it can't be fetched ({type(error).__name__})") from error
