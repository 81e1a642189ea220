"""Types for configuration given as text in the environment. Their errors say what to write instead."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator

from care_client.tokens import is_bearer_token

_HIGHEST_PORT: Final = 65535
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    """Name or IP address; an IPv6 address without brackets."""
    port: int
    """0 means any free port, for an address to listen on."""

    def __str__(self) -> str:
        """Returns ``host:port`` as in gRPC targets and URLs, with an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, lowest_port: int = 0) -> Self:
        """Parses ``host:port``. Raises ValueError if ``text`` has another form or the port is out of range."""
        host, _, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if bracketed else host
        if not host or re.search(r"[\s/@\[\]]", host) or (":" in host) != bracketed:
            raise ValueError("must be host:port, such as 127.0.0.1:50051 or [::1]:50051")
        if not re.fullmatch(r"[0-9]{1,5}", port) or not lowest_port <= int(port) <= _HIGHEST_PORT:
            raise ValueError(f"must end in a port from {lowest_port} to {_HIGHEST_PORT}, such as 127.0.0.1:50051")
        return cls(host, int(port))


def _base_url(text: str) -> str:
    """Returns an absolute http(s) URL without trailing slashes. Raises ValueError if ``text`` is no such URL."""
    if "@" in _http_url(text).netloc or "?" in text or "#" in text:
        raise ValueError("must have no user, password, query or fragment, such as http://127.0.0.1:8080")
    return text.rstrip("/")


def _endpoint_url(text: str) -> str:
    """Returns an absolute http(s) URL unchanged. Raises ValueError if ``text`` is no such URL."""
    if "@" in _http_url(text).netloc or "#" in text:
        raise ValueError("must have no user, password or fragment, such as http://127.0.0.1:8080/path?query")
    return text


def _http_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # for example, the port is not a number
        valid = False
        parts = urlsplit("")
    if not valid or re.search(r"\s", text):
        raise ValueError("must be an absolute http or https URL, such as http://127.0.0.1:8080")
    return parts


def _durations(text: str) -> tuple[timedelta, ...]:
    """Parses ``10m,1h,1d``. Raises ValueError if ``text`` has another form, or if the durations do not increase."""
    matches = [_DURATION.fullmatch(part.strip()) for part in text.split(",")]
    found = tuple(timedelta(**{_UNITS[match[2]]: int(match[1])}) for match in matches if match)
    if len(found) < len(matches):
        raise ValueError("must be whole numbers with a unit (s, m, h or d), separated by commas, such as 10m,1h,1d")
    if any(longer <= shorter for shorter, longer in zip((timedelta(0), *found), found, strict=False)):
        raise ValueError("must be positive durations, each longer than the one before it, such as 10m,1h,1d")
    return found


def _duration(text: str) -> timedelta:
    """Parses ``90s`` or ``1m``. Raises ValueError if ``text`` has another form or is zero."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError("must be a positive whole number with a unit (s, m, h or d), such as 90s or 1m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _bearer_token(text: str) -> str:
    """Returns the token. Raises ValueError, which does not show the token, if ``text`` is not a bearer token."""
    if not is_bearer_token(text):
        raise ValueError("is not a bearer token; make one for development with: care token --role worker")
    return text


def _from_text(parse: Callable[[str], object]) -> BeforeValidator:
    """Parses text from the environment. A value given in code already has the right type."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


ListenAddress = Annotated[Address, _from_text(Address.parse)]
"""``host:port`` to listen on; port 0 means any free port."""

ServiceAddress = Annotated[Address, _from_text(partial(Address.parse, lowest_port=1))]
"""``host:port`` to connect to."""

BaseUrl = Annotated[str, BeforeValidator(_base_url)]
"""Absolute http or https URL, stored without a trailing slash."""

EndpointUrl = Annotated[str, BeforeValidator(_endpoint_url)]
"""Absolute http or https URL of one endpoint, stored unchanged; may have a query."""

Durations = Annotated[tuple[timedelta, ...], _from_text(_durations)]
"""``10m,1h,1d``: positive durations in increasing order; the units are s, m, h and d."""

Duration = Annotated[timedelta, _from_text(_duration)]
"""``90s``, ``1m``: one positive duration."""

BearerToken = Annotated[str, BeforeValidator(_bearer_token)]
"""A bearer token in the syntax of RFC 6750, section 2.1."""

LogFormat = Literal["json", "console"]
"""One JSON object per line for machines, or lines for people."""
