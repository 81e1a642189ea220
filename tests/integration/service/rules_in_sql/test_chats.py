"""SQL statements about chats agree with the rules, over every combination of states."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, cast
from uuid import uuid4

from care_rules.callers import Role
from care_rules.chat import ChatSnapshot
from care_rules.entities.contact import Contact
from care_rules.entities.message import Channel
from care_rules.entities.recovery import Recovery
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.permissions import Command, Relation, Situation, refusal_reason
from care_service.storage.database import Database
from care_service.storage.link_keys import keys_in_use
from care_service.storage.loads import SENDER_QUERIES, WAITING_INBOUND_QUERY
from care_service.storage.rows import CONTACT, RECOVERY
from tests.integration.service.stored import RECENTLY, Examples, fetch, store


def every_chat(sample: Examples) -> list[tuple[Recovery, Contact]]:
    """Makes a recovery, with a contact that has its own addresses, for each state, with and without an opened chat."""
    found = []
    for number, (state, unlock_time) in enumerate(product(RecoveryState, (None, RECENTLY))):
        key_id = f"k{number}" if unlock_time else ""
        contact = replace(
            sample.contact, id=uuid4(), email=f"c{number}@example.com", phone=f"+4420794600{number:02}", key_id=key_id
        )
        recovery = replace(sample.direct, id=uuid4(), state=state, unlock_time=unlock_time, contact_id=contact.id)
        found.append((recovery, contact))
    return found


async def test_a_sender_is_found_if_the_contact_has_a_chat(database: Database, sample: Examples) -> None:
    chats = every_chat(sample)
    await store(database, RECOVERY, (recovery for recovery, _ in chats))
    await store(database, CONTACT, (contact for _, contact in chats))
    for recovery, contact in chats:
        chat = ChatSnapshot(cast("Any", None), contact, recovery)
        expected = None if chat.is_dead else contact.id
        for channel, address in ((Channel.EMAIL, contact.email), (Channel.SMS, contact.phone)):
            rows = await fetch(database, SENDER_QUERIES[channel], "acme", address, None)
            assert (rows[0]["id"] if rows else None) == expected, (recovery.state, recovery.unlock_time)


async def test_the_open_chat_of_a_sender_comes_first(database: Database, sample: Examples) -> None:
    chats = [(recovery, replace(contact, email="same@example.com")) for recovery, contact in every_chat(sample)]
    await store(database, RECOVERY, (recovery for recovery, _ in chats))
    await store(database, CONTACT, (contact for _, contact in chats))
    rows = await fetch(database, SENDER_QUERIES[Channel.EMAIL], "acme", "same@example.com", None)
    states = {contact.id: recovery.state for recovery, contact in chats}
    assert takes_messages(states[rows[0]["id"]])


def takes_messages(state: RecoveryState) -> bool:
    """Returns whether the team can write in a chat whose recovery is in `state`."""
    situation = Situation(TicketStatus.OPEN, state, Relation.MINE, frozenset({Role.AGENT}), True, True)
    return refusal_reason(Command.SEND_MESSAGE, situation) is None


async def test_keys_in_use_are_the_keys_of_open_chats(database: Database, sample: Examples) -> None:
    chats = every_chat(sample)
    await store(database, RECOVERY, (recovery for recovery, _ in chats))
    await store(database, CONTACT, (contact for _, contact in chats))
    expected = {contact.key_id for recovery, contact in chats if takes_messages(recovery.state) and contact.key_id}
    assert await keys_in_use(database) == expected


def test_each_channel_has_its_own_statements() -> None:
    assert set(SENDER_QUERIES) == set(Channel)
    assert all(f"'{channel}'" in WAITING_INBOUND_QUERY for channel in Channel)
