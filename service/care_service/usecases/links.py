"""The links that customers get. Keys make and check their tokens. No token is stored.

A token is `{key id}.{resource id}.{MAC}`; the id is the 16 bytes of a UUID and the MAC the first 128 bits of
HMAC-SHA256 over purpose and id (RFC 2104; truncation as in RFC 4868), both in unpadded base64url (RFC 4648, section 5).
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
    """Makes and reads the tokens of links to forms and chats. A form's token is not valid for a chat, or vice versa."""

    keys: Mapping[str, bytes]
    """The keys by key id, each at least 32 bytes."""
    current: str
    """The id of the key for new links. A link never changes its key, so a key must stay while its links are in use."""
    base_url: str
    """The URL of the customer's pages: http or https, without a trailing slash."""

    def require_key(self, key_id: str) -> None:
        """Refuses with LINK_UNKNOWN if a link's key is missing.

        Call it before an attempt begins. The workflow shows operators which key to restore (docs/operating.md).
        """
        if key_id not in self.keys:
            raise Refusal(
                Reason.LINK_UNKNOWN, f"The key {key_id} of this link is not in CARE_LINK_KEYS. Add it to that setting."
            )

    def form_token(self, recovery: UUID, key_id: str) -> str:
        """Returns the token of a recovery's form link. It is always the same."""
        return self._token(_FORM, recovery, key_id)

    def form_link(self, recovery: UUID, key_id: str) -> str:
        """Returns the URL of a recovery's form."""
        return f"{self.base_url}/f/{self.form_token(recovery, key_id)}"

    def read_form_token(self, token: str) -> tuple[UUID, str] | None:
        """Returns the recovery's id and the key id; None for a token that is not valid."""
        return self._read(_FORM, token)

    def chat_token(self, contact: UUID, key_id: str) -> str:
        """Returns the token of a contact's chat link. It is always the same."""
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
        # Compared as text: base64 can write the same bytes in several ways, and only one of them is valid.
        expected = self._token(purpose, resource, parts[0])
        return (resource, parts[0]) if hmac.compare_digest(expected.encode(), token.encode()) else None
