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
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from care_roles.fields import Address, BaseUrl, Duration, Durations, ListenAddress, LogFormat
from care_service.running import production
from care_service.running.tls import TlsFiles
from care_service.tokens.claims import ClaimNames
from care_service.tokens.verification import TokenRules

_KEY_BYTES: Final = 32
_HOW: Final = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
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
            raise ValueError("must be id:key pairs with different ids of letters and digits, separated by commas")
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
    except ValueError:  # such as a port that is no number
        valid = False
    if not valid or re.search(r"[\s@#]", text):
        raise ValueError("must be the https:// URL of a JWK Set, without user, password or fragment, or a file's path")
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


class ServiceSettings(BaseSettings):
    """What the service needs to know."""

    environment: Literal["development", "production"] = "development"
    """In production, what is meant for development is refused: see `production`."""
    database_url: str
    """`postgresql://…`; the database must exist, its tables are made at start."""
    grpc_address: ListenAddress = Address("127.0.0.1", 50051)
    grpc_plaintext: Literal["allowed", "refused"] = "refused"
    """Whether a service in production may listen without TLS to more than this machine."""
    grpc_tls_certificate: Path | None = None
    grpc_tls_key: Path | None = None
    grpc_tls_client_ca: Path | None = None
    token_key: Annotated[bytes | None, BeforeValidator(_optional_key)] = Field(default=None, repr=False)
    """The HS256 key of bearer tokens, for development."""
    token_keys: Annotated[str | None, BeforeValidator(_token_keys)] = None
    """The URL or path of the JWK Set that the issuer signs bearer tokens with."""
    token_keys_refresh: Duration = timedelta(minutes=5)
    """How often that is fetched again: a key that was taken out is accepted for so long."""
    token_issuer: str | None = None
    """The `iss` of tokens."""
    token_audience: str | None = None
    """What the `aud` of tokens is or contains."""
    token_leeway: Annotated[timedelta, BeforeValidator(_leeway)] = timedelta(seconds=30)
    """How far the issuer's clock may be from ours; 0s to 300s."""
    token_claims: Annotated[ClaimNames, BeforeValidator(_claims)] = ClaimNames()
    """How the issuer calls the claims."""
    link_keys: Annotated[dict[str, bytes], BeforeValidator(_keys)] = Field(repr=False)
    """By key id; the first makes new links."""
    web_url: BaseUrl
    """Where customers reach the pages."""
    task_queue: str = "care"
    moderation_checks: Durations = (
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=3),
    )
    """When after posting the public reply is read again."""
    settle_time: Duration = timedelta(minutes=1)
    """How long after its hand-out a write may appear at a review site; at least the worker's deadline of an attempt."""
    reconcile_interval: Duration = timedelta(minutes=5)
    """How long after one comparison of the database with Temporal the next begins, and what is missing runs again."""
    metrics_address: ListenAddress | None = None
    """The address of the metrics and health endpoint; off by default."""
    database_pool_size: int = Field(20, ge=1, le=1000)
    """Database connections of one process; two more are for looking after it."""
    max_calls: int = Field(1000, ge=1)
    """Calls that one process serves at a time, streams apart."""
    max_streams: int = Field(10_000, ge=1)
    """Streams that one process serves at a time."""
    max_call_time: Duration = timedelta(seconds=30)
    """How long a call may take, whatever its client asks for."""
    drain_time: Duration = timedelta(seconds=10)
    """How long calls in progress can take to finish when the service stops."""
    log_format: LogFormat = "json"

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: str) -> str:
        try:
            good = make_url(url).drivername == "postgresql"
        except (ArgumentError, ValueError):
            good = False
        if not good:
            raise ValueError("must be a URL like postgresql://user:password@host:5432/care")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Raises ValueError with the rules that several variables break; they are named, as no field is."""
        problems = [
            f"CARE_ENVIRONMENT=production: {problem}"
            for problem in (production.problems(self) if self.environment == "production" else [])
        ]
        if self.environment == "development" and self.token_key is None and self.token_keys is None:
            problems.append(
                "CARE_TOKEN_KEYS is missing: set it to the URL or file of the token issuer's JWK Set, or, for "
                """development, CARE_TOKEN_KEY="$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')\""""
            )
        if self.token_keys is not None:
            # An issuer signs for others too: its signature alone says nothing about us (RFC 8725, section 3.9).
            wanted = (
                ("CARE_TOKEN_ISSUER", "iss", self.token_issuer),
                ("CARE_TOKEN_AUDIENCE", "aud", self.token_audience),
            )
            problems += [
                f"{name} is missing: with CARE_TOKEN_KEYS, set it to the {claim} that your tokens have"
                for name, claim, value in wanted
                if value is None
            ]
        if (self.grpc_tls_certificate is None) != (self.grpc_tls_key is None):
            problems.append("CARE_GRPC_TLS_CERTIFICATE and CARE_GRPC_TLS_KEY belong together: set both, or neither")
        elif self.grpc_tls_client_ca and self.grpc_tls_certificate is None:
            problems.append(
                "CARE_GRPC_TLS_CLIENT_CA needs CARE_GRPC_TLS_CERTIFICATE and CARE_GRPC_TLS_KEY: set these too"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def tls_files(self) -> TlsFiles | None:
        """The files of the server's TLS; None where it speaks plaintext."""
        if self.grpc_tls_certificate is None or self.grpc_tls_key is None:
            return None
        return TlsFiles(self.grpc_tls_certificate, self.grpc_tls_key, self.grpc_tls_client_ca)

    @property
    def token_rules(self) -> TokenRules:
        """What is asked of tokens beside their signature."""
        return TokenRules(self.token_issuer, self.token_audience, self.token_leeway, self.token_claims)
