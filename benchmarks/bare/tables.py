"""The tables of the bare stack, and the conversion of a row to the contract's ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1.ticket_pb2 import CloseReason, ContactState, Customer, Ticket, TicketPriority, TicketStatus

Row: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[Row]"

SCHEMA: Final = """
    CREATE SEQUENCE bare_numbers;
    CREATE TABLE bare_tickets (
        organization text NOT NULL,
        number bigint NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        subject text NOT NULL,
        description text NOT NULL,
        location text NOT NULL,
        review text NOT NULL DEFAULT '',
        reporter text NOT NULL DEFAULT '',
        assignee text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT 'OPEN',
        close_reason text NOT NULL DEFAULT 'UNSPECIFIED',
        priority text NOT NULL DEFAULT 'NORMAL',
        labels text[] NOT NULL DEFAULT '{}',
        contact_state text NOT NULL,
        customer_name text NOT NULL,
        customer_email text NOT NULL,
        customer_phone text NOT NULL,
        customer_verified boolean NOT NULL DEFAULT false,
        recovery text NOT NULL DEFAULT '',
        external_reference text NOT NULL DEFAULT '',
        create_time timestamptz NOT NULL DEFAULT now(),
        update_time timestamptz NOT NULL DEFAULT now(),
        resolve_time timestamptz,
        close_time timestamptz,
        first_response_due_time timestamptz,
        resolution_due_time timestamptz,
        PRIMARY KEY (organization, number)
    );
    CREATE TABLE bare_messages (
        organization text NOT NULL,
        ticket bigint NOT NULL,
        number bigint NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL,
        author text NOT NULL,
        text text NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (organization, ticket, number)
    );
"""


def split_name(name: str) -> tuple[str, int]:
    """Returns the organization and the number in a ticket's name."""
    _, organization, _, number = name.split("/")
    return organization, int(number)


def ticket_message(row: Row) -> Ticket:
    """Returns the ticket of a row that has all columns of `bare_tickets`."""
    parent = f"organizations/{row['organization']}"
    return Ticket(
        name=f"{parent}/tickets/{row['number']}",
        number=row["number"],
        subject=row["subject"],
        description=row["description"],
        location=f"{parent}/locations/{row['location']}",
        review=row["review"],
        reporter=row["reporter"],
        assignee=row["assignee"] and f"{parent}/agents/{row['assignee']}",
        status=TicketStatus.Value(f"TICKET_STATUS_{row['status']}"),
        close_reason=CloseReason.Value(f"CLOSE_REASON_{row['close_reason']}"),
        priority=TicketPriority.Value(f"TICKET_PRIORITY_{row['priority']}"),
        contact_state=ContactState.Value(f"CONTACT_STATE_{row['contact_state']}"),
        customer=Customer(
            display_name=row["customer_name"],
            email=row["customer_email"],
            phone=row["customer_phone"],
            verified=row["customer_verified"],
        ),
        recovery=row["recovery"],
        create_time=timestamp(row["create_time"]),
        update_time=timestamp(row["update_time"]),
        resolve_time=timestamp(row["resolve_time"]),
        close_time=timestamp(row["close_time"]),
        etag=str(row["version"]),
        labels=row["labels"],
        first_response_due_time=timestamp(row["first_response_due_time"]),
        resolution_due_time=timestamp(row["resolution_due_time"]),
        external_reference=row["external_reference"],
    )


def timestamp(time: datetime | None) -> Timestamp | None:
    """Returns a column's time as a Timestamp, or None if the column is null."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message
