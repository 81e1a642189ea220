"""The kit's public records of tickets, recoveries and messages. Enum values are those of the contract without prefix.

A resource keeps the same record, which always shows the current state. Only the kit changes records.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Review:
    """The part of a review that its recoveries share."""

    site: str
    external_id: str
    attempts: int = 0
    """The number of the last attempt that was started."""


@dataclass(slots=True)
class Recovery:
    """One attempt to open the chat."""

    name: str
    number: int
    """The newer of two recoveries of a review has the higher number."""
    kind: str
    state: str
    create_time: datetime
    reply_state: str = "NONE"
    """The reply at the review site: NONE, POSTING, RETRACTING, POSTED, NOT_PUBLIC or RETRACTED."""
    reply_text: str = ""
    """The reply with the placeholder ``{form_link}``; empty for DIRECT."""
    link: str = ""
    """The link to the form; empty for DIRECT."""
    email: str = ""
    phone: str = ""
    """The phone number in E.164 form."""
    claims: list[tuple[str, str]] = field(default_factory=list)
    """Email and phone of each further answer to the form."""
    refusal_reason: str = ""
    refusal_message: str = ""
    attempt: int = 0
    """The attempt whose outcome counts; 0: none."""
    retract_refusals: int = 0
    """How many times the site has refused to remove the link."""
    hand_out_time: datetime | None = None
    unsettled_until: datetime | None = None
    """Until this time, an earlier write without an outcome may still appear at the site."""
    retract_after: datetime | None = None
    """The earliest time to remove the link after a refusal."""
    read_time: datetime | None = None
    post_time: datetime | None = None
    expire_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(slots=True)
class Delivery:
    """One message to the customer."""

    name: str
    text: str
    channel: str
    recovery: str
    """Name of the recovery that the contact belongs to."""
    create_time: datetime
    give_up_time: datetime
    state: str = "QUEUED"
    failure_reason: str = ""
    failure_message: str = ""
    attempt: int = 0
    """The attempt whose outcome counts; 0: none."""
    attempts: int = 0
    """How many attempts were started."""
    provider_id: str = ""
    checks: int = 0
    """How many scheduled checks the provider has received."""
    check_time: datetime | None = None
    """When the provider is asked next."""


@dataclass(slots=True)
class Ticket:
    """One ticket."""

    name: str
    review: Review | None
    create_time: datetime
    active_time: datetime
    """When a person was last active, a form expired or was refused, or a delivery failed."""
    status: str = "OPEN"
    close_reason: str = ""
    recoveries: list[Recovery] = field(default_factory=list)
    """In the order of creation."""
    messages: list[Delivery] = field(default_factory=list)
    """The messages to the customer, in the order of creation."""
    fired_deadlines: list[str] = field(default_factory=list)
    """The deadlines that were fired, in order: values of ``care.v1.DeadlineKind`` without prefix, or FORM_REMINDER."""
    reminders: int = 0
    """How many reminders of the live form have been recorded so far."""
    follow_up_of: str = ""
    """The name of the CLOSED ticket that this one follows."""
    warn_time: datetime | None = None
    """When the assignee was warned that the ticket will be closed for inactivity."""
    waits_since: datetime | None = None
    """When the business began to wait for the customer; None if it does not wait."""
    resolve_time: datetime | None = None
