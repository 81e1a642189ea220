"""The queries that load a ticket with everything that the rules need, and the functions that read their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from care_rules.completeness import check_complete
from care_rules.entities.activity import ActorKind
from care_rules.entities.agent import Agent
from care_rules.entities.message import Channel
from care_rules.entities.recovery import ReplyState
from care_rules.recovery_plan import Sibling
from care_rules.snapshot import TicketSnapshot
from care_service.storage.rows import (
    AGENT,
    CONTACT,
    DELIVERY,
    INBOUND,
    LOCATION,
    MESSAGE,
    ORGANIZATION,
    RECOVERY,
    REVIEW,
    TICKET,
)
from care_service.storage.rules_in_sql import CHAT_EXISTS, CHAT_IS_OPEN, IS_FORM, IS_OPEN

_SNAPSHOT: Final = ", ".join(
    (
        TICKET.select_list("t"),
        ORGANIZATION.select_list("o"),
        LOCATION.select_list("l"),
        REVIEW.select_list("v"),
        RECOVERY.select_list("r"),
        CONTACT.select_list("c"),
        RECOVERY.select_list("n"),
    )
)
"""The columns of a snapshot: ticket, organization, location, review, live recovery, contact of the live recovery, named
recovery."""
_JOINS: Final = """
    JOIN organizations o ON o.id = t.organization
    LEFT JOIN locations l ON l.organization = t.organization AND l.id = t.location
    LEFT JOIN reviews v ON v.organization = t.organization AND v.id = t.review_id
    LEFT JOIN recoveries r ON r.organization = t.organization AND r.ticket_number = t.number AND r.id = t.recovery_id
    LEFT JOIN contacts c
      ON c.organization = r.organization AND c.ticket_number = r.ticket_number AND c.id = r.contact_id"""
_NAMED: Final = "LEFT JOIN recoveries n ON n.organization = t.organization AND n.ticket_number = t.number AND n.id ="
_USER: Final = """(
      SELECT u.id FROM recoveries u
      WHERE u.organization = k.organization AND u.ticket_number = k.ticket_number AND u.contact_id = k.id LIMIT 1
    )"""
"""The recovery that uses the contact `k`."""
WIDTH: Final = (
    len(TICKET) + len(ORGANIZATION) + len(LOCATION) + len(REVIEW) + len(RECOVERY) + len(CONTACT) + len(RECOVERY)
)
"""The number of columns of a snapshot."""

TICKET_QUERY: Final = f"""
    -- Loads a ticket for a command, with the stored response to the same request.
    -- $1, $2: organization and number; $3: the recovery that the command names, or NULL;
    -- $4: the agent who would own the ticket, or NULL; $5, $6: caller and id of the request, or NULL
    SELECT {_SNAPSHOT}, {AGENT.select_list("a")}, q.fingerprint, q.answer, q.create_time
    FROM tickets t{_JOINS}
    {_NAMED} $3::UUID
    LEFT JOIN agents a ON a.organization = t.organization AND a.id = $4::TEXT
    LEFT JOIN requests q ON q.organization = t.organization AND q.caller = $5::TEXT AND q.request_id = $6::UUID
    WHERE t.organization = $1::TEXT AND t.number = $2::BIGINT
"""

VIEW_QUERY: Final = f"""
    -- Reads a ticket with the contact of its live recovery, for a caller who only looks at it.
    -- $1, $2: organization and number; $3: the agent who reads it, or NULL
    SELECT {TICKET.select_list("t")}, {CONTACT.select_list("c")}, {AGENT.select_list("a")}
    FROM tickets t
    LEFT JOIN recoveries r ON r.organization = t.organization AND r.ticket_number = t.number AND r.id = t.recovery_id
    LEFT JOIN contacts c
      ON c.organization = r.organization AND c.ticket_number = r.ticket_number AND c.id = r.contact_id
    LEFT JOIN agents a ON a.organization = t.organization AND a.id = $3::TEXT
    WHERE t.organization = $1::TEXT AND t.number = $2::BIGINT
"""

FORM_QUERY: Final = f"""
    -- Loads the ticket behind the link to a form, with the stored response to the same request.
    -- $1: the form's recovery; $2: id of the request, or NULL
    SELECT {_SNAPSHOT}, q.fingerprint, q.answer, q.create_time
    FROM recoveries n
    JOIN tickets t ON t.organization = n.organization AND t.number = n.ticket_number{_JOINS}
    LEFT JOIN requests q
      ON q.organization = n.organization AND q.request_id = $2::UUID
        AND q.caller = '{ActorKind.CUSTOMER}/' || $1::UUID::TEXT
    WHERE n.id = $1::UUID AND n.{IS_FORM}
"""

CONTACTS_QUERY: Final = f"""
    -- Loads all contacts of a ticket, the oldest first.
    -- $1, $2: organization and number of the ticket
    SELECT {CONTACT.select_list("c")} FROM contacts c
    WHERE c.organization = $1::TEXT AND c.ticket_number = $2::BIGINT
    ORDER BY c.create_time, c.id
