"""Bearer tokens: JSON Web Tokens (RFC 7519) in the `authorization` metadata (RFC 6750, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from care_rules.refusals import Reason, Refusal
from care_service.tokens.claims import token_invalid
from care_service.tokens.issuer_keys import PAUSE, TokenKeys
from care_service.tokens.keys import development_key
from care_service.tokens.rules import TokenRules
from care_service.tokens.verification import UnknownKeyError, VerifiedToken, Verifier


class Authenticator:
    """Turns call metadata into a caller."""

    def __init__(self, keys: TokenKeys, rules: TokenRules, secret: bytes | None = None) -> None:
        """`secret` is the symmetric key for development. Without it, symmetric signatures are rejected."""
        self._keys = keys
        self._rules = rules
        self._development = development_key(secret) if secret else None
        self._verifier = Verifier(keys.current, self._development, rules)

    async def authenticate(self, metadata: Iterable[tuple[str, str | bytes]], now: datetime) -> VerifiedToken:
        """Returns the caller, and the times between which the token is valid.

        Refuses with TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED if the token is missing, invalid or expired. Refuses
        with TOKEN_KEYS_UNAVAILABLE if the token's key is unknown and the issuer's keys can't be fetched.
        """
        values = [value for key, value in metadata if key == "authorization"]
        if not values:
            message = "The call has no bearer token. Send the metadata `authorization: Bearer <token>`."
            raise Refusal(Reason.TOKEN_MISSING, message)
        value = values[0] if isinstance(values[0], str) else ""
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise token_invalid("The authorization metadata must have the form: Bearer <token>.")
        verified = await self._verify_token(token.strip())
        if verified.begin > now.timestamp() + self._rules.leeway.total_seconds():
            raise token_invalid("The bearer token is not valid yet.", "nbf")
        if self.has_expired(verified.expiry, now):
            raise token_expired()
        return verified

    def has_expired(self, expiry: float, now: datetime) -> bool:
        """Tells whether a token with this `expiry`, a Unix time, has expired at `now`. Allows for the leeway."""
        return expiry <= now.timestamp() - self._rules.leeway.total_seconds()

    async def _verify_token(self, token: str) -> VerifiedToken:
        try:
            return self._verify(token)
        except UnknownKeyError:
            await self._keys.refresh_now()
        try:
            return self._verify(token)
        except UnknownKeyError:
            if not self._keys.is_unavailable:
                raise token_invalid("The bearer token names a key that the issuer does not have.") from None
        message = "The token names an unknown key, and the issuer's keys can't be fetched right now. Retry the call."
        raise Refusal(Reason.TOKEN_KEYS_UNAVAILABLE, message, retry_after=PAUSE)

    def _verify(self, token: str) -> VerifiedToken:
        if self._verifier.keys is not self._keys.current:
            # The old verifier caches tokens, and a removed key may have signed them.
            self._verifier = Verifier(self._keys.current, self._development, self._rules)
        return self._verifier.verify(token)


def token_expired() -> Refusal:
    """Returns the refusal of an expired token."""
    return Refusal(Reason.TOKEN_EXPIRED, "The bearer token has expired. Get a new one.")
