"""TLS of the channel: the trusted authorities, and the client's own certificate for mutual TLS."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS configuration. ``Tls()`` trusts the authorities that the machine trusts. ``Tls.load`` reads files.

    The server's certificate must contain the host name of the address.
    """

    ca: bytes | None = None
    """Certificates (PEM) of the trusted authorities. None for those that the machine trusts."""
    certificate: bytes | None = None
    """The client's own certificate (PEM) with its chain, for mutual TLS."""
    key: bytes | None = field(default=None, repr=False)
    """The private key (PEM, not encrypted) of ``certificate``."""

    def __post_init__(self) -> None:
        """Rejects a certificate without a key, and a key without a certificate."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS needs a certificate and its key: pass both or neither")

    @classmethod
    def load(
        cls,
        ca: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Returns a configuration from PEM files. Without ``ca``, it trusts the authorities that the machine trusts.

        Raises:
            ValueError: A file cannot be read or contains no certificate, or the key does not match the certificate.
                The message names the file. gRPC itself would report these mistakes as failed calls.
        """
        trusted = None if ca is None else _read(ca)
        if trusted is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=trusted.decode("ascii"))
            except (ssl.SSLError, ValueError):
                raise ValueError(f"{ca} contains no certificate in PEM format") from None
        own = cls(trusted, None if certificate is None else _read(certificate), None if key is None else _read(key))
        if certificate is not None:
            try:
                # An empty password makes an encrypted key fail. Otherwise OpenSSL would prompt at the terminal.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
            except (ssl.SSLError, ValueError):
                raise ValueError(f"{key} is not the unencrypted PEM key of the certificate in {certificate}") from None
        return own

    def credentials(self) -> grpc.ChannelCredentials:
        """Returns the credentials for gRPC."""
        return grpc.ssl_channel_credentials(self.ca or _system_authorities(), self.key, self.certificate)


def _system_authorities() -> bytes | None:
    """Returns the certificates (PEM) that OpenSSL trusts on this machine, or None if there are none.

    With None, gRPC uses its own list, which lacks authorities that were added to this machine.
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    if paths.capath:
        # OpenSSL finds certificates by links whose names are a hash and a number.
        return b"\n".join(file.read_bytes() for file in sorted(Path(paths.capath).glob("????????.[0-9]"))) or None
    return None


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
