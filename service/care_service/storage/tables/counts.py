"""The numbers of tickets by organization, location and stage, and the triggers that keep these numbers correct."""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, Identity, SmallInteger, Table, event

from care_service.storage.tables.columns import key_column, metadata, text_column
from care_service.storage.tables.ticket import tickets

ticket_counts: Final = Table(
    "ticket_counts",
    metadata,
    key_column(),
    key_column("location"),
    key_column("stage"),
    Column("tickets", BigInteger, nullable=False),
    comment="Number of tickets, without the changes in ticket_count_changes.",
)
ticket_count_changes: Final = Table(
    "ticket_count_changes",
    metadata,
    key_column(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text_column("location"),
    text_column("stage"),
    Column("difference", SmallInteger, nullable=False, comment="1 for a ticket that came, -1 for one that left."),
    comment="Changes that are not in ticket_counts yet. Kept apart, so that commits do not wait for each other.",
)

# Triggers record the changes. The commit statement does not, because other statements and older releases change tickets
# as well.
_FUNCTION: Final = """
CREATE FUNCTION count_ticket_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO ticket_count_changes (organization, location, stage, difference)
    VALUES (OLD.organization, OLD.location, OLD.stage, -1);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO ticket_count_changes (organization, location, stage, difference)
    VALUES (NEW.organization, NEW.location, NEW.stage, 1);
  END IF;
  RETURN NULL;
END
$$
"""
_NEW_TICKETS: Final = """
CREATE TRIGGER count_new_tickets AFTER INSERT OR DELETE ON tickets FOR EACH ROW EXECUTE FUNCTION count_ticket_changes()
"""
_MOVED_TICKETS: Final = """
CREATE TRIGGER count_moved_tickets AFTER UPDATE OF location, stage ON tickets FOR EACH ROW
WHEN (OLD.location <> NEW.location OR OLD.stage <> NEW.stage) EXECUTE FUNCTION count_ticket_changes()
"""
for _statement in (_FUNCTION, _NEW_TICKETS, _MOVED_TICKETS):
    event.listen(tickets, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]  # it has no types
