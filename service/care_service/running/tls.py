"""TLS and mutual TLS for the gRPC server. The PEM files can be replaced while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final, cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from care_roles.environment import ConfigurationError
from care_roles.logs import get_logger
from care_service.running.tls_files import TlsFiles

_LOG: Final = get_logger("care.tls")

Stamp = tuple[tuple[int, int, int], ...]


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Returns the server's credentials. Before each handshake, the files are read again if they have changed.

    Raises ConfigurationError if the files are not valid now. If they become invalid later, a warning is logged, and the
    last valid certificate and key stay in use.
    """
    watcher = _FileWatcher(files)
    # The type stubs of gRPC do not allow None, which means "no change".
    read_if_changed = cast("Callable[[], grpc.ServerCertificateConfiguration]", watcher.read_if_changed)
    required = files.client_ca is not None
    return grpc.dynamic_ssl_server_credentials(watcher.first, read_if_changed, require_client_authentication=required)


class _FileWatcher:
    """Reads the files again when they change."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        # gRPC calls `read_if_changed` from its own threads.
        self._lock = Lock()
        # The stamp is taken before the files are read. A file that is replaced in between is then read again.
        self._seen = _stamp(files)
        self.first = _read(files)

    def read_if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the new configuration if the files have changed and are valid; None otherwise.

        gRPC calls this method before each handshake.
        """
        with self._lock:
            stamp = _stamp(self._files)
            if stamp == self._seen:
                return None
            self._seen = stamp
            try:
                # Certificate and key are rarely replaced at the same instant. In between, they don't match.
                return _read(self._files)
            except ConfigurationError as error:
                _LOG.warning("tls files can't be used; keeping the last valid ones", reason=str(error))
                return None


def _stamp(files: TlsFiles) -> Stamp:
    """Returns a value that differs after a file, or a symbolic link to it, was replaced."""
    stamps = []
    for path in (files.certificate, files.key, files.client_ca):
        try:
            found = path.stat() if path else None
        except OSError:
            found = None
        stamps.append((found.st_ino, found.st_size, found.st_mtime_ns) if found else (0, 0, 0))
    return tuple(stamps)


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """Reads and checks the files. Raises ConfigurationError if they are not valid.

    gRPC does not check the files. Without this check, each handshake with invalid files would fail, and no log line
    would say why.
    """
    chain, key = _content("CERTIFICATE", files.certificate), _content("KEY", files.key)
    certificates = _certificates("CERTIFICATE", files.certificate, chain)
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except TypeError as error:
        raise _error(
            "KEY",
            files.key,
            "is encrypted: store the key without a password, in a file that only this account can read",
        ) from error
    except ValueError as error:
        raise _error("KEY", files.key, "contains no private key in PEM form (-----BEGIN PRIVATE KEY-----)") from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if certificates[0].public_key().public_bytes(*form) != public.public_bytes(*form):
        problem = f"is not the key of the first certificate in {files.certificate}: use a certificate and its own key"
        raise _error("KEY", files.key, problem)
    authorities = None
    if files.client_ca:
        authorities = _content("CLIENT_CA", files.client_ca)
        _certificates("CLIENT_CA", files.client_ca, authorities)
    _LOG.info(
        "tls certificate",
        certificate=str(files.certificate),
        expires=certificates[0].not_valid_after_utc.isoformat(),
        clients_need_certificates=authorities is not None,
    )
    return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=authorities)


def _content(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"can't be read ({error.strerror}): use a file that this account can read"
        raise _error(variable, path, problem) from error


def _certificates(variable: str, path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise _error(variable, path, "contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from error


def _error(variable: str, path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(f"CARE_GRPC_TLS_{variable}: {path} {problem}")
