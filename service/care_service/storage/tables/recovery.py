"""Recoveries and contacts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, Uuid, cast, func, literal_column, text

from care_service.storage.rules_in_sql import MAY_NEED_STEP
from care_service.storage.tables.columns import key_column, metadata, text_column, time_column

recoveries: Final = Table(
    "recoveries",
    metadata,
    key_column(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    text_column("kind"),
    text_column("state"),
    Column("review_id", Uuid, nullable=True),
    text_column("reply_text"),
    text_column("key_id"),
    Column("contact_id", Uuid, nullable=True),
    text_column("refusal_reason", optional=True),
    text_column("refusal_message"),
    text_column("creator", optional=True),
    text_column("reply_state"),
    Column("attempt", BigInteger, nullable=False),
    time_column("hand_out_time", optional=True),
    time_column("unsettled_until", optional=True),
    Column("retract_refusals", Integer, nullable=False),
    time_column("retract_after", optional=True),
    time_column("read_time", optional=True),
    time_column("create_time"),
    time_column("post_time", optional=True),
    time_column("expire_time", optional=True),
    time_column("contact_time", optional=True),
    time_column("unlock_time", optional=True),
    time_column("end_time", optional=True),
    time_column("retract_time", optional=True),
    # The order in which the recoveries of one review were created. The replicas' clocks are too inexact for that order.
    Column("position", BigInteger, Identity(always=True), nullable=False),
    # The link to a form contains only this id, without the organization.
    Index("ix_recoveries_id", "id"),
    Index("ix_recoveries_organization_review_id", "organization", "review_id"),
)

Index(
    "ix_recoveries_worked",
    recoveries.c.organization,
    recoveries.c.ticket_number,
    recoveries.c.id,
    postgresql_where=text(MAY_NEED_STEP),
)

REFERENCE: Final = func.right(cast(recoveries.c.id, Text), literal_column("8"))
"""`Recovery.reference`, in lower case and without the dash."""
Index("ix_recoveries_organization_reference", recoveries.c.organization, REFERENCE)

contacts: Final = Table(
    "contacts",
    metadata,
    key_column(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("recovery_id", Uuid, nullable=False),
    Column("recovery_ticket_number", BigInteger, nullable=False),
    text_column("display_name"),
    text_column("email"),
    text_column("phone"),
    text_column("message"),
    text_column("key_id"),
    time_column("verify_time", optional=True),
    time_column("create_time"),
    # The link to a chat contains only this id, without the organization.
    Index("ix_contacts_id", "id"),
    # The next two indexes find the sender of an inbound message.
    Index("ix_contacts_organization_email", "organization", text("lower(email)"), postgresql_where=text("email <> ''")),
    Index("ix_contacts_organization_phone", "organization", "phone", postgresql_where=text("phone <> ''")),
)
