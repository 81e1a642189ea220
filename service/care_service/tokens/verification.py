"""Checks the signature, issuer and audience of each token once (RFC 7519, section 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import jwt

from care_rules.callers import Caller
from care_service.tokens import claims
from care_service.tokens.claims import token_invalid
from care_service.tokens.keys import Key, KeySet
from care_service.tokens.rules import TokenRules

_CACHED: Final = 4_096
"""How many verified tokens are cached."""


class UnknownKeyError(Exception):
    """No known key has the `kid` of the token, or the token has no `kid` and several keys are known."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token with a valid signature. Each call checks the token's times."""

    caller: Caller
    begin: float
    """`nbf`, a Unix time (RFC 7519, section 4.1)."""
    expiry: float
    """`exp`, a Unix time."""


class Verifier:
    """Verifies tokens with one set of keys. Caches the results, so another set needs another verifier."""

    def __init__(self, keys: KeySet, development: Key | None, rules: TokenRules) -> None:
        self.keys = keys
        self._development = development
        self._rules = rules
        # A caller sends the same token with every call, and checking a signature is slow. Errors are not cached.
        self.verify = lru_cache(maxsize=_CACHED)(self._verify)

    def _verify(self, token: str) -> VerifiedToken:
        """Returns the caller and the times of a token.

        Refuses with TOKEN_INVALID if the token is not valid. Raises UnknownKeyError if no known key fits.
        """
        content = self._decode(token)
        caller = claims.read_caller(content, self._rules.claims)
        return VerifiedToken(caller, claims.read_time(content, "nbf", 0), claims.read_time(content, "exp", None))

    def _decode(self, token: str) -> dict[str, object]:
        try:
            candidates = self._candidates(jwt.get_unverified_header(token).get("kid"))
            for key in candidates[:-1]:
                try:
                    return self._decode_with(key, token)
                except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                    continue
            return self._decode_with(candidates[-1], token)
        except jwt.MissingRequiredClaimError as error:
            raise token_invalid(f"The token has no {error.claim}.", error.claim) from error
        except jwt.InvalidIssuerError as error:
            raise token_invalid("The token comes from an issuer that is not trusted.", "iss") from error
        except jwt.InvalidAudienceError as error:
            raise token_invalid("The token is for another audience.", "aud") from error
        except jwt.InvalidTokenError as error:
            raise token_invalid("The bearer token is malformed or signed by another key.") from error

    def _candidates(self, key_id: str | None) -> tuple[Key, ...]:
        found = self.keys.candidates(key_id)
        if key_id is None and self._development:
            found = (self._development, *found)
        if not found:
            raise UnknownKeyError
        return found

    def _decode_with(self, key: Key, token: str) -> dict[str, object]:
        rules = self._rules
        return jwt.decode(
            token,
            key.material,
            # The key decides on the algorithm, not the token's header.
            algorithms=[key.algorithm],
            issuer=rules.issuer,
            audience=rules.audience,
            options={
                "verify_iss": rules.issuer is not None,
                "verify_aud": rules.audience is not None,
                # Each call checks the times against the service's clock. `read_caller` checks `sub`. The other claims
                # are not used.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
