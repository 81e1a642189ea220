"""What comes of a command if nothing earlier in the order of refusals applies: DESIGN section 3, written by hand."""

from __future__ import annotations

from typing import Final


def _table(text: str) -> dict[str, dict[str, str]]:
    """Reads columns separated by spaces: by row, then by column."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


# `yes`: nothing of ownership stands in the way. `nothing`: a success that changes nothing.
OWNERSHIP: Final = _table(
    """
    command            own             agent,other's     agent,nobody's  supervisor,other's  supervisor,nobody's
    TakeTicket         nothing         ALREADY_ASSIGNED  yes             ALREADY_ASSIGNED    yes
    AssignTicket       yes             NOT_ASSIGNEE      UNASSIGNED      yes                 yes
    (every-other)      yes             NOT_ASSIGNEE      UNASSIGNED      NOT_ASSIGNEE        UNASSIGNED
    """
)

# A status: what the ticket has afterwards. ILLEGAL: ILLEGAL_TRANSITION.
STATUS: Final = _table(
    """
    command        OPEN         IN_PROGRESS  RESOLVED
    StartTicket    IN_PROGRESS  ILLEGAL      ILLEGAL
    ResolveTicket  RESOLVED     RESOLVED     ILLEGAL
    CloseTicket    CLOSED       CLOSED       CLOSED
    ReopenTicket   ILLEGAL      ILLEGAL      IN_PROGRESS
    """
)

STATUS_TRIGGERS: Final = {
    "StartTicket": "start",
    "ResolveTicket": "resolve",
    "CloseTicket": "close",
    "ReopenTicket": "reopen",
}

# A state: that of the recovery that the command moves or makes. `claimed`: kept beside the first contact.
# A REPLACED recovery's successor is CONTACT_RECEIVED, so that a contact is known; of the others that ended, none is.
RECOVERY: Final = _table(
    """
    state             SendRecoveryForm  AddContact        WithdrawRecoveryForm  RejectContact  SubmitContact
    NO_CONTACT        FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_UNKNOWN
    FORM_REQUESTED    FORM_LIVE         CONTACT_RECEIVED  WITHDRAWN             ILLEGAL        CONTACT_RECEIVED
    AWAITING_CONTACT  FORM_LIVE         CONTACT_RECEIVED  WITHDRAWN             ILLEGAL        CONTACT_RECEIVED
    CONTACT_RECEIVED  ILLEGAL           ILLEGAL           ILLEGAL               REJECTED       claimed
    CHAT_UNLOCKED     ILLEGAL           ILLEGAL           ILLEGAL               REJECTED       claimed
    REFUSED           FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    WITHDRAWN         FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    EXPIRED           FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_EXPIRED
    REJECTED          FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        claimed
    REPLACED          ILLEGAL           ILLEGAL           ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    """
)

RECOVERY_TRIGGERS: Final = {
    "SendRecoveryForm": "request_form",
    "AddContact": "add_contact",
    "WithdrawRecoveryForm": "withdraw_form",
    "RejectContact": "reject_contact",
}

# After the close, the links that it ended, and those whose contact had been rejected, raise a follow-up.
SUBMIT_AFTER_CLOSE: Final = {
    "NO_CONTACT": "LINK_UNKNOWN",
    "REFUSED": "LINK_WITHDRAWN",
    "WITHDRAWN": "LINK_WITHDRAWN",
    "EXPIRED": "LINK_EXPIRED",
    "REJECTED": "follow-up",
    "REPLACED": "LINK_WITHDRAWN",
    "ENDED_BY_CLOSE": "follow-up",
}

# A contact has a chat from the unlock on, until it is rejected.
WITH_CHAT: Final = frozenset({"CHAT_UNLOCKED", "ENDED_BY_CLOSE"})

# The greeting is QUEUED when a chat opens; a rejected contact's is FAILED. Bookkeeping goes on after a close.
DELIVERY: Final = {
    "BeginDelivery SEND": "hidden",
    "BeginDelivery CHECK": "-",
    "RecordDelivered": "DELIVERY_SENT",
    "RecordFailed": "DELIVERY_FAILED",
}

# Whatever the status: workflow bookkeeping is still recorded on a CLOSED ticket. The attempt is the one that the
# recovery wants in its state: POST, READ or RETRACT; where it wants none, the last one, whose report comes late.
# `hidden`: a success that nobody sees. `logged`: an activity, no move. `-`: nothing. Otherwise the state afterwards.
WORKER_TABLE: Final = _table(
    """
    state             POST    READ    RETRACT  RecordPosted      RecordRefused  RecordRetracted  UnlockChat  ExpireForm
    FORM_REQUESTED    hidden  -       -        AWAITING_CONTACT  REFUSED        -                -              EXPIRED
    AWAITING_CONTACT  -       hidden  -        hidden            REFUSED        -                -              EXPIRED
    CONTACT_RECEIVED  -       -       -        -                 -              -                CHAT_UNLOCKED  -
    CHAT_UNLOCKED     -       -       -        -                 -              -                -              -
    REFUSED           -       -       -        -                 -              -                -              -
    WITHDRAWN         -       -       hidden   -                 logged         logged           -              -
    EXPIRED           -       -       hidden   -                 logged         logged           -              -
    REJECTED          -       -       hidden   -                 logged         logged           -              -
    REPLACED          -       -       hidden   -                 logged         logged           -              -
    ENDED_BY_CLOSE    -       -       hidden   -                 logged         logged           -              -
    """
)

WORKER_COLUMNS: Final = {
    "BeginPosting POST": "POST",
    "BeginPosting READ": "READ",
    "BeginPosting RETRACT": "RETRACT",
}

ACTIVITIES: Final = {
    "UpdateTicket": "UPDATED",
    "AddNote": "NOTE_ADDED",
    "SendMessage": "MESSAGE_SENT",
    "TakeTicket": "TAKEN",
    "ReleaseTicket": "RELEASED",
    "StartTicket": "STARTED",
    "ResolveTicket": "RESOLVED",
    "CloseTicket": "CLOSED",
    "ReopenTicket": "REOPENED",
    "SendRecoveryForm": "FORM_REQUESTED",
    "WithdrawRecoveryForm": "FORM_WITHDRAWN",
    "AddContact": "CONTACT_ADDED",
    "RejectContact": "CONTACT_REJECTED",
    "RecordPosted": "FORM_POSTED",
    "RecordRefused": "FORM_REFUSED",
    "RecordRetracted": "REPLY_RETRACTED",
    "UnlockChat": "CHAT_UNLOCKED",
    "ExpireForm": "FORM_EXPIRED",
}
