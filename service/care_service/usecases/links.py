"""The links that customers get. Each contains a token that one of the keys signs. No token is stored.

A token is `{key id}.{resource id}.{MAC}`. The resource id is the 16 bytes of a UUID. The MAC is the first 128 bits of
HMAC-SHA256 over the purpose and the resource id (RFC 2104; truncation as in RFC 4868). Both are in unpadded base64url
(RFC 4648, section 5).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from care_rules.refusals import Reason, Refusal

_MAC_BYTES: Final = 16
_FORM: Final = b"care form link v1"
_CHAT: Final = b"care chat link v1"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the tokens of links. A form's token is not valid for a chat, and a chat's not for a form."""

    keys: Mapping[str, bytes]
    """The keys by key id, each at least 32 bytes."""
    current: str
    """The id of the key that signs new links. A link keeps its key, so a key must stay while links use it."""
    base_url: str
    """The URL of the customer's pages: http or https, without a trailing slash."""

    def require_key(self, key_id: str) -> None:
        """Refuses with LINK_UNKNOWN if the key of a link is missing. The message names the key, for operators.

        Call this method before an attempt begins. docs/access.md says which keys must stay.
        """
        if key_id not in self.keys:
            raise Refusal(
                Reason.LINK_UNKNOWN, f"The key {key_id} of this link is not in CARE_LINK_KEYS. Add it to that setting."
            )

    def form_token(self, recovery: UUID, key_id: str) -> str:
        """Returns the token of a recovery's form link. The same recovery and key always give the same token."""
        return self._token(_FORM, recovery, key_id)

    def form_link(self, recovery: UUID, key_id: str) -> str:
        """Returns the URL of a recovery's form."""
        return f"{self.base_url}/f/{self.form_token(recovery, key_id)}"

    def read_form_token(self, token: str) -> tuple[UUID, str] | None:
        """Returns the recovery's id and the key id; None for a token that is not valid."""
        return self._read(_FORM, token)

    def chat_token(self, contact: UUID, key_id: str) -> str:
        """Returns the token of a contact's chat link. The same contact and key always give the same token."""
        return self._token(_CHAT, contact, key_id)

    def chat_link(self, contact: UUID, key_id: str) -> str:
        """Returns the URL of a contact's chat."""
        return f"{self.base_url}/c/{self.chat_token(contact, key_id)}"

    def read_chat_token(self, token: str) -> tuple[UUID, str] | None:
        """Returns the contact's id and the key id; None for a token that is not valid."""
        return self._read(_CHAT, token)

    def _token(self, purpose: bytes, resource: UUID, key_id: str) -> str:
        mac = hmac.digest(self.keys[key_id], purpose + resource.bytes, sha256)[:_MAC_BYTES]
        return f"{key_id}.{_encode(resource.bytes)}.{_encode(mac)}"

    def _read(self, purpose: bytes, token: str) -> tuple[UUID, str] | None:
        parts = token.split(".")
        if len(parts) != 3 or parts[0] not in self.keys:  # noqa: PLR2004 - the three parts above
            return None
        try:
            resource = UUID(bytes=_decode(parts[1]))
        except ValueError:
            return None
        # The text is compared, because several base64 texts can stand for the same bytes. Only one of them is valid.
        expected = self._token(purpose, resource, parts[0])
        return (resource, parts[0]) if hmac.compare_digest(expected.encode(), token.encode()) else None
