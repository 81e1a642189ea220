"""For the HTTP clients of tests, which speak to this machine without encryption."""

from __future__ import annotations

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What such a client is given as `verify`: trusts nobody. By itself it would read all authorities of the web first,
twenty times as long as its whole request takes."""
