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
"""The scope that the service account needs. Google has a single scope for everything in Business Profiles."""


class GoogleAccount:
    """A service account at Google. No error and no ``repr()`` contains its key."""

    def __init__(self, credentials: Credentials, deadline: float) -> None:
        """``deadline`` is how many seconds a token request may take."""
        self._credentials = credentials
        self._deadline = deadline
        self._session = requests.Session()
        self._refreshing: asyncio.Task[ReviewSiteError | None] | None = None

    @classmethod
    def load(cls, key_file: Path, deadline: float) -> Self:
        """Loads a service account's key file, which Google's console creates.

        ``deadline`` is how many seconds a token request may take. Raises ValueError, which names the file, if the file
        cannot be read or is not such a key.
        """
        try:
            info = json.loads(key_file.read_bytes())
            return cls(Credentials.from_service_account_info(info, scopes=[SCOPE]), deadline)  # type: ignore[no-untyped-call]
        except OSError as error:
            problem = f"{key_file} cannot be read: {error.strerror}"
        except (
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
        ):  # includes google-auth's errors, which may quote the key
            problem = f"{key_file} is not the key of a service account: download one as JSON from Google's console"
        raise ValueError(problem)

    async def token(self, *, instead_of: str = "") -> str:
        """Returns an access token. Requests a new one if the present token expires soon or is ``instead_of``.

        ``instead_of`` is a token that Google has refused. Concurrent callers share one request for a token. Raises
        ``ReplyRefused`` if Google refuses the service account, and ``SiteUnavailable`` if there is no usable response.
        """
        is_usable = self._credentials.token_state is TokenState.FRESH and self._credentials.token != instead_of
        if not is_usable:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
            # Shielded, so that a caller whose deadline has passed does not cancel the request for the other callers.
            failure = await asyncio.shield(self._refreshing)
            if failure is not None:
                raise failure.with_traceback(None)
        return str(self._credentials.token)

    async def aclose(self) -> None:
        """Waits for a running request, and closes the connections."""
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
            explanation = error.args[0] if error.args else "no reason given"
            return ReplyRefused(
                RefusalReason.NOT_PERMITTED, f"Google refuses a token to the service account: {explanation}"
            )
        except (GoogleAuthError, requests.RequestException, ValueError):
            return SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
        return None

    def _request(self, *args: object, **kwargs: object) -> object:
        """Sends one HTTP request for google-auth, with our deadline instead of google-auth's two minutes."""
        return Request(self._session)(*args, **{**kwargs, "timeout": self._deadline})
