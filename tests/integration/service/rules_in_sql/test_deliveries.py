"""SQL statements about deliveries agree with the rules, over every combination of states."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, cast
from uuid import uuid4

from care_client import workflow_names
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot, DeliveryStep, cancel_delivery
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery, DeliveryState
from care_rules.scheduling import keep_schedule
from care_service.storage.database import Database
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.link_keys import keys_in_use
from care_service.storage.rows import CONTACT, DELIVERY, TICKET
from care_service.storage.tickets import PostgresTickets
from tests.integration.service.stored import (
    ALL,
    NOW,
    RECENTLY,
    SOON,
    Examples,
    fetch,
    store,
)


def every_delivery(sample: Examples) -> list[tuple[Delivery, Contact]]:
    """Makes a delivery, with its own contact, for each combination of state, check time and attempt."""
    found = []
    for number, (state, check_time, attempt) in enumerate(product(DeliveryState, (None, RECENTLY, SOON), (0, 1))):
        contact = replace(sample.contact, id=uuid4(), key_id=f"k{number}")
        delivery = replace(
            sample.delivery,
            message_id=uuid4(),
            contact_id=contact.id,
            state=state,
            check_time=check_time,
            attempt=attempt,
            attempts=attempt,
        )
        found.append((delivery, contact))
    return found


def step_of(delivery: Delivery) -> DeliveryStep:
    return DeliverySnapshot(cast("Any", None), cast("Any", None), delivery, cast("Any", None), False).plan(NOW).step


async def test_messages_with_a_planned_step_are_found(database: Database, sample: Examples) -> None:
    deliveries = [delivery for delivery, _ in every_delivery(sample)]
    await store(database, DELIVERY, deliveries)
    page = await ExpectedWorkflows(database).page(workflow_names.MESSAGE_DELIVERY, None, ALL)
    expected = {each.message_id for each in deliveries if step_of(each) is not DeliveryStep.DONE}
    assert {each.resource_id for each in page} == expected


async def test_keys_in_use_are_the_keys_of_chats_with_a_message_to_send(database: Database, sample: Examples) -> None:
    deliveries = every_delivery(sample)
    await store(database, DELIVERY, (delivery for delivery, _ in deliveries))
    await store(database, CONTACT, (contact for _, contact in deliveries))
    expected = {contact.key_id for delivery, contact in deliveries if step_of(delivery) is DeliveryStep.SEND}
    assert await keys_in_use(database) == expected


async def test_the_messages_of_a_rejected_contact_are_cancelled_as_the_rule_says(
    database: Database, sample: Examples
) -> None:
    contact = uuid4()
    before = [
        replace(delivery, ticket_number=sample.ticket.number, contact_id=contact)
        for delivery, _ in every_delivery(sample)
    ]
    others = replace(before[0], message_id=uuid4(), contact_id=uuid4())
    await store(database, TICKET, [sample.ticket])
    await store(database, DELIVERY, [*before, others])
    ticket = replace(sample.ticket, revision=sample.ticket.revision + 1, update_time=NOW)
    await PostgresTickets(database).commit(keep_schedule(Decision(ticket, cancel_deliveries_to=contact)), None)
    rows = await fetch(database, f"SELECT {DELIVERY.select_list('d')} FROM deliveries d")  # noqa: S608 - column names
    expected = {each.message_id: cancel_delivery(each, NOW) for each in before} | {others.message_id: others}
    assert {each.message_id: each for row in rows if (each := DELIVERY.read(tuple(row)))} == expected
