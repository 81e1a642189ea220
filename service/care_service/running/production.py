"""The checks for `CARE_ENVIRONMENT=production`: it refuses settings that are meant for development."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from care_roles.fields import Address
from care_service.running.tls_files import TlsFiles

DEVELOPMENT_LINK_KEY: Final = "dev"
"""The prefix of the ids of development link keys, such as those of `care up`."""


class RestrictedSettings(Protocol):
    """The settings that production restricts."""

    @property
    def token_key(self) -> bytes | None:
        """The HS256 key of bearer tokens, for development."""
        ...

    @property
    def token_keys(self) -> str | None:
        """The URL or path of the issuer's JWK Set."""
        ...

    @property
    def link_keys(self) -> Collection[str]:
        """The ids of the link keys."""
        ...

    @property
    def web_url(self) -> str:
        """The base URL of the customers' pages."""
        ...

    @property
    def tls_files(self) -> TlsFiles | None:
        """The files for TLS; None if the server does not use TLS."""
        ...

    @property
    def grpc_plaintext(self) -> str:
        """Whether a service without TLS may listen on the network: `allowed` or `refused`."""
        ...

    @property
    def grpc_address(self) -> Address:
        """The address that the service listens on."""
        ...


def problems(settings: RestrictedSettings) -> list[str]:
    """Returns the problems of a production configuration. Each names the variable and says what to do."""
    found = []
    if settings.token_key is not None:
        found.append("CARE_TOKEN_KEY is for development: unset it, and set CARE_TOKEN_KEYS to the issuer's keys")
    elif settings.token_keys is None:
        found.append(
            "CARE_TOKEN_KEYS is missing: set it to the https:// URL of the token issuer's JWK Set, or to a file"
        )
    if settings.token_keys and urlsplit(settings.token_keys).scheme == "http":
        found.append("CARE_TOKEN_KEYS must be an https:// URL or a file in production")
    if development := [key for key in settings.link_keys if key.startswith(DEVELOPMENT_LINK_KEY)]:
        problem = (
            f"contains {development[0]}, a key for development: use your own keys, with ids that do not start with dev"
        )
        found.append(f"CARE_LINK_KEYS {problem}")
    if not settings.web_url.startswith("https://"):
        found.append(
            "CARE_WEB_URL must start with https:// in production, because customers enter their addresses there"
        )
    if (
        settings.tls_files is None
        and settings.grpc_plaintext != "allowed"
        and not _is_loopback(settings.grpc_address.host)
    ):
        problem = (
            "bearer tokens would cross the network in plain text: set CARE_GRPC_TLS_CERTIFICATE and CARE_GRPC_TLS_KEY"
        )
        found.append(f"CARE_GRPC_ADDRESS: {problem}, or CARE_GRPC_PLAINTEXT=allowed if a local proxy terminates TLS")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
