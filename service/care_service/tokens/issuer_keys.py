"""Keeps the issuer's keys current: fetches them at start, periodically, and when a token names an unknown key."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from care_roles.environment import ConfigurationError
from care_roles.logs import get_logger
from care_service.tokens.fetch_error import FetchError
from care_service.tokens.keys import BadDocumentError, KeySet, read_key_set
from care_service.tokens.sources import FileSource, Source, parse_source

_LOG: Final = get_logger("care.tokens")
PAUSE: Final = timedelta(seconds=5)
"""The pause between fetches for unknown keys. Without it, forged key ids could flood the issuer with requests."""


class TokenKeys:
    """The issuer's keys from the last successful fetch. They stay in use while the issuer is unreachable.

    Without a source there are no keys.
    """

    def __init__(
        self, source: Source | None, refresh: timedelta, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._refresh = refresh
        self._monotonic = monotonic
        self._fetching: asyncio.Task[None] | None = None
        self._pause_end = monotonic()
        self._failures = 0
        self._logged_error = ""
        self.current = KeySet()
        """The current keys. A fetch replaces the object only if the keys differ, so callers can compare by identity."""
        self.is_unavailable = source is not None
        """Whether the last fetch failed, or none was made yet. An unknown key may then be valid."""

    async def fetch(self) -> None:
        """Fetches the keys now, or waits for the fetch in progress. After a failure, the current keys stay in use."""
        if self._source is None:
            return
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(self._source))
        # A call that is cancelled must not cancel the fetch for the others.
        await asyncio.shield(self._fetching)

    async def refresh_now(self) -> None:
        """Fetches the keys because a token names an unknown key. Does nothing for PAUSE after the last such fetch."""
        if self._fetching:
            await self.fetch()
        elif self._monotonic() >= self._pause_end:
            self._pause_end = math.inf  # until this fetch ends
            try:
                await self.fetch()
            finally:
                self._pause_end = self._monotonic() + PAUSE.total_seconds()

    async def run(self) -> None:
        """Fetches the keys periodically until cancelled, and more often while the issuer is unreachable."""
        try:
            while self._source is not None:
                pause = self._refresh.total_seconds()
                if self._failures:
                    pause = min(pause, 2.0 ** min(self._failures - 1, 16))
                await asyncio.sleep(pause)
                await self.fetch()
        finally:
            if self._fetching:
                self._fetching.cancel()
                with suppress(asyncio.CancelledError):
                    await self._fetching

    async def _fetch(self, source: Source) -> None:
        try:
            found, refused = read_key_set(await source.fetch())
        except (FetchError, BadDocumentError) as error:
            self.is_unavailable = True
            self._failures += 1
            # An error is logged once, and not again by each further fetch.
            if str(error) != self._logged_error:
                self._logged_error = str(error)
                _LOG.warning(
                    "token keys can't be fetched: degraded",
                    source=source.name,
                    reason=str(error),
                    keys=self.current.ids,
                )
        else:
            if self._logged_error:
                _LOG.info("token keys can be fetched again", source=source.name)
            self.is_unavailable, self._failures, self._logged_error = False, 0, ""
            if found != self.current:
                self.current = found
                _LOG.info("token keys", source=source.name, keys=found.ids)
                for reason in refused:
                    _LOG.warning("token key left out", source=source.name, reason=reason)
        finally:
            self._fetching = None


async def open_keys(place: str | None, refresh: timedelta) -> TokenKeys:
    """Returns the keys for a value of CARE_TOKEN_KEYS, after one fetch. `TokenKeys.run` keeps them current.

    If the issuer is unreachable, the service starts without keys. Until a fetch succeeds, it refuses calls with
    TOKEN_KEYS_UNAVAILABLE, which clients can retry. Raises ConfigurationError if a file is missing or invalid, or has
    no usable key.
    """
    source = parse_source(place) if place else None
    keys = TokenKeys(source, refresh)
    if isinstance(source, FileSource):
        try:
            found, refused = read_key_set(await source.fetch())
        except (FetchError, BadDocumentError) as error:
            raise ConfigurationError(f"CARE_TOKEN_KEYS: {source.name}: {error}") from error
        if not found.keys:
            reasons = "; ".join(refused) or "it has no key for signatures"
            raise ConfigurationError(f"CARE_TOKEN_KEYS: {source.name} contains no usable public key: {reasons}")
    await keys.fetch()
    return keys
