"""Access tokens of a Google service account (OAuth 2.0, RFC 7523), kept until shortly before they expire."""

import asyncio
import json
from pathlib import Path
from typing import Final, Self

import requests
from google.auth.credentials import TokenState
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from care_workflows.channels.errors import (
    RefusalReason,
    ReplyRefused,
    ReviewSiteError,
    SiteUnavailable,
    UnavailableReason,
)

SCOPE: Final = "https://www.googleapis.com/auth/business.manage"
"""What the service account must be allowed: Google's scope for everything at Business Profiles."""


class GoogleAccount:
    """A service account that acts at Google; shows nothing of its key."""

    def __init__(self, credentials: Credentials, deadline: float) -> None:
        """Ask for tokens with ``credentials``; one request for one takes ``deadline`` seconds at most."""
        self._credentials = credentials
        self._deadline = deadline
        self._session = requests.Session()
        self._refreshing: asyncio.Task[ReviewSiteError | None] | None = None

    @classmethod
    def load(cls, key_file: Path, deadline: float) -> Self:
        """Read the key file that Google's console makes for a service account; raises ValueError, which names it."""
        try:
            info = json.loads(key_file.read_bytes())
            return cls(Credentials.from_service_account_info(info, scopes=[SCOPE]), deadline)  # type: ignore[no-untyped-call]
        except OSError as error:
            problem = f"{key_file} cannot be read: {error.strerror}"
        except (ValueError, TypeError, AttributeError, KeyError):  # also google-auth's own; they may quote the key
            problem = f"{key_file} is no key of a service account: download one, in JSON form, from Google's console"
        raise ValueError(problem)

    async def token(self, *, instead_of: str = "") -> str:
        """Return a token to call with, another one than ``instead_of``, which was refused.

        Raises ``ReplyRefused`` and ``SiteUnavailable``. Any number of callers share one request for a token.
        """
        is_usable = self._credentials.token_state is TokenState.FRESH and self._credentials.token != instead_of
        if not is_usable:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
            # Whoever runs out of time must not take the token from the others.
            failure = await asyncio.shield(self._refreshing)
            if failure is not None:
                raise failure.with_traceback(None)
        return str(self._credentials.token)

    async def aclose(self) -> None:
        """Wait for a request under way, and close the connections."""
        if self._refreshing is not None:
            await self._refreshing
        self._session.close()

    async def _refresh(self) -> ReviewSiteError | None:
        try:
            await asyncio.to_thread(self._credentials.refresh, self._request)
        except TransportError as error:
            is_slow = isinstance(error.__cause__ or error.__context__, requests.Timeout)
            return SiteUnavailable(UnavailableReason.TIMEOUT if is_slow else UnavailableReason.CONNECTION)
        except RefreshError as error:
            if error.retryable:
                return SiteUnavailable(UnavailableReason.SERVER_ERROR)
            words = (
                f"Google gives the service account no token: {error.args[0] if error.args else 'it does not say why'}"
            )
            return ReplyRefused(RefusalReason.NOT_PERMITTED, words)
        except (GoogleAuthError, requests.RequestException, ValueError):
            return SiteUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
        return None

    def _request(self, *args: object, **kwargs: object) -> object:
        """Do one HTTP request, as google-auth wants it done, within the deadline instead of two minutes."""
        return Request(self._session)(*args, **{**kwargs, "timeout": self._deadline})
