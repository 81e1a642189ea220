"""The loads: one query each, bringing a ticket with everything that its rules ask about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from care_rules.entities import Channel, ReplyState
from care_rules.plan import Sibling
from care_rules.snapshot import TicketSnapshot
from care_rules.total import total
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

_SELECT: Final = ", ".join(
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
_JOINS: Final = """
    JOIN organizations o ON o.id = t.organization
    LEFT JOIN locations l ON l.organization = t.organization AND l.id = t.location
    LEFT JOIN reviews v ON v.organization = t.organization AND v.id = t.review_id
    LEFT JOIN recoveries r ON r.organization = t.organization AND r.ticket_number = t.number AND r.id = t.recovery_id
    LEFT JOIN contacts c
      ON c.organization = r.organization AND c.ticket_number = r.ticket_number AND c.id = r.contact_id
"""
_NAMED: Final = "LEFT JOIN recoveries n ON n.organization = t.organization AND n.ticket_number = t.number AND n.id = "
_USER: Final = """(
      SELECT u.id FROM recoveries u
      WHERE u.organization = k.organization AND u.ticket_number = k.ticket_number AND u.contact_id = k.id LIMIT 1
    )"""
"""The recovery that uses a contact."""
WIDTH: Final = (
    len(TICKET) + len(ORGANIZATION) + len(LOCATION) + len(REVIEW) + len(RECOVERY) + len(CONTACT) + len(RECOVERY)
)

TICKET_QUERY: Final = f"""
    SELECT {_SELECT}, {AGENT.select_list("a")}, q.fingerprint, q.answer, q.create_time
    FROM tickets t {_JOINS} {_NAMED} $3::UUID
    LEFT JOIN agents a ON a.organization = t.organization AND a.id = $4::TEXT
    LEFT JOIN requests q ON q.organization = t.organization AND q.caller = $5::TEXT AND q.request_id = $6::UUID
    WHERE t.organization = $1::TEXT AND t.number = $2::BIGINT
"""

FORM_QUERY: Final = f"""
    SELECT {_SELECT}, q.fingerprint, q.answer, q.create_time
    FROM recoveries n JOIN tickets t ON t.organization = n.organization AND t.number = n.ticket_number {_JOINS}
    LEFT JOIN requests q
      ON q.organization = n.organization AND q.caller = 'CUSTOMER/' || $1::UUID::TEXT AND q.request_id = $2::UUID
    WHERE n.id = $1::UUID AND n.kind = 'FORM'
"""

CONTACTS_QUERY: Final = f"""
    SELECT {CONTACT.select_list("c")} FROM contacts c
    WHERE c.organization = $1::TEXT AND c.ticket_number = $2::BIGINT
    ORDER BY c.create_time, c.id
"""

CLAIM_QUERY: Final = f"""
    SELECT {CONTACT.select_list("c")} FROM contacts c
    WHERE c.organization = $1::TEXT AND c.ticket_number = $2::BIGINT AND c.id = $3::UUID
"""

OPEN_QUERY: Final = """
    SELECT number FROM tickets WHERE organization = $1::TEXT AND review_id = $2::UUID AND status <> 'CLOSED'
"""

LAST_QUERY: Final = """
    WITH RECURSIVE chain AS (
      SELECT number, assignee, follow_up FROM tickets WHERE organization = $1::TEXT AND number = $2::BIGINT
      UNION ALL
      SELECT t.number, t.assignee, t.follow_up FROM chain
      JOIN tickets t ON t.organization = $1::TEXT AND t.number = chain.follow_up
    )
    SELECT number, assignee FROM chain WHERE follow_up IS NULL
"""
"""The last ticket of a chain of follow-ups, with its assignee."""

RECOVERY_QUERY: Final = f"""
    SELECT {_SELECT},
      ARRAY(SELECT s.position > n.position FROM recoveries s
            WHERE s.organization = n.organization AND s.review_id = n.review_id AND s.id <> n.id
            ORDER BY s.position) AS newer,
      ARRAY(SELECT s.reply_state FROM recoveries s
            WHERE s.organization = n.organization AND s.review_id = n.review_id AND s.id <> n.id
            ORDER BY s.position) AS marks,
      ARRAY(SELECT s.unsettled_until FROM recoveries s
            WHERE s.organization = n.organization AND s.review_id = n.review_id AND s.id <> n.id
            ORDER BY s.position) AS unsettled
    FROM tickets t {_JOINS} {_NAMED} $3::UUID
    WHERE t.organization = $1::TEXT AND t.number = $2::BIGINT
"""

NEW_QUERY: Final = f"""
    SELECT {ORGANIZATION.select_list("o")}, {LOCATION.select_list("l")}, {REVIEW.select_list("v")},
      {AGENT.select_list("a")}, t.number, q.fingerprint, q.answer, q.create_time
    FROM organizations o
    LEFT JOIN reviews v ON v.organization = o.id AND v.id = $2::UUID
    LEFT JOIN locations l ON l.organization = o.id AND l.id = coalesce($3::TEXT, v.location)
    LEFT JOIN agents a ON a.organization = o.id AND a.id = $4::TEXT
    LEFT JOIN tickets t ON t.organization = o.id AND t.review_id = v.id AND t.status <> 'CLOSED'
    LEFT JOIN requests q ON q.organization = o.id AND q.caller = $5::TEXT AND q.request_id = $6::UUID
    WHERE o.id = $1::TEXT
