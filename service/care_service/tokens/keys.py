"""The public keys that bearer tokens are verified with, read from a JWK Set (RFC 7517)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_SYMMETRIC: Final = "HS256"
_ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The signature algorithms of each key type and curve. The first one applies to keys without `alg`.

The algorithm depends on the key alone, never on a token's header (RFC 8725, section 3.1). So a public key is never used
as the secret of an HMAC, and the algorithm `none` is never accepted.
"""
_PUBLIC_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""The members that identify a key of each type (RFC 7638, section 3.2)."""
_SMALLEST_RSA: Final = 2048
"""The minimum in bits (RFC 7518, sections 3.3 and 3.5)."""

Material = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes


class BadDocumentError(Exception):
    """A document is not a JWK Set; the message says why."""


class UnusableKeyError(Exception):
    """A member of a JWK Set can't be used to verify tokens; the message says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the only algorithm that it is used with."""

    id: str | None
    """The `kid` of the key; None if it has none."""
    algorithm: str
    identity: tuple[str, ...]
    """The values that identify the key, as text."""
    material: Material = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer. Equal sets accept the same tokens."""

    keys: tuple[Key, ...] = ()

    def candidates(self, key_id: str | None) -> tuple[Key, ...]:
        """Returns the keys that may have signed a token with this `kid`, or without a `kid`.

        If there is only one key, a token may omit the `kid` (OpenID Connect Core 1.0, section 10.1).
        """
        if key_id is None:
            return self.keys if len(self.keys) == 1 else ()
        return tuple(key for key in self.keys if key.id == key_id)

    @property
    def ids(self) -> list[str]:
        """The ids, for a log."""
        return [key.id or "(without kid)" for key in self.keys]


def development_key(secret: bytes) -> Key:
    """Returns the symmetric key for development. A symmetric key in a JWK Set is never used."""
    return Key(None, _SYMMETRIC, (), secret)


def read_key_set(document: bytes) -> tuple[KeySet, list[str]]:
    """Returns the usable keys of a JWK Set, and for each unusable key the reason, for the log.

    Skips keys that are not for signatures, and gives no reason, because a set may contain such keys (RFC 7517, section
    5). Raises BadDocumentError if the document is not a JWK Set.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise BadDocumentError("it is not JSON") from error
    members = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(members, list):
        raise BadDocumentError('it is not a JWK Set: an object with the list "keys" (RFC 7517, section 5)')
    keys: dict[Key, None] = {}
    refused = []
    for position, member in enumerate(members):
        try:
            if isinstance(member, dict) and not _is_for_signatures(member):
                continue
            keys[_read_key(member)] = None
        except UnusableKeyError as error:
            key_id = member.get("kid") if isinstance(member, dict) else None
            refused.append(f"{key_id if isinstance(key_id, str) else f'number {position + 1}'}: {error}")
    return KeySet(tuple(keys)), refused


def _is_for_signatures(member: dict[str, object]) -> bool:
    """Tells whether `use` and `key_ops`, if given, allow verifying (RFC 7517, sections 4.2 and 4.3)."""
    operations = member.get("key_ops", ["verify"])
    return member.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _read_key(member: object) -> Key:
    if not isinstance(member, dict):
        raise UnusableKeyError("it is not a JSON object")
    key_id, key_type = member.get("kid"), member.get("kty")
    if key_id is not None and not isinstance(key_id, str):
        raise UnusableKeyError("its kid is not a text")
    if key_type == "oct":
        raise UnusableKeyError("it is symmetric: anybody who can verify with it can also sign")
    if "d" in member:
        raise UnusableKeyError(
            "it is private: publish only the public part, and replace the key, because this one is now known"
        )
    type_and_curve = (key_type, "" if key_type == "RSA" else member.get("crv"))
    # Compared one by one, because a lookup would fail if the document has an unhashable value here.
    algorithms = next((algorithms for kind, algorithms in _ALGORITHMS.items() if kind == type_and_curve), None)
    if algorithms is None:
        raise UnusableKeyError("its type or curve is unsupported; use RSA, P-256, P-384, P-521 or Ed25519")
    algorithm = member.get("alg") or algorithms[0]
    if algorithm not in algorithms:
        raise UnusableKeyError(f"its alg does not fit its type and curve, which allow {', '.join(algorithms)}")
    identity = tuple(str(member.get(name)) for name in ("kty", *_PUBLIC_MEMBERS[str(key_type)]))
    try:
        material = jwt.PyJWK(member, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise UnusableKeyError("its key parameters are missing or invalid") from error
    if isinstance(material, RSAPublicKey) and material.key_size < _SMALLEST_RSA:
        raise UnusableKeyError(f"it has {material.key_size} bits; RSA keys need at least {_SMALLEST_RSA}")
    return Key(key_id, algorithm, identity, material)
