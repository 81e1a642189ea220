"""Recoveries: attempts to open the chat with a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules import names
from care_rules.lifecycle import RecoveryState


class RecoveryKind(StrEnum):
    """How a recovery gets a contact: by a form, or directly from an agent, a service or a customer."""

    FORM = "FORM"
    DIRECT = "DIRECT"


class RefusalReason(StrEnum):
    """Why a review site refused a reply."""

    TOO_LONG = "TOO_LONG"
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"
    TAKEN_DOWN = "TAKEN_DOWN"
    OTHER = "OTHER"


class ReplyState(StrEnum):
    """The state of a recovery's reply at the review site: an attempt in progress, or the last outcome."""

    NONE = "NONE"
    """No attempt has begun."""
    POSTING = "POSTING"
    """An attempt to post the reply with the link has begun; the reply may or may not be public."""
    RETRACTING = "RETRACTING"
    """An attempt to replace the public reply by the text without the link has begun."""
    POSTED = "POSTED"
    NOT_PUBLIC = "NOT_PUBLIC"
    RETRACTED = "RETRACTED"


@dataclass(frozen=True, slots=True)
class Recovery:
    """One attempt to open the chat."""

    organization: str
    ticket_number: int
    id: UUID
    kind: RecoveryKind
    state: RecoveryState
    review_id: UUID | None
    reply_text: str
    """Contains the link's placeholder. Empty for DIRECT."""
    key_id: str
    """The id of the key that signs the form's link. Empty for DIRECT.

    The id never changes, so the link stays valid when another key signs new links.
    """
    contact_id: UUID | None
    refusal_reason: RefusalReason | None
    refusal_message: str
    creator: str | None
    reply_state: ReplyState
    attempt: int
    """The number of the attempt in progress; 0 if there is none."""
    hand_out_time: datetime | None
    """When the last attempt to write to the site began."""
    unsettled_until: datetime | None
    """Until when an earlier write without an outcome may appear at the site."""
    retract_refusals: int
    """How many times the site refused to remove the link."""
    retract_after: datetime | None
    """The earliest time of the next attempt to remove the link."""
    read_time: datetime | None
    """When the public reply was last seen as expected."""
    create_time: datetime
    post_time: datetime | None
    expire_time: datetime | None
    contact_time: datetime | None
    unlock_time: datetime | None
    end_time: datetime | None
    retract_time: datetime | None

    @property
    def name(self) -> str:
        """`organizations/{o}/tickets/{n}/recoveries/{id}`."""
        return names.recovery(self.organization, self.ticket_number, self.id)

    @property
    def reference(self) -> str:
        """The reference that the customer gets, such as `3F9A-12C7`: the random end of the id. Empty for DIRECT."""
        end = self.id.hex[-8:].upper()
        return f"{end[:4]}-{end[4:]}" if self.kind is RecoveryKind.FORM else ""
