"""The configuration of `care serve`, from environment variables."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from care_roles.environment import RoleSettings
from care_roles.fields import Address, BaseUrl, Duration, Durations, ListenAddress, LogFormat
from care_service.running import production
from care_service.running.tls_files import TlsFiles
from care_service.tokens.claims import ClaimNames
from care_service.tokens.rules import TokenRules

_KEY_BYTES: Final = 32
_HOW: Final = "create one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
_LEEWAY: Final = re.compile(r"([0-9]{1,3})s")
_LARGEST_LEEWAY: Final = timedelta(minutes=5)


def _key(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        key = urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _KEY_BYTES:
        raise ValueError(f"must be at least {_KEY_BYTES} bytes in base64url; {_HOW}")
    return key


def _keys(text: object) -> dict[str, bytes]:
    if isinstance(text, dict):
        return text
    keys: dict[str, bytes] = {}
    for part in str(text).split(","):
        key_id, separator, key = part.strip().partition(":")
        if not separator or not key_id.isalnum() or key_id in keys:
            raise ValueError("must be id:key pairs, separated by commas; ids have letters and digits, and are unique")
        keys[key_id] = _key(key)
    return keys


def _optional_key(text: object) -> bytes | None:
    return None if text is None else _key(text)


def _token_keys(text: object) -> object:
    if not isinstance(text, str) or "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is not a number
        valid = False
    if not valid or re.search(r"[\s@#]", text):
        raise ValueError(
            "must be the https:// URL of a JWK Set, without user, password and fragment, or the path of a file"
        )
    return text


def _leeway(text: object) -> object:
    if not isinstance(text, str):
        return text
    match = _LEEWAY.fullmatch(text.strip())
    if match is None or (leeway := timedelta(seconds=int(match[1]))) > _LARGEST_LEEWAY:
        raise ValueError(f"must be whole seconds from 0s to {_LARGEST_LEEWAY.seconds}s, such as 30s")
    return leeway


def _claims(text: object) -> object:
    return ClaimNames.parse(text) if isinstance(text, str) else text


class ServiceSettings(RoleSettings):
    """The settings of the service. For example, the environment variable `CARE_TASK_QUEUE` sets `task_queue`."""

    environment: Literal["development", "production"] = "development"
    """In production, the service refuses settings that are meant for development: see `production`."""
    database_url: str
    """A URL like `postgresql://…`. The database must exist. The service creates the tables at start."""
    grpc_address: ListenAddress = Address("127.0.0.1", 50051)
    grpc_plaintext: Literal["allowed", "refused"] = "refused"
    """Whether a service in production may listen on the network without TLS."""
    grpc_tls_certificate: Path | None = None
    grpc_tls_key: Path | None = None
    grpc_tls_client_ca: Path | None = None
    token_key: Annotated[bytes | None, BeforeValidator(_optional_key)] = Field(default=None, repr=False)
    """The HS256 key of bearer tokens, for development: at least 32 bytes in base64url."""
    token_keys: Annotated[str | None, BeforeValidator(_token_keys)] = None
    """The URL or path of the JWK Set with the public keys of the token issuer."""
    token_keys_refresh: Duration = timedelta(minutes=5)
    """The time between two fetches of the JWK Set. A removed key is accepted until the next successful fetch."""
    token_issuer: str | None = None
    """The `iss` claim of accepted tokens."""
    token_audience: str | None = None
    """The value that the `aud` claim of accepted tokens is or contains."""
    token_leeway: Annotated[timedelta, BeforeValidator(_leeway)] = timedelta(seconds=30)
    """How far the issuer's clock may differ from this machine's; 0s to 300s."""
    token_claims: Annotated[ClaimNames, BeforeValidator(_claims)] = ClaimNames()
    """The names of the claims in the issuer's tokens."""
    link_keys: Annotated[dict[str, bytes], BeforeValidator(_keys)] = Field(repr=False)
    """The keys that sign links to customers, by key id: at least 32 bytes each. The first key signs new links."""
    web_url: BaseUrl
    """The base URL of the customers' pages. Links to customers start with this URL."""
    task_queue: str = "care"
    """The Temporal task queue of the workflows."""
    moderation_checks: Durations = (
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=3),
    )
    """The times after posting at which the public reply is read again. Sites may take a reply down later."""
    settle_time: Duration = timedelta(minutes=1)
    """The longest time from the start of an attempt until its write appears at the review site.

    Must be at least the time limit that the worker sets for an attempt.
    """
    reconcile_interval: Duration = timedelta(minutes=5)
    """The pause between two rounds of the reconciler, which restarts missing workflows."""
    metrics_address: ListenAddress | None = None
    """The address of the metrics and health endpoint; off by default."""
    database_pool_size: int = Field(20, ge=4, le=1000)
    """The maximum number of database connections of one process. Up to two more connections watch the database."""
    max_calls: int = Field(1000, ge=1)
    """The maximum number of concurrent calls of one process. Streams do not count."""
    max_streams: int = Field(10_000, ge=1)
    """The maximum number of concurrent streams of one process."""
    max_call_time: Duration = timedelta(seconds=30)
    """The maximum duration of a call, even if the client sets a later deadline."""
    drain_time: Duration = timedelta(seconds=10)
    """How long calls in progress may take to finish when the service stops."""
    log_format: LogFormat = "json"

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: str) -> str:
        try:
            good = url.startswith("postgresql://") and urlsplit(url).port != 0
        except ValueError:  # such as a port that is not a number
            good = False
        if not good:
            raise ValueError("must be a URL like postgresql://user:password@host:5432/care")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Raises ValueError if a variable is missing, or if variables contradict each other.

        The message names the variables, because pydantic names only fields.
        """
        problems = [
            f"CARE_ENVIRONMENT=production: {problem}"
            for problem in (production.problems(self) if self.environment == "production" else [])
        ]
        if self.environment == "development" and self.token_key is None and self.token_keys is None:
            problems.append(
                "CARE_TOKEN_KEYS is missing: set it to the URL or file of the token issuer's JWK Set. For development, "
                """set CARE_TOKEN_KEY="$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')" instead"""
            )
        if self.token_keys is not None:
            # An issuer also signs tokens for other services, so its signature is not enough (RFC 8725, section 3.9).
            wanted = (
                ("CARE_TOKEN_ISSUER", "iss", self.token_issuer),
                ("CARE_TOKEN_AUDIENCE", "aud", self.token_audience),
            )
            problems += [
                f"{name} is missing: with CARE_TOKEN_KEYS, set it to the {claim} claim of your tokens"
                for name, claim, value in wanted
                if value is None
            ]
        if (self.grpc_tls_certificate is None) != (self.grpc_tls_key is None):
            problems.append("CARE_GRPC_TLS_CERTIFICATE and CARE_GRPC_TLS_KEY belong together: set both, or neither")
        elif self.grpc_tls_client_ca and self.grpc_tls_certificate is None:
            problems.append(
                "CARE_GRPC_TLS_CLIENT_CA needs CARE_GRPC_TLS_CERTIFICATE and CARE_GRPC_TLS_KEY: set these, too"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def tls_files(self) -> TlsFiles | None:
        """The files for TLS; None if the server does not use TLS."""
        if self.grpc_tls_certificate is None or self.grpc_tls_key is None:
            return None
        return TlsFiles(self.grpc_tls_certificate, self.grpc_tls_key, self.grpc_tls_client_ca)

    @property
    def token_rules(self) -> TokenRules:
        """The requirements for tokens besides their signature."""
        return TokenRules(self.token_issuer, self.token_audience, self.token_leeway, self.token_claims)
