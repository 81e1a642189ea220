"""Creates certificate authorities and certificates for tests of TLS."""

from __future__ import annotations

from pathlib import Path

import grpc
import trustme


def authority() -> trustme.CA:
    """Returns a new certificate authority."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def write_pair(ca: trustme.CA, certificate: Path, key: Path) -> None:
    """Writes a new certificate for 127.0.0.1 and its key into the two files, each atomically, as a renewal does."""
    issued = ca.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    replace(certificate, b"".join(part.bytes() for part in issued.cert_chain_pems))
    replace(key, issued.private_key_pem.bytes())


def replace(path: Path, content: bytes) -> None:
    """Replaces the content of a file atomically."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def channel_credentials(trusts: trustme.CA, client_of: trustme.CA | None = None) -> grpc.ChannelCredentials:
    """Returns the credentials of a client that trusts `trusts`, and has a certificate of `client_of` if given."""
    roots = trusts.cert_pem.bytes()
    if client_of is None:
        return grpc.ssl_channel_credentials(roots)
    issued = client_of.issue_cert("crm.example.com", key_type=trustme.KeyType.ECDSA)
    return grpc.ssl_channel_credentials(roots, issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
