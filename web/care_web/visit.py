"""By which link and in which language a request comes, and how addresses carry a language that was chosen.

A choice lives in the address, as ``?lang=de``, and goes from page to page with it: the pages set no cookie, and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

from care_web.accept_language import look_up
from care_web.languages import DEFAULT, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from care_web.languages import Language

PARAMETER: Final = "lang"
"""Names the chosen language: in a query, and among the form's fields where a button of the switch was pressed."""

_MAX_TOKEN_CHARACTERS: Final = 200
"""Several times the length of ours; what is longer is no link of ours, and not worth a call."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What the answer to a request needs to know of who reads it."""

    language: Language
    chosen: bool = False
    """Whether the reader chose it, by the switch; else the browser asked for it."""

    @classmethod
    def of(cls, request: HTTPConnection) -> Self:
        """Return the visit that ``request`` belongs to: its choice counts, then what its browser asks for."""
        if choice := LANGUAGES.get(request.query_params.get(PARAMETER, "")):
            return cls(choice, chosen=True)
        wanted = look_up(",".join(request.headers.getlist("Accept-Language")), LANGUAGES)
        return cls(LANGUAGES[wanted] if wanted else DEFAULT)

    @property
    def headers(self) -> Mapping[str, str]:
        """What a page says of its language (RFC 9110, 8.5 and 12.5.5)."""
        return {"Content-Language": self.language.tag, "Vary": "Accept-Language"}

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Return the address of ``path`` with ``query`` in which a chosen language stays chosen."""
        parameters = ({PARAMETER: self.language.tag} if self.chosen else {}) | dict(query or {})
        return f"{path}?{urlencode(parameters)}" if parameters else path


def link_token(request: HTTPConnection) -> str | None:
    """Return the token of the link in the request's path; None if it can't be one of ours."""
    token = str(request.path_params["token"])
    return token if len(token) <= _MAX_TOKEN_CHARACTERS else None
