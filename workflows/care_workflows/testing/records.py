"""What the fake service knows: tickets, recoveries and messages, by the bare words of the contract's enums."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How the fake service is configured. The defaults are the service's own."""

    form_lifetime: timedelta = timedelta(days=30)
    form_reminders: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=7))
    """When after posting the assignee is reminded that a form waits."""
    moderation_checks: tuple[timedelta, ...] = (
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=3),
    )
    """When after posting the public reply is read again."""
    settle: timedelta = timedelta(minutes=1)
    """How long after its hand-out a write may appear at a review site."""
    inactivity: timedelta = timedelta(days=30)
    """After how long without anybody's word a ticket is closed; zero: never."""
    inactivity_warning: timedelta = timedelta(days=3)
    """How long before that the assignee is warned; zero: not at all."""
    grace: timedelta = timedelta(days=7)
    """After how long a RESOLVED ticket is closed; zero: never."""


@dataclass(slots=True)
class Review:
    """A review, as far as its recoveries share it."""

    site: str
    external_id: str
    attempts: int = 0
    """The number of the last attempt that was handed out."""


@dataclass(slots=True)
class Recovery:
    """One attempt to open the chat. To be looked at; only the kit's methods change it."""

    name: str
    number: int
    """Of two recoveries of a review the newer one has the higher number."""
    kind: str
    state: str
    create_time: datetime
    reply_state: str = "NONE"
    """The reply at the review site: NONE, POSTING, RETRACTING, POSTED, NOT_PUBLIC or RETRACTED."""
    reply_text: str = ""
    link: str = ""
    email: str = ""
    phone: str = ""
    claims: list[tuple[str, str]] = field(default_factory=list)
    """Email and phone of each further answer to the form."""
    refusal_reason: str = ""
    refusal_message: str = ""
    attempt: int = 0
    """The attempt whose outcome counts; 0: none."""
    retract_refusals: int = 0
    hand_out_time: datetime | None = None
    unsettled_until: datetime | None = None
    retract_after: datetime | None = None
    read_time: datetime | None = None
    post_time: datetime | None = None
    expire_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(slots=True)
class Delivery:
    """One message to the customer. To be looked at; only the kit's methods change it."""

    name: str
    text: str
    channel: str
    recovery: str
    """Name of the recovery that brought the contact."""
    create_time: datetime
    give_up_time: datetime
    state: str = "QUEUED"
    failure_reason: str = ""
    failure_message: str = ""
    attempt: int = 0
    attempts: int = 0
    provider_id: str = ""
    checks: int = 0
    check_time: datetime | None = None


@dataclass(slots=True)
class Ticket:
    """One ticket. To be looked at; only the kit's methods change it."""

    name: str
    review: Review | None
    create_time: datetime
    active_time: datetime
    """When anybody last said or did anything."""
    status: str = "OPEN"
    close_reason: str = ""
    recoveries: list[Recovery] = field(default_factory=list)
    messages: list[Delivery] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    """The deadlines that had their effect, by the bare words of ``care.v1.DeadlineKind``, in order."""
    reminders: int = 0
    follow_up_of: str = ""
    warn_time: datetime | None = None
    waits_since: datetime | None = None
    """Since when we wait for the customer, if we do."""
    resolve_time: datetime | None = None
