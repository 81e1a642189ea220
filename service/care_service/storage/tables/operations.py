"""The outbox, and the responses that are stored for repeated requests."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from care_service.storage.tables.columns import key_column, metadata, time_column

outbox: Final = Table(
    "outbox",
    metadata,
    key_column(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workflow", Text, nullable=False, comment="The workflow type to wake."),
    Column("ticket_number", BigInteger, nullable=False),
    Column("resource_id", Uuid, nullable=True, comment="The recovery or the message; NULL for the ticket itself."),
    Column(
        "is_new_workflow",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Whether the workflow is new. The relay starts a new workflow, and pokes it only if it runs already.",
    ),
    Column(
        "report_time",
        DateTime(timezone=True),
        nullable=True,
        comment="Time of the workflow's own report that caused the row. The workflow deletes the row by this time.",
    ),
    time_column("create_time"),
    Column("claim_time", DateTime(timezone=True), nullable=False, comment="When the row may be claimed next."),
    Column("attempts", Integer, nullable=False),
    Column("traceparent", Text, nullable=True, comment="The trace (W3C Trace Context) that the change belongs to."),
    Column(
        "park_time",
        DateTime(timezone=True),
        nullable=True,
        comment="When the row was parked: an operator must act.",
    ),
    Column("failure", Text, nullable=True, comment="Code of the failure for which the row was parked."),
)
Index("ix_outbox_due", outbox.c.claim_time, postgresql_where=text("park_time IS NULL"))
Index("ix_outbox_parked", outbox.c.park_time, postgresql_where=text("park_time IS NOT NULL"))
Index(
    "ix_outbox_reported",
    outbox.c.organization,
    outbox.c.ticket_number,
    outbox.c.resource_id,
    postgresql_where=text("report_time IS NOT NULL"),
)

requests: Final = Table(
    "requests",
    metadata,
    key_column(),
    key_column("caller"),
    Column("request_id", Uuid, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False, comment="SHA-256 over the method and the request's bytes."),
    Column("answer", LargeBinary, nullable=False, comment="The response's bytes."),
    time_column("create_time"),
    Index("ix_requests_create_time", "create_time"),
)
