"""Sources of the bearer token: a fixed string, a function that returns one, or a file that is rotated."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path
from typing import Final, Protocol

TokenProvider = Callable[[], str | Awaitable[str]]
"""Returns a token, such as from an identity provider. The client calls this function before its first request, and
again if the service refuses the latest token as expired or invalid, but never twice at the same time."""

_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class TokenSource(Protocol):
    """Provides the token of each call."""

    async def current(self) -> str:
        """Returns the token to send now."""
        ...

    async def refresh(self, refused: str) -> str | None:
        """Returns another token after the service refused ``refused`` as expired or invalid. None if there is none."""
        ...


Token = str | TokenProvider | TokenSource
"""What ``CareClient.connect`` accepts as a token."""


def is_bearer_token(text: str) -> bool:
    """Returns whether ``text`` is a bearer token as defined in RFC 6750, 2.1."""
    return _BEARER.fullmatch(text) is not None


class TokenFile:
    """The token in a file that a platform may rotate. It is read again when the file changes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads the file.

        Raises:
            ValueError: The file cannot be read or contains no token. The message does not show the content.
        """
        self._path = Path(path)
        self._token = ""
        self._version: tuple[int, ...] = ()
        self._read()

    async def current(self) -> str:
        """Returns the file's token, or the previous one while the file is missing or incomplete."""
        # Checking a local file takes microseconds, so no thread is needed.
        with suppress(ValueError):
            self._read()
        return self._token

    async def refresh(self, refused: str) -> str | None:
        """Returns the file's token if it has changed."""
        token = await self.current()
        return token if token != refused else None

    def _read(self) -> None:
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            if version == self._version:
                return
            token = self._path.read_bytes().strip().decode("ascii", "replace")
        except OSError as error:
            raise ValueError(f"{self._path} cannot be read: {error.strerror}") from None
        if not is_bearer_token(token):
            raise ValueError(f"{self._path} contains no bearer token: write the token and nothing else into it")
        self._token, self._version = token, version


class FixedToken:
    """A token that never changes."""

    def __init__(self, token: str) -> None:
        """Keeps ``token``.

        Raises:
            ValueError: ``token`` is not a bearer token. The message does not show it.
        """
        if not is_bearer_token(token):
            raise ValueError("the token is not a bearer token: pass it without `Bearer`, spaces and line breaks")
        self._token = token

    async def current(self) -> str:
        """Returns the token."""
        return self._token

    async def refresh(self, refused: str) -> str | None:  # noqa: ARG002  (the protocol's signature)
        """Returns None."""
        return None


class ProvidedToken:
    """The latest token of a provider."""

    def __init__(self, provider: TokenProvider) -> None:
        """Stores ``provider``, which is called when the first token is needed."""
        self._provider = provider
        self._token: str | None = None
        self._asking = asyncio.Lock()

    async def current(self) -> str:
        """Returns the latest token. The first call asks the provider."""
        if self._token is None:
            async with self._asking:
                if self._token is None:
                    self._token = await self._ask()
        return self._token

    async def refresh(self, refused: str) -> str | None:
        """Asks the provider for another token, unless a concurrent call has already done so."""
        async with self._asking:
            if self._token == refused:
                self._token = await self._ask()
        return self._token if self._token != refused else None

    async def _ask(self) -> str:
        result = self._provider()
        token = await result if isawaitable(result) else result
        if not is_bearer_token(token):
            raise ValueError("the token provider returned no bearer token: return the token alone, without `Bearer`")
        return token


def token_source(token: Token) -> TokenSource:
    """Returns the source for a string, a provider or a source."""
    if isinstance(token, str):
        return FixedToken(token)
    return ProvidedToken(token) if callable(token) else token
