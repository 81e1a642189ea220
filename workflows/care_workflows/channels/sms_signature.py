"""Tells a callback of the SMS provider from a forged one, by Twilio's ``X-Twilio-Signature``.

https://www.twilio.com/docs/usage/security#validating-requests
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

HEADER: Final = "X-Twilio-Signature"

_PORT: Final = re.compile(r":[0-9]+$")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def is_signed(auth_token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """Tell whether whoever called ``url`` with these form fields knows the token; takes the same time for all."""
    # Each name's values are signed in order, and an equal one once.
    signed = "".join(name + value for name, value in sorted(set(fields)))
    given = signature.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(_sign(auth_token, spelling + signed), given) for spelling in _spellings(url)]
    return any(matches)


def _sign(auth_token: str, text: str) -> bytes:
    return b64encode(hmac.digest(auth_token.encode(), text.encode("utf-8", "surrogateescape"), "sha1"))


def _spellings(url: str) -> tuple[str, str]:
    """Return the URL without and with its port: the provider signs either, whichever it was given."""
    parts = urlsplit(url)
    host = _PORT.sub("", parts.netloc)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return (urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}")))
