"""Encryption of the channel: whose certificates are trusted, and the client's own for mutual TLS."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """What the channel is encrypted with. ``Tls()`` trusts what the machine trusts; ``Tls.load`` reads files.

    The server's certificate must name the host that is connected to.
    """

    ca: bytes | None = None
    """Certificates (PEM) of the authorities that are trusted; None for those that the machine trusts."""
    certificate: bytes | None = None
    """The client's own certificate (PEM) with its chain, for mutual TLS."""
    key: bytes | None = field(default=None, repr=False)
    """The private key (PEM, not encrypted) of ``certificate``."""

    def __post_init__(self) -> None:
        """Refuse half a pair."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS takes a certificate and its key: give both or neither")

    @classmethod
    def load(
        cls,
        ca: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Read PEM files; without ``ca`` trusts what the machine trusts. Raises ValueError, which names the file.

        What gRPC would answer with failing calls is said here: no certificate in a file, a key of another certificate.
        """
        trusted = None if ca is None else _read(ca)
        if trusted is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=trusted.decode("ascii"))
            except (ssl.SSLError, ValueError):
                raise ValueError(f"{ca} holds no certificate in PEM form") from None
        own = cls(trusted, None if certificate is None else _read(certificate), None if key is None else _read(key))
        if certificate is not None:
            try:
                # A password would be asked for at the terminal.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
            except (ssl.SSLError, ValueError):
                problem = (
                    f"{certificate} and {key} are no certificate and its key: both in PEM form, the key not encrypted"
                )
                raise ValueError(problem) from None
        return own

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what gRPC takes."""
        return grpc.ssl_channel_credentials(self.ca or _of_machine(), self.key, self.certificate)


def _of_machine() -> bytes | None:
    """Return the certificates that OpenSSL trusts here; None, for gRPC's own list, where it has none.

    gRPC by itself would take its own list, which knows no authority that only this machine was told of.
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    if paths.capath:
        # OpenSSL finds them by the names of these links: a hash and a number.
        return b"\n".join(file.read_bytes() for file in sorted(Path(paths.capath).glob("????????.[0-9]"))) or None
    return None


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
