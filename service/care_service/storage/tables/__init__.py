"""The tables. Every primary key begins with the organization, so they can be distributed by organization later."""

from care_service.storage.tables.activity import activities
from care_service.storage.tables.columns import XID8, metadata
from care_service.storage.tables.conversation import deliveries, inbound_messages, messages
from care_service.storage.tables.counts import ticket_count_changes, ticket_counts
from care_service.storage.tables.directory import (
    agents,
    assignment_turns,
    locations,
    organizations,
    settings_revisions,
    ticket_numbers,
)
from care_service.storage.tables.operations import outbox, requests
from care_service.storage.tables.recovery import REFERENCE, contacts, recoveries
from care_service.storage.tables.review import REVIEW_IDENTITY, REVIEW_SEARCH, reviews
from care_service.storage.tables.ticket import OPEN_FOLLOW_UP_INDEX, OPEN_TICKET_INDEX, ticket_terms, tickets

__all__ = [
    "OPEN_FOLLOW_UP_INDEX",
    "OPEN_TICKET_INDEX",
    "REFERENCE",
    "REVIEW_IDENTITY",
    "REVIEW_SEARCH",
    "XID8",
    "activities",
    "agents",
    "assignment_turns",
    "contacts",
    "deliveries",
    "inbound_messages",
    "locations",
    "messages",
    "metadata",
    "organizations",
    "outbox",
    "recoveries",
    "requests",
    "reviews",
    "settings_revisions",
    "ticket_count_changes",
    "ticket_counts",
    "ticket_numbers",
    "ticket_terms",
    "tickets",
]
