"""The development secrets of a home folder, made once and stored in `secrets.json`.

One key signs bearer tokens, and one signs the links for customers.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from care_dev.stack.errors import StackError

TOKEN_LIFETIME: Final = timedelta(days=30)
"""Long, because in development nobody wants to get a new token every few minutes."""

_KEY_BYTES: Final = 48
"""More than the 32 bytes that HS256 requires (RFC 7518, section 3.2). A multiple of 3, so base64 needs no padding."""

_LEAST_BYTES: Final = 32
"""The minimum for HS256."""

_LINK_KEY_ID: Final = "dev"
"""In production, the service refuses link keys whose id starts with `dev`."""


class Role(StrEnum):
    """The role in a development token."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SERVICE = "service"
    WORKER = "worker"

    @property
    def claims(self) -> list[str]:
        """The token's `roles`. A supervisor is also an agent."""
        return ["agent", "supervisor"] if self is Role.SUPERVISOR else [self.value]

    @property
    def is_person(self) -> bool:
        """Whether the token names a person of an organization's team, not a program."""
        return self in (Role.AGENT, Role.SUPERVISOR)


@dataclass(frozen=True)
class Secrets:
    """The keys of one home folder, each in base64url (RFC 4648, section 5), the format of the service's settings."""

    token_key: str
    link_key: str

    @property
    def link_keys(self) -> str:
        """The value of CARE_LINK_KEYS."""
        return f"{_LINK_KEY_ID}:{self.link_key}"

    @property
    def token_key_bytes(self) -> bytes:
        """The HS256 key itself."""
        return base64.urlsafe_b64decode(self.token_key)


def load(home: Path) -> Secrets:
    """Reads the secrets of `home`. The first caller creates them with mode 0600; concurrent first calls are safe.

    Raises StackError if the file cannot be read or written, or is damaged.
    """
    path = home / "secrets.json"
    try:
        if not path.exists():
            _create(path)
        values = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(token_key=_checked(values["token_key"]), link_key=_checked(values["link_key"]))
    except OSError as error:
        raise StackError(f"{path} cannot be read ({error.strerror}): use the account that made it") from error
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(
            f"{path} is damaged: delete it to make new keys; old tokens and links then stop working"
        ) from error


def mint(
    home: Path,
    org: str | None = None,
    agent: str | None = None,
    role: Role = Role.AGENT,
    name: str | None = None,
    *,
    acting_service: str | None = None,
    lifetime: timedelta = TOKEN_LIFETIME,
) -> str:
    """Signs a development bearer token (JWT, HS256) with the home's token key.

    `agent` is the claim `sub`; services and workers have a default. `name` defaults to `agent`. Without `org`, a
    service or worker token is valid for all organizations. `acting_service` is the service that calls on the bearer's
    behalf (RFC 8693, section 4.1). Raises StackError for a person without agent or organization, and for an id with a
    slash.
    """
    claims = _claims(org, agent, role, name, lifetime, acting_service)
    return _encode(claims, load(home).token_key_bytes)


def sign(
    token_key: str,
    org: str | None = None,
    agent: str | None = None,
    role: Role = Role.AGENT,
    name: str | None = None,
    *,
    lifetime: timedelta = TOKEN_LIFETIME,
    acting_service: str | None = None,
) -> str:
    """Works like `mint`, but with `token_key` (base64url, as in CARE_TOKEN_KEY) instead of the key of a home folder."""
    claims = _claims(org, agent, role, name, lifetime, acting_service)
    try:
        key = base64.urlsafe_b64decode(token_key + "=" * (-len(token_key) % 4))
    except ValueError:
        key = b""
    if len(key) < _LEAST_BYTES:
        raise StackError(
            "CARE_TOKEN_KEY must be base64url of at least 32 bytes: set it to the service's value, or unset it"
        )
    return _encode(claims, key)


def _encode(claims: Mapping[str, object], key: bytes) -> str:
    # Imported only here, because the CLI imports this module for every role, and PyJWT takes 11 MB of memory.
    import jwt

    return jwt.encode(dict(claims), key, algorithm="HS256")


def _claims(
    org: str | None,
    agent: str | None,
    role: Role,
    name: str | None,
    lifetime: timedelta,
    acting_service: str | None,
) -> dict[str, object]:
    subject = agent or (None if role.is_person else f"care-{role}")
    if not subject:
        raise StackError(f"a token of role {role} names a person: add --agent, for example --agent alice")
    if role.is_person and not org:
        raise StackError(f"a token of role {role} belongs to one organization: add --org, for example --org acme")
    for option, value in (("--org", org), ("--agent", subject), ("--acting-service", acting_service)):
        if value is not None and "/" in value:
            raise StackError(f"{option} {value}: give the bare id, without a slash")
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "sub": subject,
        "roles": role.claims,
        "name": name or subject,
        "iat": now,
        "exp": now + lifetime,
    }
    if org:
        claims["org"] = org
    if acting_service:
        claims["act"] = {"sub": acting_service}
    return claims


def fresh_key() -> str:
    """Returns a new random key in base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def _create(path: Path) -> None:
    fresh = Secrets(token_key=fresh_key(), link_key=fresh_key())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Unlike a rename, a hard link never replaces keys that another process has made in the meantime.
        text = json.dumps(asdict(fresh), indent=2) + "\n"
        with _private_file(path.parent, text) as temporary, suppress(FileExistsError):
            path.hardlink_to(temporary)
    except OSError as error:
        raise StackError(f"{path} cannot be written ({error.strerror}): choose another folder with --home") from error


@contextmanager
def _private_file(folder: Path, text: str) -> Iterator[Path]:
    """Yields a complete file with mode 0600 (the mode of mkstemp), and deletes it at the end of the block."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".secrets-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink()


def _checked(key: object) -> str:
    text = str(key)
    if len(base64.urlsafe_b64decode(text)) != _KEY_BYTES:
        raise ValueError("a key has the wrong length")
    return text