"""

CONTACT_QUERY: Final = f"""
    -- Loads one contact of a ticket.
    -- $1, $2, $3: organization, number of the ticket, and the contact
    SELECT {CONTACT.select_list("c")} FROM contacts c
    WHERE c.organization = $1::TEXT AND c.ticket_number = $2::BIGINT AND c.id = $3::UUID
"""

OPEN_TICKET_QUERY: Final = f"""
    -- Finds the open ticket of a review.
    -- $1, $2: organization and review
    SELECT number FROM tickets WHERE organization = $1::TEXT AND review_id = $2::UUID AND {IS_OPEN}
"""

LAST_FOLLOW_UP_QUERY: Final = """
    -- Finds the last ticket of a chain of follow-ups, with its assignee.
    -- $1, $2: organization and number of a ticket of the chain
    WITH RECURSIVE chain AS (
      SELECT number, assignee, follow_up FROM tickets WHERE organization = $1::TEXT AND number = $2::BIGINT
      UNION ALL
      SELECT t.number, t.assignee, t.follow_up FROM chain
      JOIN tickets t ON t.organization = $1::TEXT AND t.number = chain.follow_up
    )
    SELECT number, assignee FROM chain WHERE follow_up IS NULL
"""


def _of_siblings(value: str) -> str:
    return f"""ARRAY(SELECT {value} FROM recoveries s
        WHERE s.organization = n.organization AND s.review_id = n.review_id AND s.id <> n.id
        ORDER BY s.position)"""


RECOVERY_QUERY: Final = f"""
    -- Loads a ticket for the workflow of a recovery, with the other recoveries of its review.
    -- $1, $2, $3: organization, number of the ticket, and the recovery
    SELECT {_SNAPSHOT},
      {_of_siblings("s.position > n.position")} AS newer,
      {_of_siblings("s.reply_state")} AS reply_states,
      {_of_siblings("s.unsettled_until")} AS unsettled
    FROM tickets t{_JOINS}
    {_NAMED} $3::UUID
    WHERE t.organization = $1::TEXT AND t.number = $2::BIGINT
"""

CREATION_QUERY: Final = f"""
    -- Loads what the decision on a new ticket needs, with the stored response to the same request.
    -- $1: organization; $2: review, or NULL; $3: location, or NULL for the review's;
    -- $4: the agent who creates the ticket, or NULL; $5, $6: caller and id of the request, or NULL
    SELECT {ORGANIZATION.select_list("o")}, {LOCATION.select_list("l")}, {REVIEW.select_list("v")},
      {AGENT.select_list("a")}, t.number, q.fingerprint, q.answer, q.create_time
    FROM organizations o
    LEFT JOIN reviews v ON v.organization = o.id AND v.id = $2::UUID
    LEFT JOIN locations l ON l.organization = o.id AND l.id = coalesce($3::TEXT, v.location)
    LEFT JOIN agents a ON a.organization = o.id AND a.id = $4::TEXT
    LEFT JOIN tickets t ON t.organization = o.id AND t.review_id = v.id AND t.{IS_OPEN}
    LEFT JOIN requests q ON q.organization = o.id AND q.caller = $5::TEXT AND q.request_id = $6::UUID
    WHERE o.id = $1::TEXT
"""

DELIVERY_QUERY: Final = f"""
    -- Loads a ticket for the workflow of a message to the customer.
    -- $1, $2, $3: organization, number of the ticket, and the message
    SELECT {_SNAPSHOT}, {MESSAGE.select_list("m")}, {DELIVERY.select_list("d")}, {CONTACT.select_list("k")}
    FROM deliveries d
    JOIN messages m
      ON m.organization = d.organization AND m.ticket_number = d.ticket_number AND m.id = d.message_id
    JOIN contacts k
      ON k.organization = d.organization AND k.ticket_number = d.ticket_number AND k.id = d.contact_id
    JOIN tickets t ON t.organization = d.organization AND t.number = d.ticket_number{_JOINS}
    {_NAMED} {_USER}
    WHERE d.organization = $1::TEXT AND d.ticket_number = $2::BIGINT AND d.message_id = $3::UUID
"""

CHAT_QUERY: Final = f"""
    -- Loads the ticket behind the link to a chat, with the stored response to the same request.
    -- $1: the chat's contact; $2: id of the request, or NULL
    SELECT {_SNAPSHOT}, {CONTACT.select_list("k")}, q.fingerprint, q.answer, q.create_time
    FROM contacts k
    JOIN tickets t ON t.organization = k.organization AND t.number = k.ticket_number{_JOINS}
    {_NAMED} {_USER}
    LEFT JOIN requests q
      ON q.organization = k.organization AND q.request_id = $2::UUID
        AND q.caller = '{ActorKind.CUSTOMER}/' || k.id::TEXT
    WHERE k.id = $1::UUID
"""

INBOUND_QUERY: Final = f"""
    -- Loads the inbound message with the same id, if it was ingested before.
    -- $1, $2, $3: organization, channel, and the channel's id of the message
    SELECT {INBOUND.select_list("i")} FROM inbound_messages i
    WHERE i.organization = $1::TEXT AND i.channel = $2::TEXT AND i.external_id = $3::TEXT
