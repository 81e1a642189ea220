"""The TLS context for HTTP clients that never use TLS."""

from __future__ import annotations

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Passed as `verify`; trusts no certificate. By default, a client loads all certificate authorities when it is created,
which takes twenty times as long as a request."""
