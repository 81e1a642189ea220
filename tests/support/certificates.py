"""Certificates for tests of TLS: authorities of one's own, and PEM files made with them."""

from __future__ import annotations

from pathlib import Path

import grpc
import trustme


def authority() -> trustme.CA:
    """An authority that nobody else trusts."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def write_pair(ca: trustme.CA, certificate: Path, key: Path) -> None:
    """Replaces the two files by a certificate for 127.0.0.1 and its key, each at once, as whoever renews them does."""
    made = ca.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    replace(certificate, b"".join(part.bytes() for part in made.cert_chain_pems))
    replace(key, made.private_key_pem.bytes())


def replace(path: Path, content: bytes) -> None:
    """Replaces a file as a whole."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def channel_credentials(trusts: trustme.CA, client_of: trustme.CA | None = None) -> grpc.ChannelCredentials:
    """What a client connects with that trusts one authority, and has a certificate of another's, or none."""
    roots = trusts.cert_pem.bytes()
    if client_of is None:
        return grpc.ssl_channel_credentials(roots)
    made = client_of.issue_cert("crm.example.com", key_type=trustme.KeyType.ECDSA)
    return grpc.ssl_channel_credentials(roots, made.private_key_pem.bytes(), made.cert_chain_pems[0].bytes())
