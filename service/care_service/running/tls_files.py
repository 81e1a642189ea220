"""The files that configure TLS for the gRPC server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The paths of the PEM files."""

    certificate: Path
    """The server's certificate, followed by the intermediate certificates."""
    key: Path
    """The private key, not encrypted."""
    client_ca: Path | None
    """The CAs of client certificates. If set, only clients with a certificate of these CAs can connect (mutual TLS)."""
