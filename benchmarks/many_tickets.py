"""Fills a database with organizations of many tickets: by default one with a million, and two smaller ones.

The tickets are inserted before the migration that creates the indexes for finding them. This is faster, and it tests
the migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from care_service.storage.database import Database
from care_service.storage.migrate import upgrade

BIG = "big"
MILLION = 1_000_000
SIZES: Final = {BIG: MILLION, "medium": 50_000, "small": 1_000}
RARE_TICKET = 123_456
"""The one ticket of the big organization with a rare word, label, reporter and reference."""
RARE_REFERENCE = "3f9a12c7"

# Old tickets are closed, as in reality. The other values are spread over all tickets by different moduli, most of them
# prime, so that the values hardly depend on each other. `n` counts from 1.
_REVIEWS = """
    INSERT INTO reviews (organization, id, site, external_id, location, author_display_name, stars, text, url,
      create_time, update_time, ingest_time, ticket_number, posting_attempts)
    SELECT $1::TEXT, md5($1::TEXT || n)::UUID, CASE WHEN n % 997 = 0 THEN 'rare' ELSE 'google' END, 'x' || n,
      'l' || n % 53, 'Robin P.', CASE WHEN n % 499 = 0 THEN 5 ELSE 1 + n % 3 END,
      'The soup was cold and word' || n % 5003 || ' came late' || CASE WHEN n = $3 THEN ' marzipan' ELSE '' END,
      '', t, t, t, n, 0
    FROM generate_series(1, $2::INT) AS n,
      LATERAL (SELECT TIMESTAMPTZ '2024-01-01Z' + n * INTERVAL '1 minute') AS at (t)
"""
_TICKETS = """
    INSERT INTO tickets (organization, number, version, revision, subject, description, location, review_id, reporter,
      assignee, status, close_reason, priority, labels, contact_state, recovery_id, create_time, update_time,
      resolve_time, close_time, follow_up_of, follow_up)
    SELECT $1::TEXT, n, 1, 1, 'Cold soup', '', 'l' || n % 53,
      CASE WHEN n % 11 = 0 THEN NULL ELSE md5($1::TEXT || n)::UUID END,
      CASE WHEN n = $3 THEN 'rare' WHEN n % 4 = 0 THEN 'r' || n % 29 END,
      CASE WHEN n % 7 <> 0 THEN 'a' || n % 199 END,
      CASE WHEN n <= 0.95 * $2 THEN 'CLOSED' ELSE (ARRAY['OPEN', 'IN_PROGRESS', 'RESOLVED'])[1 + n % 17 % 3] END,
      CASE WHEN n <= 0.95 * $2 THEN CASE WHEN n % 19 = 0 THEN 'INACTIVITY' ELSE 'MANUAL' END END,
      CASE WHEN n % 1009 = 7 THEN 'URGENT' WHEN n % 23 = 0 THEN 'HIGH' WHEN n % 13 = 0 THEN 'LOW' ELSE 'NORMAL' END,
      CASE WHEN n = $3 THEN ARRAY['rare'] WHEN n % 5 = 0 THEN ARRAY['vip', 'food'] ELSE '{}' END,
      CASE WHEN n % 503 = 3 THEN 'AWAITING_CONTACT' WHEN n % 31 < 5 THEN 'CHAT_UNLOCKED' ELSE 'NO_CONTACT' END, NULL, t,
      t + (n % 1013 * 7919 % 1013) * INTERVAL '1 hour', NULL, NULL, NULL, NULL
    FROM generate_series(1, $2::INT) AS n,
      LATERAL (SELECT TIMESTAMPTZ '2024-01-01Z' + n * INTERVAL '1 minute') AS at (t)
"""
_RECOVERIES = """
    INSERT INTO recoveries (organization, ticket_number, id, kind, state, review_id, reply_text, key_id,
      refusal_message, mark, attempt, retract_refusals, create_time)
    SELECT $1::TEXT, n, CASE WHEN n = $3 THEN ('0190a0a0-0000-7000-8000-0000' || $4)::UUID ELSE gen_random_uuid() END,
      'FORM', 'WITHDRAWN', NULL, '', 'k1', '', 'NEVER', 0, 0, now()
    FROM generate_series(1, $2::INT) AS n WHERE n % 4 = 0
"""


_REFERENCES = """
    UPDATE {table} SET external_reference = CASE WHEN number = $2 THEN 'ORD-1' ELSE 'ORD-' || 2 + number % 83 END
    WHERE organization = $1::TEXT AND (number = $2::INT OR number % 499 = 0)
"""
"""Sets `external_reference` after all migrations, because the schema of revision 0002 lacks this column."""


async def fill(database: Database, sizes: Mapping[str, int] = SIZES) -> None:
    """Creates the tables, fills them, and updates the statistics of PostgreSQL.

    `sizes` has the number of tickets of each organization.
    """
    await upgrade(database.engine, "0002")
    async with database.driver() as connection:
        await connection.execute("SET statement_timeout = 0")
        for organization, size in sizes.items():
            await connection.execute(_REVIEWS, organization, size, RARE_TICKET)
            await connection.execute(_TICKETS, organization, size, RARE_TICKET)
            await connection.execute(_RECOVERIES, organization, size, RARE_TICKET, RARE_REFERENCE)
    await upgrade(database.engine)
    async with database.driver() as connection:
        await connection.execute("SET statement_timeout = 0")
        for organization in sizes:
            for table in ("tickets", "ticket_terms"):
                await connection.execute(_REFERENCES.format(table=table), organization, RARE_TICKET)
        # Index-only scans need the visibility map, which autovacuum maintains in production.
        await connection.execute("VACUUM (ANALYZE) tickets, ticket_terms, reviews, recoveries")
