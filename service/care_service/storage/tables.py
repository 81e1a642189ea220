"""The tables. Every primary key begins with the organization, so that the schema can be distributed by it later."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.types import UserDefinedType


class XID8(UserDefinedType[str]):
    """PostgreSQL's transaction id of 64 bits, which SQLAlchemy has no type for."""

    cache_ok: bool | None = True

    def get_col_spec(self, **_: object) -> str:
        """See UserDefinedType."""
        return "XID8"


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _time(name: str, *, optional: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=optional)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Text, nullable=optional)


def _key(name: str = "organization") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _settings() -> tuple[Column[object], Column[object]]:
    """Only what is set here, as JSON; and how often that changed."""
    return (
        Column("settings", JSONB, nullable=False),
        Column("settings_revision", Integer, nullable=False),
    )


organizations: Final = Table(
    "organizations",
    metadata,
    _key("id"),
    _text("display_name"),
    _text("default_phone_region"),
    *_settings(),
    _time("create_time"),
    _time("update_time"),
)

ticket_numbers: Final = Table(
    "ticket_numbers",
    metadata,
    _key(),
    Column("last_number", BigInteger, nullable=False),
    comment="Apart from organizations, so that raising tickets never waits for somebody who edits the directory.",
)

locations: Final = Table(
    "locations",
    metadata,
    _key(),
    _key("id"),
    _text("display_name"),
    _text("default_phone_region"),
    *_settings(),
    _time("create_time"),
    _time("update_time"),
)

agents: Final = Table(
    "agents",
    metadata,
    _key(),
    _key("id"),
    _text("display_name"),
    Column("can_be_assignee", Boolean, nullable=False),
    Column("can_be_reporter", Boolean, nullable=False),
    Column("locations", ARRAY(Text), nullable=False),
    _time("create_time"),
    _time("update_time"),
)

