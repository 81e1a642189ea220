"""Organizations with their locations, agents, settings revisions, ticket numbers and assignment turns."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from care_service.storage.tables.columns import key_column, metadata, settings_columns, text_column, time_column

organizations: Final = Table(
    "organizations",
    metadata,
    key_column("id"),
    text_column("display_name"),
    text_column("default_phone_region"),
    *settings_columns(),
    time_column("create_time"),
    time_column("update_time"),
)

ticket_numbers: Final = Table(
    "ticket_numbers",
    metadata,
    key_column(),
    Column("last_number", BigInteger, nullable=False),
    comment="The last ticket number of each organization. Kept apart, so that directory edits delay no new ticket.",
)

locations: Final = Table(
    "locations",
    metadata,
    key_column(),
    key_column("id"),
    text_column("display_name"),
    text_column("default_phone_region"),
    *settings_columns(),
    time_column("create_time"),
    time_column("update_time"),
)

agents: Final = Table(
    "agents",
    metadata,
    key_column(),
    key_column("id"),
    text_column("display_name"),
    Column("can_be_assignee", Boolean, nullable=False),
    Column("can_be_reporter", Boolean, nullable=False),
    Column("locations", ARRAY(Text), nullable=False),
    time_column("create_time"),
    time_column("update_time"),
)

settings_revisions: Final = Table(
    "settings_revisions",
    metadata,
    key_column(),
    key_column("location"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    text_column("author"),
    Column("changes", JSONB, nullable=False),
    time_column("create_time"),
    comment="Every change of settings. Those of the organization have an empty location.",
)

assignment_turns: Final = Table(
    "assignment_turns",
    metadata,
    key_column(),
    key_column("location"),
    text_column("agent"),
    comment="Per location, the agent who got the last ticket that was assigned by ROUND_ROBIN.",
)
