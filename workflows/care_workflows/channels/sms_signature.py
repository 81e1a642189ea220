"""Checks the signature of an SMS provider's callback, Twilio's ``X-Twilio-Signature``.

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
    """Tells whether ``signature`` is the signature of a request to ``url`` with these form fields.

    The provider signs with ``auth_token``. The comparison takes constant time.
    """
    # The provider signs the fields in the order of their names and values. Equal fields are signed once.
    signed = "".join(name + value for name, value in sorted(set(fields)))
    received = signature.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(_sign(auth_token, variant + signed), received) for variant in _url_variants(url)]
    return any(matches)


def _sign(auth_token: str, text: str) -> bytes:
    return b64encode(hmac.digest(auth_token.encode(), text.encode("utf-8", "surrogateescape"), "sha1"))


def _url_variants(url: str) -> tuple[str, str]:
    """Returns the URL without and with its port, because the provider may sign either."""
    parts = urlsplit(url)
    host = _PORT.sub("", parts.netloc)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return (urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}")))