"""

_IS_SENDER: Final = check_complete(
    Channel, {Channel.EMAIL: "lower(i.sender) = $3::TEXT", Channel.SMS: "i.sender = $4::TEXT"}
)
WAITING_INBOUND_QUERY: Final = f"""
    -- Loads the messages that a contact sent while the chat of a ticket was locked, the oldest first.
    -- $1, $2: organization and number of the ticket; $3, $4: the contact's email in lower case, and phone; $5: limit
    SELECT {INBOUND.select_list("i")} FROM inbound_messages i
    WHERE i.organization = $1::TEXT AND i.ticket_number = $2::BIGINT AND i.message_id IS NULL AND i.sender <> ''
      AND ({" OR ".join(f"i.channel = '{channel}' AND {sender}" for channel, sender in _IS_SENDER.items())})
    ORDER BY i.ingest_time, i.external_id LIMIT $5::INTEGER
"""

ANSWERED_QUERY: Final = f"""
    -- Finds the contact of the latest message or chat that an inbound message replies to.
    -- $1: organization; $2: messages that Care sent; $3, $4: channel, and the channel's ids of inbound messages;
    -- $5: contacts whose chats it replies to; $6: number of the ticket, or NULL for any
    SELECT a.contact_id FROM (
      SELECT m.organization, m.ticket_number, m.contact_id, m.create_time FROM messages m
      WHERE m.organization = $1::TEXT AND m.id = ANY ($2::UUID[]) AND m.contact_id IS NOT NULL
      UNION ALL
      SELECT c.organization, c.ticket_number, c.id, c.create_time FROM contacts c
      WHERE c.organization = $1::TEXT AND c.id = ANY ($5::UUID[])
      UNION ALL
      SELECT m.organization, m.ticket_number, m.contact_id, m.create_time FROM inbound_messages i
      JOIN messages m
        ON m.organization = i.organization AND m.ticket_number = i.ticket_number AND m.id = i.message_id
      WHERE i.organization = $1::TEXT AND i.channel = $3::TEXT AND i.external_id = ANY ($4::TEXT[])
    ) a
    JOIN recoveries r
      ON r.organization = a.organization AND r.ticket_number = a.ticket_number AND r.contact_id = a.contact_id
    WHERE {CHAT_EXISTS} AND ($6::BIGINT IS NULL OR a.ticket_number = $6::BIGINT)
    ORDER BY a.create_time DESC LIMIT 1
"""


def _sender_query(address: str, value: str) -> str:
    return f"""
    -- Finds the contact with this address. It prefers one with an open chat, then the one whose chat opened last.
    -- $1: organization; $2: the address, an email in lower case; $3: number of the ticket, or NULL for any
    SELECT c.id FROM contacts c
    JOIN recoveries r
      ON r.organization = c.organization AND r.ticket_number = c.ticket_number AND r.contact_id = c.id
    WHERE c.organization = $1::TEXT AND c.{address} <> '' AND {value} = $2::TEXT
      AND {CHAT_EXISTS} AND ($3::BIGINT IS NULL OR c.ticket_number = $3::BIGINT)
    ORDER BY (r.{CHAT_IS_OPEN}) DESC, r.unlock_time DESC LIMIT 1
"""


SENDER_QUERIES: Final = check_complete(
    Channel,
    {
        # RFC 5321, section 2.4 allows case-sensitive addresses, but in practice mail servers ignore the case.
        Channel.EMAIL: _sender_query("email", "lower(c.email)"),
        Channel.SMS: _sender_query("phone", "c.phone"),
    },
)


def read_snapshot(row: Sequence[Any], agent: Agent | None = None) -> TicketSnapshot:
    """Reads a snapshot from a row that begins with the columns of a snapshot. `agent` becomes the snapshot's agent."""
    at = 0
    ticket = TICKET.read(row, at)
    organization = ORGANIZATION.read(row, at := at + len(TICKET))
    if ticket is None or organization is None:
        raise AssertionError("the row has no ticket or no organization; the query must join both with an inner join")
    return TicketSnapshot(
        ticket=ticket,
        organization=organization,
        location=LOCATION.read(row, at := at + len(ORGANIZATION)),
        review=REVIEW.read(row, at := at + len(LOCATION)),
        live=RECOVERY.read(row, at := at + len(REVIEW)),
        contact=CONTACT.read(row, at := at + len(RECOVERY)),
        target_recovery=RECOVERY.read(row, at + len(CONTACT)),
        agent=agent,
    )


def read_siblings(row: asyncpg.Record) -> tuple[Sibling, ...]:
    """Reads the siblings from the three arrays of a row of `RECOVERY_QUERY`."""
    columns = zip(row["newer"], row["reply_states"], row["unsettled"], strict=True)
    return tuple(Sibling(newer, ReplyState(reply_state), unsettled) for newer, reply_state, unsettled in columns)
