"""Where the bearer token of calls comes from: a fixed text, a function that gets one, or a file that is rotated."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path
from typing import Final, Protocol

TokenProvider = Callable[[], str | Awaitable[str]]
"""Gets a token, such as from an identity provider. It is asked at the first call, and when the service refuses the last
token as over or not valid; never twice at once."""

_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class TokenSource(Protocol):
    """What the channel asks for the token of each call."""

    async def current(self) -> str:
        """Return the token to send now."""
        ...

    async def renewed(self, refused: str) -> str | None:
        """Return another token after the service refused this one as over or not valid; None if there is none."""
        ...


Token = str | TokenProvider | TokenSource
"""All that ``CareClient.connect`` takes for one."""


def is_bearer_token(text: str) -> bool:
    """Tell whether an ``authorization`` header can carry ``text`` as RFC 6750, section 2.1, spells a token."""
    return _BEARER.fullmatch(text) is not None


class TokenFile:
    """The token in a file, read again when the file changes, as for tokens that a platform rotates on disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file; raises ValueError, which does not show its content, where it holds no token."""
        self._path = Path(path)
        self._token = ""
        self._version: tuple[int, ...] = ()
        self._read()

    async def current(self) -> str:
        """Return the file's token; the one before while the file is away or being written."""
        # A look at a local file takes microseconds: no thread for it.
        with suppress(ValueError):
            self._read()
        return self._token

    async def renewed(self, refused: str) -> str | None:
        """Return the file's token if it is another one by now."""
        token = await self.current()
        return token if token != refused else None

    def _read(self) -> None:
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
            if version == self._version:
                return
            token = self._path.read_bytes().strip().decode("ascii", "replace")
        except OSError as error:
            raise ValueError(f"{self._path} cannot be read: {error.strerror}") from None
        if not is_bearer_token(token):
            raise ValueError(f"{self._path} holds no bearer token: write the token into it, and nothing else")
        self._token, self._version = token, version


class FixedToken:
    """One token for good."""

    def __init__(self, token: str) -> None:
        """Raises ValueError, which does not show it, where it is none."""
        if not is_bearer_token(token):
            raise ValueError("the token is no bearer token: give it without `Bearer`, blanks and line ends")
        self._token = token

    async def current(self) -> str:
        """Return it."""
        return self._token

    async def renewed(self, refused: str) -> str | None:  # noqa: ARG002  (a source's signature)
        """There is no other."""
        return None


class ProvidedToken:
    """The token that a provider gave last."""

    def __init__(self, provider: TokenProvider) -> None:
        """Ask ``provider``, though not yet."""
        self._provider = provider
        self._token: str | None = None
        self._asking = asyncio.Lock()

    async def current(self) -> str:
        """Return it, after asking for the first one."""
        if self._token is None:
            async with self._asking:
                if self._token is None:
                    self._token = await self._ask()
        return self._token

    async def renewed(self, refused: str) -> str | None:
        """Ask again, unless another call that was refused has done so."""
        async with self._asking:
            if self._token == refused:
                self._token = await self._ask()
        return self._token if self._token != refused else None

    async def _ask(self) -> str:
        given = self._provider()
        token = await given if isawaitable(given) else given
        if not is_bearer_token(token):
            raise ValueError("the token provider gave no bearer token: it returns the token alone, without `Bearer`")
        return token


def token_source(token: Token) -> TokenSource:
    """Return the source of whatever stands for a token."""
    if isinstance(token, str):
        return FixedToken(token)
    return ProvidedToken(token) if callable(token) else token
