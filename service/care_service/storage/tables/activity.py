"""The activity log."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from care_service.storage.tables.columns import XID8, key_column, metadata, text_column, time_column

activities: Final = Table(
    "activities",
    metadata,
    key_column(),
    Column("ticket_number", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    text_column("type"),
    text_column("actor_kind"),
    text_column("actor"),
    Column("changes", JSONB, nullable=False),
    Column("message_id", Uuid, nullable=True),
    Column("recovery_id", Uuid, nullable=True),
    Column("request_id", Uuid, nullable=True),
    time_column("create_time"),
    text_column("acting_service"),
    # These two columns are the position in the change feed. Rows become visible in the order of commits, which differs
    # from the order of positions. So readers of the feed stop before the oldest transaction that still runs (feed.py).
    Column("transaction", XID8, server_default=text("pg_current_xact_id()"), nullable=False),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Index("ix_activities_transaction_position", "transaction", "position"),
    Index("ix_activities_organization_transaction_position", "organization", "transaction", "position"),
)
