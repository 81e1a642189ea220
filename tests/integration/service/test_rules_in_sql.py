"""Statements agree with the rules that they restate, over every combination of states."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from temporalio.common import TypedSearchAttributes

from care.v1.recovery_pb2 import RecoveryState as WireState
from care.v1.worker_service_pb2 import RecoveryPlan as WirePlan
from care.v1.worker_service_pb2 import RecoveryStep as WireStep
from care_client import workflow_names
from care_dev.stack import postgres
from care_rules.callers import Role
from care_rules.chat import ChatSnapshot
from care_rules.deadlines import next_reminder
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot, DeliveryStep, cancel_delivery
from care_rules.entities.activity import FieldChange
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery, DeliveryState
from care_rules.entities.message import Channel
from care_rules.entities.recovery import Recovery, RecoveryKind, ReplyState
from care_rules.entities.ticket import CloseReason, Priority, Ticket
from care_rules.lifecycle import FORM_LIVE, LIVE, STATUS, UNRESOLVED, RecoveryState, TicketStatus
from care_rules.permissions import Command, Relation, Situation, refusal_reason
from care_rules.queries import STAGES, stages_of_status
from care_rules.recovery_plan import RecoveryPlan, RecoveryStep, Sibling, SiteTiming, needs_form_link, plan_recovery
from care_rules.scheduling import keep_schedule
from care_rules.settings import AutoAssign, Settings, SettingsRevision
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.link_keys import keys_in_use
from care_service.storage.loads import SENDER_QUERIES, WAITING_INBOUND_QUERY
from care_service.storage.outbox import Outbox
from care_service.storage.rows import AGENT, CONTACT, DELIVERY, ORGANIZATION, RECOVERY, TICKET
from care_service.storage.tables import metadata
from care_service.storage.tickets import PostgresTickets
from care_workflows.search_attributes import REVIEW_SITE, WAITS_FOR, recovery_updates
from tests.integration.service.stored import LONG_AGO, NOW, RECENTLY, SOON, Examples, examples, fetch, migrated, store

TIMING = SiteTiming(checks=(timedelta(minutes=10),), settle=timedelta(minutes=1))
ALL = 1_000_000
POST_AND_END: tuple[tuple[datetime | None, datetime | None], ...] = (
    (None, None),
    (RECENTLY, None),
    (None, RECENTLY),
    (LONG_AGO, RECENTLY),
    (RECENTLY, LONG_AGO),
)
NEWER: tuple[tuple[ReplyState, ...], ...] = (
    (),
    *((state,) for state in ReplyState),
    (ReplyState.RETRACTED, ReplyState.POSTING),
    (ReplyState.POSTING, ReplyState.POSTED),
)


@dataclass(frozen=True)
class Stored:
    """A recovery that is stored, and the others of its review."""

    recovery: Recovery
    siblings: Sequence[Sibling]

    @property
    def plan(self) -> RecoveryPlan:
        return plan_recovery(self.recovery, self.siblings, NOW, TIMING)

    @property
    def words(self) -> tuple[object, ...]:
        """What a failed test shows."""
        each = self.recovery
        newer = [str(sibling.reply_state) for sibling in self.siblings if sibling.newer]
        return each.kind, each.state, each.reply_state, each.post_time, each.end_time, each.expire_time, newer


def unlike(stored: Sequence[Stored], found: set[UUID], expected: set[UUID]) -> list[tuple[object, ...]]:
    """The first recoveries for which a statement and a rule differ, and what the rule says."""
    wrong = found ^ expected
    return [(*each.words, each.recovery.id in expected) for each in stored if each.recovery.id in wrong][:5]


def every_recovery(made: Examples) -> list[Stored]:
    """One recovery for each combination of what the rules ask about, each with a review of its own.

    None is in NO_CONTACT, which stands for there being no recovery.
    """
    found: list[Stored] = []
    kinds = product(set(RecoveryState) - {RecoveryState.NO_CONTACT}, RecoveryKind)
    for (state, kind), reply_state, times, unsettled, is_expired, newer in product(
        kinds, ReplyState, POST_AND_END, (None, SOON), (True, False), NEWER
    ):
        if kind is RecoveryKind.DIRECT and state in FORM_LIVE:
            continue  # only a form is FORM_REQUESTED or AWAITING_CONTACT
        base = replace(made.form if kind is RecoveryKind.FORM else made.direct, review_id=uuid4())
        own = replace(
            base,
            id=uuid4(),
            state=state,
            reply_state=reply_state,
            post_time=times[0],
            end_time=times[1],
            hand_out_time=LONG_AGO,
            unsettled_until=unsettled,
            retract_after=unsettled,
            expire_time=None if kind is RecoveryKind.DIRECT else RECENTLY if is_expired else SOON,
        )
        later = (
            replace(own, id=uuid4(), state=RecoveryState.WITHDRAWN, reply_state=each, post_time=LONG_AGO, end_time=NOW)
            for each in newer
        )
        group = [replace(each, key_id=str(each.id)) for each in (own, *later)]
        for place, recovery in enumerate(group):
            others = [
                Sibling(at > place, each.reply_state, each.unsettled_until)
                for at, each in enumerate(group)
                if at != place
            ]
            found.append(Stored(recovery, others))
    return found


@pytest.fixture(scope="module")
def made() -> Examples:
    return examples()


@pytest.fixture(scope="module")
def recoveries(made: Examples) -> list[Stored]:
    return every_recovery(made)


@pytest.fixture(scope="module")
async def with_recoveries(server: postgres.Server, recoveries: list[Stored]) -> AsyncIterator[Database]:
    """A database with all of `recoveries`."""
    async with migrated(server, "recoveries_in_sql") as database:
        await store(database, RECOVERY, (each.recovery for each in recoveries))
        yield database


@pytest.fixture(scope="module")
async def reused(server: postgres.Server) -> AsyncIterator[Database]:
    async with migrated(server, "rules_in_sql") as database:
        yield database


@pytest.fixture
async def empty(reused: Database) -> Database:
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await fetch(reused, f"TRUNCATE {tables}")
    return reused


# --- recoveries -------------------------------------------------------------------------------------------------------


async def test_recoveries_that_want_a_step_are_those_whose_plan_is_not_done(
    with_recoveries: Database, recoveries: list[Stored]
) -> None:
    page = await ExpectedWorkflows(with_recoveries).page(workflow_names.CONTACT_RECOVERY, None, ALL)
    found = {each.resource_id for each in page if each.resource_id}
    expected = {each.recovery.id for each in recoveries if each.plan.step is not RecoveryStep.DONE}
    assert unlike(recoveries, found, expected) == []


async def test_keys_in_use_are_those_of_the_links_to_forms_that_are_needed(
    with_recoveries: Database, recoveries: list[Stored]
) -> None:
    found = {UUID(key) for key in await keys_in_use(with_recoveries)}
    expected = {each.recovery.id for each in recoveries if needs_form_link(each.recovery, each.siblings, NOW, TIMING)}
    assert unlike(recoveries, found, expected) == []


async def test_a_workflow_is_started_as_waiting_for_the_site_where_its_first_plan_says_so(
    with_recoveries: Database, recoveries: list[Stored]
) -> None:
    await fetch(
        with_recoveries,
        "INSERT INTO outbox (organization, workflow, ticket_number, resource_id, create_time, claim_time, attempts)"
        " SELECT organization, $1, ticket_number, id, now(), now(), 0 FROM recoveries",
        workflow_names.CONTACT_RECOVERY,
    )
    wakes = await Outbox(with_recoveries).claim(ALL, timedelta(minutes=1))
    said = {wake.resource_id: wake.needs_review_site for wake in wakes}
    await fetch(with_recoveries, "DELETE FROM outbox")
    for each in recoveries:
        state, step = each.recovery.state, each.plan.step
        shown = WirePlan(state=WireState.Value(f"RECOVERY_STATE_{state}"), step=WireStep.Value(f"RECOVERY_STEP_{step}"))
        own = [found.value for found in recovery_updates(shown, TypedSearchAttributes.empty) if found.key == WAITS_FOR]
        if said[each.recovery.id]:
            # The workflow says the same, or its first step takes but a moment and it says nothing.
            assert own in ([REVIEW_SITE], []), each.words
        elif state is RecoveryState.FORM_REQUESTED or state not in LIVE:
            assert own == [], each.words


# --- tickets ----------------------------------------------------------------------------------------------------------


def every_ticket(made: Examples) -> list[Ticket]:
    """One ticket for each combination of status, close reason and contact state that the rules let come about."""
    found: list[Ticket] = []
    for status, reason, state in product(TicketStatus, [None, *CloseReason], RecoveryState):
        is_closed = status is TicketStatus.CLOSED
        if is_closed is (reason is None) or (state in LIVE and is_closed):
            continue
        if state not in LIVE and state is not RecoveryState.NO_CONTACT:
            continue
        found.append(
            replace(
                made.ticket,
                number=len(found) + 1,
                review_id=None,
                status=status,
                close_reason=reason,
                contact_state=state,
                recovery_id=uuid4() if state in LIVE else None,
            )
        )
    return found


async def test_open_tickets_are_those_whose_status_is_not_final(empty: Database, made: Examples) -> None:
    tickets = every_ticket(made)
    await store(empty, TICKET, tickets)
    page = await ExpectedWorkflows(empty).page(workflow_names.TICKET_WORKFLOW, None, ALL)
    expected = [each.number for each in tickets if not STATUS.is_final(each.status)]
    assert [each.ticket_number for each in page] == expected


async def test_changed_settings_wake_the_tickets_and_forms_whose_deadlines_they_move(
    empty: Database, made: Examples
) -> None:
    tickets = every_ticket(made)
    await store(empty, ORGANIZATION, [made.organization])
    await store(empty, TICKET, tickets)
    changes = tuple(FieldChange(field, "", "") for field in ("inactivity_days", "form_reminders"))
    revision = SettingsRevision("acme", "", 1, "alice", changes, NOW)
    organization = replace(made.organization, settings_revision=1)
    await PostgresDirectory(empty).put_organization(organization, set(), None, revision)
    wakes = await Outbox(empty).claim(ALL, timedelta(minutes=1))
    woken = {wake.ticket_number for wake in wakes if wake.workflow == workflow_names.TICKET_WORKFLOW}
    assert woken == {each.number for each in tickets if not STATUS.is_final(each.status)}
    forms = {wake.resource_id for wake in wakes if wake.workflow == workflow_names.CONTACT_RECOVERY}
    assert forms == {
        each.recovery_id
        for each in tickets
        if next_reminder(each, replace(made.form, state=each.contact_state, post_time=NOW), Settings()) is not None
    }


async def test_a_claimed_row_of_a_ticket_carries_its_next_deadline(empty: Database, made: Examples) -> None:
    with_deadline = replace(made.ticket, timing=replace(made.ticket.timing, next_time=SOON))
    without = replace(made.ticket, number=2, review_id=None, timing=replace(made.ticket.timing, next_time=None))
    await store(empty, TICKET, [with_deadline, without])
    await ExpectedWorkflows(empty).wake(await ExpectedWorkflows(empty).page(workflow_names.TICKET_WORKFLOW, None, ALL))
    wakes = await Outbox(empty).claim(ALL, timedelta(minutes=1))
    assert {wake.ticket_number: wake.next_time for wake in wakes} == {1: SOON, 2: None}


@pytest.mark.parametrize("status", TicketStatus)
async def test_the_least_loaded_agent_has_the_fewest_unresolved_tickets(
    empty: Database, made: Examples, status: TicketStatus
) -> None:
    agents = [Agent("acme", name, name, True, True, (), NOW, NOW) for name in ("alice", "bob")]
    await store(empty, AGENT, agents)
    reason = CloseReason.MANUAL if status is TicketStatus.CLOSED else None
    await store(empty, TICKET, [replace(made.ticket, status=status, close_reason=reason, assignee="alice")])
    chosen = await PostgresTickets(empty).next_assignee("acme", "main", AutoAssign.LEAST_LOADED)
    assert chosen == ("bob" if status in UNRESOLVED else "alice")


async def test_the_stage_is_that_of_the_status_and_the_close_reason(empty: Database, made: Examples) -> None:
    await store(empty, TICKET, every_ticket(made))
    rows = await fetch(empty, "SELECT status, close_reason, stage FROM tickets")
    assert {(row["status"], row["close_reason"], row["stage"]) for row in rows} == {
        (status, None, status) for status in TicketStatus if status is not TicketStatus.CLOSED
    } | {(TicketStatus.CLOSED, reason, reason) for reason in CloseReason}
    assert {row["stage"] for row in rows} == set(STAGES)
    assert all(row["stage"] in stages_of_status(TicketStatus(row["status"])) for row in rows)


async def test_priorities_are_ranked_in_the_order_of_the_enum(empty: Database, made: Examples) -> None:
    tickets = [
        replace(made.ticket, number=number, review_id=None, priority=each) for number, each in enumerate(Priority, 1)
    ]
    await store(empty, TICKET, tickets)
    rows = await fetch(empty, "SELECT priority FROM tickets WHERE priority_rank > 0 ORDER BY priority_rank")
    assert [row["priority"] for row in rows] == list(Priority)


# --- chats ------------------------------------------------------------------------------------------------------------


def every_chat(made: Examples) -> list[tuple[Recovery, Contact]]:
    """A recovery with its contact for each state, with the chat opened or not; each has an address of its own."""
    found = []
    for number, (state, unlock_time) in enumerate(product(RecoveryState, (None, RECENTLY))):
        key_id = f"k{number}" if unlock_time else ""
        contact = replace(
            made.contact, id=uuid4(), email=f"c{number}@example.com", phone=f"+4420794600{number:02}", key_id=key_id
        )
        recovery = replace(made.direct, id=uuid4(), state=state, unlock_time=unlock_time, contact_id=contact.id)
        found.append((recovery, contact))
    return found


async def test_a_sender_is_found_where_the_contact_has_a_chat(empty: Database, made: Examples) -> None:
    chats = every_chat(made)
    await store(empty, RECOVERY, (recovery for recovery, _ in chats))
    await store(empty, CONTACT, (contact for _, contact in chats))
    for recovery, contact in chats:
        chat = ChatSnapshot(cast("Any", None), contact, recovery)
        expected = None if chat.is_dead else contact.id
        for channel, address in ((Channel.EMAIL, contact.email), (Channel.SMS, contact.phone)):
            rows = await fetch(empty, SENDER_QUERIES[channel], "acme", address, None)
            assert (rows[0]["id"] if rows else None) == expected, (recovery.state, recovery.unlock_time)


async def test_of_several_chats_of_a_sender_the_open_one_comes_first(empty: Database, made: Examples) -> None:
    chats = [(recovery, replace(contact, email="same@example.com")) for recovery, contact in every_chat(made)]
    await store(empty, RECOVERY, (recovery for recovery, _ in chats))
    await store(empty, CONTACT, (contact for _, contact in chats))
    rows = await fetch(empty, SENDER_QUERIES[Channel.EMAIL], "acme", "same@example.com", None)
    states = {contact.id: recovery.state for recovery, contact in chats}
    assert takes_messages(states[rows[0]["id"]])


def takes_messages(state: RecoveryState) -> bool:
    """Whether the team can write in a chat of that state."""
    situation = Situation(TicketStatus.OPEN, state, Relation.MINE, frozenset({Role.AGENT}), True, True)
    return refusal_reason(Command.SEND_MESSAGE, situation) is None


async def test_keys_in_use_are_those_of_open_chats(empty: Database, made: Examples) -> None:
    chats = every_chat(made)
    await store(empty, RECOVERY, (recovery for recovery, _ in chats))
    await store(empty, CONTACT, (contact for _, contact in chats))
    expected = {contact.key_id for recovery, contact in chats if takes_messages(recovery.state) and contact.key_id}
    assert await keys_in_use(empty) == expected


def test_each_channel_has_its_statements() -> None:
    assert set(SENDER_QUERIES) == set(Channel)
    assert all(f"'{channel}'" in WAITING_INBOUND_QUERY for channel in Channel)


# --- deliveries -------------------------------------------------------------------------------------------------------


def every_delivery(made: Examples) -> list[tuple[Delivery, Contact]]:
    """A message for each state, with and without a time to ask its provider; each for a contact of its own."""
    found = []
    for number, (state, check_time, attempt) in enumerate(product(DeliveryState, (None, RECENTLY, SOON), (0, 1))):
        contact = replace(made.contact, id=uuid4(), key_id=f"k{number}")
        delivery = replace(
            made.delivery,
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


async def test_messages_that_want_a_step_are_those_whose_plan_is_not_done(empty: Database, made: Examples) -> None:
    deliveries = [delivery for delivery, _ in every_delivery(made)]
    await store(empty, DELIVERY, deliveries)
    page = await ExpectedWorkflows(empty).page(workflow_names.MESSAGE_DELIVERY, None, ALL)
    expected = {each.message_id for each in deliveries if step_of(each) is not DeliveryStep.DONE}
    assert {each.resource_id for each in page} == expected


async def test_keys_in_use_are_those_of_chats_that_a_message_is_to_be_sent_in(empty: Database, made: Examples) -> None:
    deliveries = every_delivery(made)
    await store(empty, DELIVERY, (delivery for delivery, _ in deliveries))
    await store(empty, CONTACT, (contact for _, contact in deliveries))
    expected = {contact.key_id for delivery, contact in deliveries if step_of(delivery) is DeliveryStep.SEND}
    assert await keys_in_use(empty) == expected


async def test_the_messages_of_a_rejected_contact_are_cancelled_as_the_rule_says(
    empty: Database, made: Examples
) -> None:
    contact = uuid4()
    before = [
        replace(delivery, ticket_number=made.ticket.number, contact_id=contact) for delivery, _ in every_delivery(made)
    ]
    others = replace(before[0], message_id=uuid4(), contact_id=uuid4())
    await store(empty, TICKET, [made.ticket])
    await store(empty, DELIVERY, [*before, others])
    ticket = replace(made.ticket, revision=made.ticket.revision + 1, update_time=NOW)
    await PostgresTickets(empty).commit(keep_schedule(Decision(ticket, cancel_deliveries_to=contact)), None)
    rows = await fetch(empty, f"SELECT {DELIVERY.select_list('d')} FROM deliveries d")  # noqa: S608 - column names
    expected = {each.message_id: cancel_delivery(each, NOW) for each in before} | {others.message_id: others}
    assert {each.message_id: each for row in rows if (each := DELIVERY.read(tuple(row)))} == expected
