"""The outcome of each command if no earlier refusal applies, in tables written by hand."""

from __future__ import annotations

from typing import Final


def _table(text: str) -> dict[str, dict[str, str]]:
    """Reads a table whose columns are separated by spaces. Returns the cells by row, then by column."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


# `yes`: ownership allows the command. `nothing`: a success that changes nothing.
OWNERSHIP: Final = _table(
    """
    command            own             agent,other's     agent,nobody's  supervisor,other's  supervisor,nobody's
    TakeTicket         nothing         ALREADY_ASSIGNED  yes             ALREADY_ASSIGNED    yes
    AssignTicket       yes             NOT_ASSIGNEE      UNASSIGNED      yes                 yes
    (every-other)      yes             NOT_ASSIGNEE      UNASSIGNED      NOT_ASSIGNEE        UNASSIGNED
    """
)

# A status is that of the ticket afterwards. ILLEGAL: ILLEGAL_TRANSITION.
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

# A state is that of the changed or new recovery afterwards. `claimed`: the contact is kept beside the first one.
# A ticket with a REPLACED recovery has a successor in CONTACT_RECEIVED, so its contact is known. After the other ended
# states no contact is known.
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

# After the close, a link that the close ended creates a follow-up. So does a link whose contact was rejected.
SUBMIT_AFTER_CLOSE: Final = {
    "NO_CONTACT": "LINK_UNKNOWN",
    "REFUSED": "LINK_WITHDRAWN",
    "WITHDRAWN": "LINK_WITHDRAWN",
    "EXPIRED": "LINK_EXPIRED",
    "REJECTED": "follow-up",
    "REPLACED": "LINK_WITHDRAWN",
    "ENDED_BY_CLOSE": "follow-up",
}

# A contact has a chat from the unlock until the rejection of the contact.
WITH_CHAT: Final = frozenset({"CHAT_UNLOCKED", "ENDED_BY_CLOSE"})

# The greeting is QUEUED when a chat opens, and FAILED when the contact is rejected. Reports are recorded after a close.
DELIVERY: Final = {
    "BeginDelivery SEND": "hidden",
    "BeginDelivery CHECK": "-",
    "RecordDelivered": "DELIVERY_SENT",
    "RecordFailed": "DELIVERY_FAILED",
}

# The status does not matter: reports of the worker are recorded on a CLOSED ticket too. The attempt is that of the
# planned step: POST, READ or RETRACT. Without a planned step it is the last attempt, whose report is late.
# `hidden`: a success that changes only internal values. `logged`: an activity without a transition. `-`: nothing.
# Otherwise the state afterwards.
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
