"""The TLS context for HTTP clients that never use TLS."""

from __future__ import annotations

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A context that trusts no certificate, for the option `verify`. By default, a new client loads all certificate
authorities, which takes twenty times as long as a request."""
