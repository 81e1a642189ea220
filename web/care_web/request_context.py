"""The context of a request: the language of its response and the token of its link.

A language that the reader chose stays in the URL, as in ``?lang=de``, from page to page. It is not in a cookie, because
the pages promise to set none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

from care_web.accept_language import look_up
from care_web.languages import DEFAULT_LANGUAGE, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from care_web.languages import Language

LANGUAGE_PARAMETER: Final = "lang"
"""The name of the parameter with the chosen language: in the query, and as a field of forms (the language menu)."""

_MAX_TOKEN_CHARACTERS: Final = 200
"""Several times the length of a real token. A longer token cannot be valid, so the service is not called."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a response depends on besides the requested page."""

    language: Language
    is_language_chosen: bool = False
    """True if the reader chose the language on a page, False if it comes from ``Accept-Language``."""

    @classmethod
    def from_request(cls, request: HTTPConnection) -> Self:
        """Returns the context of a request.

        Its language is the language in the URL, or else the language that the browser prefers, or else the default.
        """
        if chosen := LANGUAGES.get(request.query_params.get(LANGUAGE_PARAMETER, "")):
            return cls.with_chosen_language(chosen)
        preferred = look_up(",".join(request.headers.getlist("Accept-Language")), LANGUAGES)
        return cls(LANGUAGES[preferred] if preferred else DEFAULT_LANGUAGE)

    @classmethod
    def with_chosen_language(cls, language: Language) -> Self:
        """Returns a context with a language that the reader has chosen."""
        return cls(language, is_language_chosen=True)

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers about the language (RFC 9110, 8.5 and 12.5.5)."""
        return {"Content-Language": self.language.tag, "Vary": "Accept-Language"}

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Returns ``path`` with ``query``, plus the language if the reader chose it."""
        parameters = ({LANGUAGE_PARAMETER: self.language.tag} if self.is_language_chosen else {}) | dict(query or {})
        return f"{path}?{urlencode(parameters)}" if parameters else path


def link_token(request: HTTPConnection) -> str | None:
    """Returns the link's token from the request's path, or None if it is too long to be valid."""
    token = str(request.path_params["token"])
    return token if len(token) <= _MAX_TOKEN_CHARACTERS else None
