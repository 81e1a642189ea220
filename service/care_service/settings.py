"""The configuration of `care serve`, from environment variables."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from care_client.roles.fields import Address, BaseUrl, Duration, Durations, ListenAddress, LogFormat

_KEY_BYTES: Final = 32
_HOW: Final = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


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


class ServiceSettings(BaseSettings):
    """What the service needs to know."""

    database_url: str
    """`postgresql://…`; the database must exist, its tables are made at start."""
    grpc_address: ListenAddress = Address("127.0.0.1", 50051)
    token_key: Annotated[bytes, BeforeValidator(_key)] = Field(repr=False)
    """The HS256 key of bearer tokens."""
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