"""

DELIVERY_QUERY: Final = f"""
    SELECT {_SELECT}, {MESSAGE.select_list("m")}, {DELIVERY.select_list("d")}, {CONTACT.select_list("k")}
    FROM deliveries d
    JOIN messages m
      ON m.organization = d.organization AND m.ticket_number = d.ticket_number AND m.id = d.message_id
    JOIN contacts k
      ON k.organization = d.organization AND k.ticket_number = d.ticket_number AND k.id = d.contact_id
    JOIN tickets t ON t.organization = d.organization AND t.number = d.ticket_number {_JOINS} {_NAMED} {_USER}
    WHERE d.organization = $1::TEXT AND d.ticket_number = $2::BIGINT AND d.message_id = $3::UUID
"""

CHAT_QUERY: Final = f"""
    SELECT {_SELECT}, {CONTACT.select_list("k")}, q.fingerprint, q.answer, q.create_time
    FROM contacts k
    JOIN tickets t ON t.organization = k.organization AND t.number = k.ticket_number {_JOINS} {_NAMED} {_USER}
    LEFT JOIN requests q
      ON q.organization = k.organization AND q.caller = 'CUSTOMER/' || k.id::TEXT AND q.request_id = $2::UUID
    WHERE k.id = $1::UUID
"""

INBOUND_QUERY: Final = f"""
    SELECT {INBOUND.select_list("i")} FROM inbound_messages i
    WHERE i.organization = $1::TEXT AND i.channel = $2::TEXT AND i.external_id = $3::TEXT
"""

_KEPT_SENDERS: Final = total(Channel, {Channel.EMAIL: "lower(i.sender) = $3::TEXT", Channel.SMS: "i.sender = $4::TEXT"})
KEPT_QUERY: Final = f"""
    SELECT {INBOUND.select_list("i")} FROM inbound_messages i
    WHERE i.organization = $1::TEXT AND i.ticket_number = $2::BIGINT AND i.message_id IS NULL AND i.sender <> ''
      AND ({" OR ".join(f"i.channel = '{channel}' AND {sender}" for channel, sender in _KEPT_SENDERS.items())})
    ORDER BY i.ingest_time, i.external_id LIMIT $5::INTEGER
"""

ANSWERED_QUERY: Final = """
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
    JOIN recoveries u
      ON u.organization = a.organization AND u.ticket_number = a.ticket_number AND u.contact_id = a.contact_id
    WHERE u.unlock_time IS NOT NULL AND u.state <> 'REJECTED' AND ($6::BIGINT IS NULL OR a.ticket_number = $6::BIGINT)
    ORDER BY a.create_time DESC LIMIT 1
"""
"""The contact of the latest of the messages, or of the chats, that a message says it answers."""

_SENDER_QUERY: Final = """
    SELECT c.id FROM contacts c
    JOIN recoveries u
      ON u.organization = c.organization AND u.ticket_number = c.ticket_number AND u.contact_id = c.id
    WHERE c.organization = $1::TEXT AND c.{address} <> '' AND {value} = $2::TEXT AND u.unlock_time IS NOT NULL
      AND u.state <> 'REJECTED' AND ($3::BIGINT IS NULL OR c.ticket_number = $3::BIGINT)
    ORDER BY (u.state = 'CHAT_UNLOCKED') DESC, u.unlock_time DESC LIMIT 1
"""
SENDER_QUERIES: Final = total(
    Channel,
    {
        # Which letters are capitals may matter to a mail server (RFC 5321, section 2.4), but to none that is.
        Channel.EMAIL: _SENDER_QUERY.format(address="email", value="lower(c.email)"),
        Channel.SMS: _SENDER_QUERY.format(address="phone", value="c.phone"),
    },
)
"""The contact of a lower-case address whose chat is open, or was the last to be."""


def read_case(row: Sequence[Any]) -> TicketSnapshot:
    """Makes the case from a row that begins with the shared columns."""
    at = 0
    ticket = TICKET.read(row, at)
    organization = ORGANIZATION.read(row, at := at + len(TICKET))
    if ticket is None or organization is None:
        raise AssertionError("inner joins bring both")
    return TicketSnapshot(
        ticket=ticket,
        organization=organization,
        location=LOCATION.read(row, at := at + len(ORGANIZATION)),
        review=REVIEW.read(row, at := at + len(LOCATION)),
        live=RECOVERY.read(row, at := at + len(REVIEW)),
        contact=CONTACT.read(row, at := at + len(RECOVERY)),
        named=RECOVERY.read(row, at + len(CONTACT)),
    )


def read_siblings(row: asyncpg.Record) -> tuple[Sibling, ...]:
    """Makes the siblings from the row's three arrays."""
    columns = zip(row["newer"], row["marks"], row["unsettled"], strict=True)
    return tuple(Sibling(newer, ReplyState(reply_state), unsettled) for newer, reply_state, unsettled in columns)
