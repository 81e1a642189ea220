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
from care_service.tokens.keys import BadDocumentError, KeySet, read_key_set
from care_service.tokens.sources import FetchError, FileSource, Source, parse_source

_LOG: Final = get_logger("care.tokens")
PAUSE: Final = timedelta(seconds=5)
"""The minimum time between fetches that tokens cause, so that forged key ids can't flood the issuer with requests."""


class TokenKeys:
    """The issuer's keys as last fetched. They stay in use while the issuer is unreachable.

    Without a source there are no keys.
    """

    def __init__(
        self, source: Source | None, refresh: timedelta, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._refresh = refresh
        self._monotonic = monotonic
        self._fetching: asyncio.Task[None] | None = None
        self._look_from = monotonic()
        self._failures = 0
        self._complaint = ""
        self.current = KeySet()
        """Replaced as a whole, and only by a set that differs: it is another object when other tokens are good."""
        self.is_unavailable = source is not None
        """Whether the last fetch failed, or there was none yet: a key that is not known may exist all the same."""

    async def fetch(self) -> None:
        """Fetches the keys now, or waits for the fetch that is under way; a failure is logged, and changes nothing."""
        if self._source is None:
            return
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(self._source))
        # One call's end must not end the fetch that others wait for.
        await asyncio.shield(self._fetching)

    async def refresh_now(self) -> None:
        """Fetches the keys because a token names an unknown one; does nothing if another one did so just now."""
        if self._fetching:
            await self.fetch()
        elif self._monotonic() >= self._look_from:
            self._look_from = math.inf  # until this one's end
            try:
                await self.fetch()
            finally:
                self._look_from = self._monotonic() + PAUSE.total_seconds()

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
            # Once, not at every try.
            if str(error) != self._complaint:
                self._complaint = str(error)
                _LOG.warning(
                    "token keys can't be fetched: degraded",
                    source=source.name,
                    reason=str(error),
                    keys=self.current.ids,
                )
        else:
            if self._complaint:
                _LOG.info("token keys can be fetched again", source=source.name)
            self.is_unavailable, self._failures, self._complaint = False, 0, ""
            if found != self.current:
                self.current = found
                _LOG.info("token keys", source=source.name, keys=found.ids)
                for reason in refused:
                    _LOG.warning("token key left out", source=source.name, reason=reason)
        finally:
            self._fetching = None


async def open_keys(place: str | None, refresh: timedelta) -> TokenKeys:
    """Returns the keys of a value of CARE_TOKEN_KEYS, fetched once; `TokenKeys.run` keeps them.

    The service starts even if the issuer is unreachable. Until it is reachable, calls are refused as retryable. Raises
    ConfigurationError for a file that is missing or invalid.
    """
    source = parse_source(place) if place else None
    keys = TokenKeys(source, refresh)
    if isinstance(source, FileSource):
        try:
            found, refused = read_key_set(await source.fetch())
        except (FetchError, BadDocumentError) as error:
            raise ConfigurationError(f"CARE_TOKEN_KEYS: {source.name}: {error}") from error
        if not found.keys:
            words = "; ".join(refused) or "it has no key for signatures"
            raise ConfigurationError(f"CARE_TOKEN_KEYS: {source.name} holds no usable public key: {words}")
    await keys.fetch()
    return keys
