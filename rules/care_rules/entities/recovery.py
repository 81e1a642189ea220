"""Recoveries: attempts to open the chat with a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules import names
from care_rules.lifecycle import RecoveryState


class RecoveryKind(StrEnum):
    """How a recovery goes about opening the chat."""

    FORM = "FORM"
    DIRECT = "DIRECT"


class RefusalReason(StrEnum):
    """Why a review site refused a reply, in our words."""

    TOO_LONG = "TOO_LONG"
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"
    TAKEN_DOWN = "TAKEN_DOWN"
    OTHER = "OTHER"


class ReplyState(StrEnum):
    """Where a recovery's reply at the review site stands: an attempt without a recorded outcome, or its outcome."""

    NONE = "NONE"
    """No attempt was handed out."""
    POSTING = "POSTING"
    """An attempt to post the reply with the link was handed out; the reply may or may not be public."""
    RETRACTING = "RETRACTING"
    """An attempt to replace the public reply by the text without the link was handed out."""
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
    """With the placeholder; empty for DIRECT."""
    key_id: str
    """The key that its link's token is made with; pinned, so that the link outlives a rotation. Empty for DIRECT."""
    contact_id: UUID | None
    refusal_reason: RefusalReason | None
    refusal_message: str
    creator: str | None
    reply_state: ReplyState
    attempt: int
    """The attempt whose outcome counts; 0 where none is outstanding."""
    hand_out_time: datetime | None
    """When the last write was handed out."""
    unsettled_until: datetime | None
    """Until when an earlier write without an outcome may still appear at the site."""
    retract_refusals: int
    """How often the site refused to let the link be taken out."""
    retract_after: datetime | None
    """Not to be tried again before."""
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
        """What a customer who answered the form can refer to, `3F9A-12C7`: the end of the id, which is random."""
        end = self.id.hex[-8:].upper()
        return f"{end[:4]}-{end[4:]}" if self.kind is RecoveryKind.FORM else ""