settings_revisions: Final = Table(
    "settings_revisions",
    metadata,
    _key(),
    _key("location"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("author"),
    Column("changes", JSONB, nullable=False),
    _time("create_time"),
    comment="Every change of settings; those of the organization have an empty location.",
)

REVIEW_IDENTITY: Final = "uq_reviews_organization_site_external_id"
REVIEW_SEARCH: Final = "to_tsvector('simple', text) || array_to_tsvector(ARRAY[' ' || organization])"
"""The words of a review, and whose it is as a lexeme that no text has: the index alone tells tenants apart."""
reviews: Final = Table(
    "reviews",
    metadata,
    _key(),
    Column("id", Uuid, primary_key=True),
    _text("site"),
    _text("external_id"),
    _text("location"),
    _text("author_display_name"),
    Column("stars", SmallInteger, nullable=False),
    _text("text"),
    _text("url"),
    _time("create_time"),
    _time("update_time"),
    _time("ingest_time"),
    Column("delete_time", DateTime(timezone=True), nullable=True),
    Column("ticket_number", BigInteger, nullable=True),
    Column("posting_attempts", BigInteger, nullable=False),
    Column("search", TSVECTOR, Computed(REVIEW_SEARCH, persisted=True), nullable=False),
    UniqueConstraint("organization", "site", "external_id", name=REVIEW_IDENTITY),
    # What ListReviews filters by; docs/decisions/0010-finding-tickets.md says why these.
    Index("ix_reviews_organization_external_id", "organization", "external_id"),
    Index("ix_reviews_organization_ticket_number", "organization", "ticket_number"),
    Index("ix_reviews_search", "search", postgresql_using="gin"),
)
Index(
    "ix_reviews_organization_create_time_id", reviews.c.organization, reviews.c.create_time.desc(), reviews.c.id.desc()
)
for _column in ("location", "site", "stars"):
    Index(
        f"ix_reviews_organization_{_column}",
        reviews.c.organization,
        reviews.c[_column],
        reviews.c.create_time.desc(),
        reviews.c.id.desc(),
    )

tickets: Final = Table(
    "tickets",
    metadata,
    _key(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _text("subject"),
    _text("description"),
    _text("location"),
    Column("review_id", Uuid, nullable=True),
    _text("reporter", optional=True),
    _text("assignee", optional=True),
    _text("status"),
    _text("close_reason", optional=True),
    _text("priority"),
    Column("labels", ARRAY(Text), nullable=False),
    _text("external_reference"),
    _text("contact_state"),
    Column("recovery_id", Uuid, nullable=True),
    _time("create_time"),
    _time("update_time"),
    _time("resolve_time", optional=True),
    _time("close_time", optional=True),
    Column("follow_up_of", BigInteger, nullable=True),
    Column("follow_up", BigInteger, nullable=True),
    Column("timing", JSONB, nullable=False),
    # For lists and counts: status and close reason in one, and a priority that can be ordered by.
    Column("stage", Text, Computed("coalesce(close_reason, status)", persisted=True), nullable=False),
    Column(
        "priority_rank",
        Integer,
        Computed("coalesce(array_position(ARRAY['LOW', 'NORMAL', 'HIGH', 'URGENT'], priority), 0)", persisted=True),
        nullable=False,
    ),
)
for _columns in (
    # The orders,
    ("create_time", "number"),
    ("update_time", "number"),
    # those of one stage: closed tickets are the old ones, so that open ones are far to seek among all,
    ("stage", "number"),
    ("stage", "create_time", "number"),
    ("stage", "update_time", "number"),
    # and what is filtered by. Each costs every commit something: see docs/decisions/0010-finding-tickets.md.
    ("priority_rank", "number"),
    ("contact_state", "number"),
    ("assignee", "number"),
):
    Index(None, tickets.c.organization, *(tickets.c[_column] for _column in _columns))
OPEN_FOLLOW_UP_INDEX: Final = "uq_tickets_open_follow_up"
Index(
    OPEN_FOLLOW_UP_INDEX,
    tickets.c.organization,
    tickets.c.follow_up_of,
    unique=True,
    postgresql_where=text("status <> 'CLOSED' AND follow_up_of IS NOT NULL"),
)
OPEN_TICKET_INDEX: Final = "uq_tickets_open_review"
Index(
    OPEN_TICKET_INDEX,
    tickets.c.organization,
    tickets.c.review_id,
    unique=True,
    postgresql_where=text("status <> 'CLOSED' AND review_id IS NOT NULL"),
)

ticket_terms: Final = Table(
    "ticket_terms",
    metadata,
    _key(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("location"),
    _text("reporter", optional=True),
    Column("review_id", Uuid, nullable=True),
    Column("stars", SmallInteger, nullable=True, comment="The review's."),
    Column("external_reference", Text, nullable=True, comment="The ticket's; NULL if empty."),
    Column("search", TSVECTOR, nullable=False, comment="Words, labels and organization: see terms.py."),
    *(Index(None, "organization", column, "number") for column in ("location", "reporter", "review_id", "stars")),
    # Of the few or many that have one: a ticket without it costs nothing here.
    Index(
        None,
        "organization",
        "external_reference",
        "number",
        postgresql_where=text("external_reference IS NOT NULL"),
    ),
    Index("ix_ticket_terms_search", "search", postgresql_using="gin"),
    comment="What a ticket is found by and its work does not change: apart, as every commit rewrites its ticket.",
)

recoveries: Final = Table(
    "recoveries",
    metadata,
    _key(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    _text("kind"),
    _text("state"),
    Column("review_id", Uuid, nullable=True),
    _text("reply_text"),
    _text("key_id"),
    Column("contact_id", Uuid, nullable=True),
    _text("refusal_reason", optional=True),
    _text("refusal_message"),
    _text("creator", optional=True),
    _text("reply_state"),
    Column("attempt", BigInteger, nullable=False),
    _time("hand_out_time", optional=True),
    _time("unsettled_until", optional=True),
    Column("retract_refusals", Integer, nullable=False),
    _time("retract_after", optional=True),
    _time("read_time", optional=True),
    _time("create_time"),
    _time("post_time", optional=True),
    _time("expire_time", optional=True),
    _time("contact_time", optional=True),
    _time("unlock_time", optional=True),
    _time("end_time", optional=True),
    _time("retract_time", optional=True),
    # The order in which the recoveries of one review were asked for; a clock's would not do across replicas.
    Column("position", BigInteger, Identity(always=True), nullable=False),
    # A link holds no more than this id.
    Index("ix_recoveries_id", "id"),
    Index("ix_recoveries_organization_review_id", "organization", "review_id"),
)

OPEN_TICKETS: Final = "status <> 'CLOSED'"
"""The tickets that have a workflow."""
Index("ix_tickets_open", tickets.c.organization, tickets.c.number, postgresql_where=text(OPEN_TICKETS))

WORKED_RECOVERIES: Final = (
    "(state IN ('FORM_REQUESTED', 'AWAITING_CONTACT', 'CONTACT_RECEIVED') OR reply_state IN ('POSTING', 'RETRACTING')"
    " OR reply_state = 'POSTED' AND state <> 'CHAT_UNLOCKED')"
)
"""The recoveries that a workflow may have something to do for."""
Index(
    "ix_recoveries_worked",
    recoveries.c.organization,
    recoveries.c.ticket_number,
    recoveries.c.id,
    postgresql_where=text(WORKED_RECOVERIES),
)

REFERENCE: Final = func.right(cast(recoveries.c.id, Text), literal_column("8"))
"""Recovery.reference in lower case and without its dash."""
Index("ix_recoveries_organization_reference", recoveries.c.organization, REFERENCE)

contacts: Final = Table(
    "contacts",
    metadata,
    _key(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("recovery_id", Uuid, nullable=False),
    Column("recovery_ticket_number", BigInteger, nullable=False),
    _text("display_name"),
    _text("email"),
    _text("phone"),
    _text("message"),
    _text("key_id"),
    _time("verify_time", optional=True),
    _time("create_time"),
    # A chat's link holds no more than this id.
    Index("ix_contacts_id", "id"),
    # By whom a message that comes in was written.
    Index("ix_contacts_organization_email", "organization", text("lower(email)"), postgresql_where=text("email <> ''")),
    Index("ix_contacts_organization_phone", "organization", "phone", postgresql_where=text("phone <> ''")),
)

messages: Final = Table(
    "messages",
    metadata,
    _key(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("activity_number", BigInteger, nullable=False),
    Column("ordinal", SmallInteger, nullable=False),
    _text("kind"),
    _text("author_kind"),
    _text("author"),
    _text("author_display_name"),
    _text("text"),
    Column("recovery_id", Uuid, nullable=True),
    Column("contact_id", Uuid, nullable=True),
    _text("channel", optional=True),
    Column("automatic", Boolean, nullable=False),
    _time("create_time"),
    UniqueConstraint("organization", "ticket_number", "activity_number", "ordinal"),
    # What an email answers.
    Index("ix_messages_organization_id", "organization", "id"),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    _key(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, nullable=False),
    _text("state"),
    _text("channel"),
    _text("failure_reason", optional=True),
    _text("failure_message"),
    Column("attempt", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    _text("provider_id"),
    _time("check_time", optional=True),
    Column("checks", Integer, nullable=False),
    _time("create_time"),
    _time("give_up_time"),
    _time("send_time", optional=True),
    _time("end_time", optional=True),
    Index(
        "ix_deliveries_queued",
        "organization",
        "ticket_number",
        "contact_id",
        postgresql_where=text("state = 'QUEUED'"),
    ),
    comment="Apart from messages, which are never changed.",
)

inbound_messages: Final = Table(
    "inbound_messages",
    metadata,
    _key(),
    _key("channel"),
    _key("external_id"),
    _text("sender"),
    _text("subject"),
    _text("text"),
    Column("in_reply_to", ARRAY(Text), nullable=False),
    Column("automatic", Boolean, nullable=False),
    _time("send_time"),
    _text("outcome"),
    Column("ticket_number", BigInteger, nullable=True),
    Column("message_id", Uuid, nullable=True),
    _time("ingest_time"),
    Index(
        "ix_inbound_messages_unmatched",
        "organization",
        "ingest_time",
        "channel",
        "external_id",
        postgresql_where=text("message_id IS NULL"),
    ),
    Index(
        "ix_inbound_messages_organization_ticket_number",
        "organization",
        "ticket_number",
        postgresql_where=text("message_id IS NULL AND ticket_number IS NOT NULL"),
    ),
    comment="What came in by a channel, once each; also what found no open chat.",
)

activities: Final = Table(
    "activities",
    metadata,
    _key(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("type"),
    _text("actor_kind"),
    _text("actor"),
    Column("changes", JSONB, nullable=False),
    Column("message_id", Uuid, nullable=True),
    Column("recovery_id", Uuid, nullable=True),
    Column("request_id", Uuid, nullable=True),
    _time("create_time"),
    _text("acting_service"),
    # Where followers of the log are. Rows become visible in the order of commits, which is no order of numbers taken
    # before: whoever follows reads up to the oldest transaction that still runs.
    Column("transaction", XID8, server_default=text("pg_current_xact_id()"), nullable=False),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Index("ix_activities_transaction_position", "transaction", "position"),
    Index("ix_activities_organization_transaction_position", "organization", "transaction", "position"),
)

assignment_turns: Final = Table(
    "assignment_turns",
    metadata,
    _key(),
    _key("location"),
    _text("agent"),
    comment="Who had the last turn where the new tickets of a location go round among its assignees.",
)

outbox: Final = Table(
    "outbox",
    metadata,
    _key(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workflow", Text, nullable=False, comment="The workflow type to wake."),
    Column("ticket_number", BigInteger, nullable=False),
    Column("resource_id", Uuid, nullable=True, comment="NULL for the ticket itself."),
    Column(
        "is_first",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The workflow does not run yet: it is started, and not poked where somebody else has done so.",
    ),
    Column(
        "report_time",
        DateTime(timezone=True),
        nullable=True,
        comment="Of the workflow's own report that it wakes for: taken back by who asks with this time.",
    ),
    _time("create_time"),
    Column("claim_time", DateTime(timezone=True), nullable=False, comment="Not to be claimed before: the lease."),
    Column("attempts", Integer, nullable=False),
    Column("traceparent", Text, nullable=True, comment="The trace (W3C Trace Context) that the change belongs to."),
    Column("park_time", DateTime(timezone=True), nullable=True, comment="Given up then: an operator has to see to it."),
    Column("failure", Text, nullable=True, comment="The code of the failure that it was given up for."),
)
Index("ix_outbox_due", outbox.c.claim_time, postgresql_where=text("park_time IS NULL"))
Index("ix_outbox_parked", outbox.c.park_time, postgresql_where=text("park_time IS NOT NULL"))

requests: Final = Table(
    "requests",
    metadata,
    _key(),
    _key("caller"),
    Column("request_id", Uuid, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False, comment="SHA-256 over the method and the request's bytes."),
    Column("answer", LargeBinary, nullable=False, comment="The response's bytes."),
    _time("create_time"),
    Index("ix_requests_create_time", "create_time"),
)
