"""The thread of a ticket: its messages, their deliveries, and the inbound messages."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from care_service.storage.rules_in_sql import IS_QUEUED
from care_service.storage.tables.columns import key_column, metadata, text_column, time_column

messages: Final = Table(
    "messages",
    metadata,
    key_column(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("activity_number", BigInteger, nullable=False),
    Column("ordinal", SmallInteger, nullable=False),
    text_column("kind"),
    text_column("author_kind"),
    text_column("author"),
    text_column("author_display_name"),
    text_column("text"),
    Column("recovery_id", Uuid, nullable=True),
    Column("contact_id", Uuid, nullable=True),
    text_column("channel", optional=True),
    Column("automatic", Boolean, nullable=False),
    time_column("create_time"),
    UniqueConstraint("organization", "ticket_number", "activity_number", "ordinal"),
    # This index finds the message that an email replies to.
    Index("ix_messages_organization_id", "organization", "id"),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    key_column(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, nullable=False),
    text_column("state"),
    text_column("channel"),
    text_column("failure_reason", optional=True),
    text_column("failure_message"),
    Column("attempt", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    text_column("provider_id"),
    time_column("check_time", optional=True),
    Column("checks", Integer, nullable=False),
    time_column("create_time"),
    time_column("give_up_time"),
    time_column("send_time", optional=True),
    time_column("end_time", optional=True),
    Index(
        "ix_deliveries_queued",
        "organization",
        "ticket_number",
        "contact_id",
        postgresql_where=text(IS_QUEUED),
    ),
    comment="Progress of messages to customers. Kept apart from messages, which never change.",
)

inbound_messages: Final = Table(
    "inbound_messages",
    metadata,
    key_column(),
    key_column("channel"),
    key_column("external_id"),
    text_column("sender"),
    text_column("subject"),
    text_column("text"),
    Column("in_reply_to", ARRAY(Text), nullable=False),
    Column("automatic", Boolean, nullable=False),
    time_column("send_time"),
    text_column("outcome"),
    Column("ticket_number", BigInteger, nullable=True),
    Column("message_id", Uuid, nullable=True),
    time_column("ingest_time"),
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
    comment="Messages that arrived by a channel, each once, including those without an open chat.",
)
