"""The test kit and the real service give the same answers to the same random scripts."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest
from google.protobuf import json_format
from temporalio.testing import WorkflowEnvironment

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import (
    DELIVERY_FAILURE_ADDRESS_REFUSED,
    DELIVERY_STATE_DELIVERED,
    DELIVERY_STATE_SENT,
    MESSAGE_KIND_AGENT_MESSAGE,
)
from care.v1.recovery_pb2 import REFUSAL_REASON_LINKS_NOT_ALLOWED, REFUSAL_REASON_OTHER
from care_client.client import CareClient
from care_client.errors import CareError, care_errors
from care_dev.stack import postgres
from care_service.rpc import errors
from care_workflows.testing import CareTestKit, refusals
from tests.integration.service.clocks import SettableClock
from tests.support.care import Care, care
from tests.support.tenant import Tenant

LENGTH: Final = 40
SEEDS: Final = range(18)
OFTEN: Final = 0.65
RARELY: Final = 0.25
SITE_STEPS: Final = (worker.RECOVERY_STEP_POST, worker.RECOVERY_STEP_READ, worker.RECOVERY_STEP_RETRACT)

LOCAL: Final = (
    # Names that each side generates, the kit's only location and assignee, and values that the kit leaves out.
    "ticket",
    "location",
    "assignee",
    "first_response_due_time",
    "resolution_due_time",
)


class Environment:
    """The part of Temporal's test environment that a kit without relay needs: the time."""

    def __init__(self, clock: SettableClock) -> None:
        self._clock = clock

    async def get_current_time(self) -> datetime:
        return self._clock.now()


@dataclass
class Side:
    """The kit or the service: the stub of the worker, the acts of people, and the created resources in their order."""

    workers: CareClient
    people: Any
    ticket: str = ""
    recoveries: list[str] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=dict)


class RealPeople:
    """The controls of the kit, as calls of the real service by alice and the customer."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._alice = tenant.agent("alice")

    async def create_ticket(self) -> str:
        return (await self._tenant.ticket()).name

    async def send_form(self, ticket: str) -> str:
        request = conversations.SendRecoveryFormRequest(parent=ticket, reply_text="Write to us: {form_link}")
        return (await self._alice.conversations.SendRecoveryForm(request)).recovery.name

    async def withdraw_form(self, recovery: str) -> None:
        await self._alice.conversations.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=recovery))

    async def reject_contact(self, recovery: str) -> None:
        await self._alice.conversations.RejectContact(conversations.RejectContactRequest(name=recovery))

    async def add_contact(self, ticket: str) -> str:
        request = conversations.AddContactRequest(parent=ticket, email="customer@example.com")
        return (await self._alice.conversations.AddContact(request)).recovery.name

    async def submit_contact(self, recovery: str) -> None:
        found = await self._alice.conversations.GetRecovery(conversations.GetRecoveryRequest(name=recovery))
        token = self._tenant.form_token(found.recovery)
        request = customers.SubmitContactRequest(token=token, email="customer@example.com", consent=True)
        await self._tenant.customer.customers.SubmitContact(request)

    async def send_message(self, ticket: str) -> None:
        await self._alice.conversations.SendMessage(conversations.SendMessageRequest(parent=ticket, text="Hello."))

    async def start(self, ticket: str) -> None:
        await self._alice.tickets.StartTicket(tickets.StartTicketRequest(name=ticket))

    async def resolve(self, ticket: str) -> None:
        await self._alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket))

    async def reopen(self, ticket: str) -> None:
        await self._alice.tickets.ReopenTicket(tickets.ReopenTicketRequest(name=ticket))

    async def close(self, ticket: str) -> None:
        await self._alice.tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket))

    async def messages(self, ticket: str) -> list[str]:
        """Returns the messages to the customer, in order."""
        request = conversations.ListMessagesRequest(parent=ticket, page_size=1000)
        found = (await self._alice.conversations.ListMessages(request)).messages
        return [message.name for message in found if message.kind == MESSAGE_KIND_AGENT_MESSAGE]


class KitPeople:
    """The controls of the kit, and its messages."""

    def __init__(self, kit: CareTestKit) -> None:
        self._kit = kit

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the kit's own methods
        return getattr(self._kit, name)

    async def messages(self, ticket: str) -> list[str]:
        return [message.name for message in self._kit.ticket(ticket).messages]


Move = Callable[[Side], Awaitable[object]]


def comparable(answer: object) -> object:
    """Returns the values that must be the same on both sides."""
    if not hasattr(answer, "plan"):
        return None
    given = json_format.MessageToDict(cast("worker.CheckRecoveryResponse", answer), preserving_proto_field_name=True)
    plan = {name: value for name, value in given["plan"].items() if name not in LOCAL}
    grant = given.get("grant")
    kept = {name: grant.get(name) for name in ("attempt", "read_first", "channel", "address")} if grant else None
    return plan, kept


async def outcome(move: Move, side: Side) -> object:
    """Returns the comparable values of the response, or the code, reason, state and triggers of the refusal."""
    try:
        with care_errors():
            return comparable(await move(side))
    except CareError as error:
        return error.code, error.reason, error.machine, error.state, error.allowed


def by_people(name: str) -> Move:
    """Returns a move that sends a command on the ticket."""

    async def move(side: Side) -> None:
        made = await getattr(side.people, name)(side.ticket)
        if made and "/recoveries/" in made:
            side.recoveries.append(made)

    return move


def on_recovery(name: str, place: int) -> Move:
    """Returns a move that sends a command on one of the recoveries."""

    async def move(side: Side) -> None:
        await getattr(side.people, name)(side.recoveries[place])

    return move


def at_site(step: worker.RecoveryStep.ValueType, place: int) -> Move:
    """Returns a move that begins an attempt at the review site."""

    async def move(side: Side) -> object:
        name = side.recoveries[place]
        answer = await side.workers.workers.BeginPosting(worker.BeginPostingRequest(name=name, step=step))
        side.attempts[name] = answer.grant.attempt or side.attempts.get(name, 0)
        return answer

    return move


def report(method: str, place: int, **more: object) -> Move:
    """Returns a move that reports the outcome of the last attempt, or calls a method without attempts."""

    async def move(side: Side) -> object:
        name = side.recoveries[place]
        request: Any = getattr(worker, f"{method}Request")(name=name, **more)
        if hasattr(request, "attempt"):
            request.attempt = side.attempts.get(name, 0) or 1
        return await getattr(side.workers.workers, method)(request)

    return move


def delivery(step: worker.DeliveryStep.ValueType) -> Move:
    """Returns a move that begins an attempt at the last message of the ticket."""

    async def move(side: Side) -> object:
        messages = await side.people.messages(side.ticket)
        if not messages:
            return None
        answer = await side.workers.workers.BeginDelivery(worker.BeginDeliveryRequest(name=messages[-1], step=step))
        side.attempts[messages[-1]] = answer.grant.attempt or side.attempts.get(messages[-1], 0)
        return answer

    return move


def delivery_report(method: str, **more: object) -> Move:
    async def move(side: Side) -> object:
        messages = await side.people.messages(side.ticket)
        if not messages:
            return None
        request: Any = getattr(worker, f"{method}Request")(name=messages[-1], **more)
        request.attempt = side.attempts.get(messages[-1], 0) or 1
        return await getattr(side.workers.workers, method)(request)

    return move


def by_time(method: str) -> Move:
    async def move(side: Side) -> object:
        request: Any = getattr(worker, f"{method}Request")(name=side.ticket)
        return await getattr(side.workers.workers, method)(request)

    return move


def on_ticket(chance: random.Random) -> tuple[str, Move]:
    """Chooses a move of people, of time or of a delivery on the ticket."""
    people = ["send_form"] * 6 + ["add_contact", "send_message", "start", "resolve", "reopen"]
    people += ["close"] if chance.random() < RARELY else []
    moves = [(name, by_people(name)) for name in people]
    moves += [(name, by_time(name)) for name in ("GetNextDeadline", "FireDeadline")]
    sent = delivery_report("RecordDelivered", state=DELIVERY_STATE_SENT, provider_id="p", can_be_checked=True)
    moves += [
        ("SEND", delivery(worker.DELIVERY_STEP_SEND)),
        ("CHECK", delivery(worker.DELIVERY_STEP_CHECK)),
        ("SENT", sent),
        ("DELIVERED", delivery_report("RecordDelivered", state=DELIVERY_STATE_DELIVERED)),
        ("FAILED", delivery_report("RecordFailed", reason=DELIVERY_FAILURE_ADDRESS_REFUSED)),
    ]
    return chance.choice(moves)


def on_any_recovery(chance: random.Random, recoveries: int) -> tuple[str, Move]:
    """Chooses a move of people or of a workflow on a recovery, mostly on the newest one."""
    place = chance.choice([recoveries - 1] * 3 + list(range(recoveries)))
    people = ("withdraw_form", "withdraw_form", "reject_contact", "submit_contact")
    moves = [(f"{name} {place}", on_recovery(name, place)) for name in people]
    moves += [(f"{worker.RecoveryStep.Name(step)} {place}", at_site(step, place)) for step in SITE_STEPS]
    reports = ("CheckRecovery", "CheckRecovery", "RecordPosted", "RecordRetracted", "UnlockChat", "ExpireForm")
    moves += [(f"{method} {place}", report(method, place)) for method in reports]
    moves.append((f"RecordRefused {place}", report("RecordRefused", place, reason=REFUSAL_REASON_LINKS_NOT_ALLOWED)))
    return chance.choice(moves)


def as_wanted(chance: random.Random, name: str, answer: object) -> tuple[str, Move] | None:
    """Returns the next move of a workflow after an answer: the planned step, or the outcome of the begun attempt."""
    _, _, place = name.partition(" ")
    if not isinstance(answer, tuple) or not isinstance(answer[0], dict) or not place:
        return None
    step, grant, at = str(answer[0]["step"]), answer[1], int(place)
    if grant is not None:
        good = "RecordRetracted" if "RETRACT" in name else "RecordPosted"
        if chance.random() < RARELY:
            return f"RecordRefused {at}", report("RecordRefused", at, reason=REFUSAL_REASON_OTHER)
        return f"{good} {at}", report(good, at)
    simple = {"RECOVERY_STEP_UNLOCK": "UnlockChat", "RECOVERY_STEP_EXPIRE": "ExpireForm"}
    if step in simple:
        return f"{simple[step]} {at}", report(simple[step], at)
    value = worker.RecoveryStep.Value(step)
    return (f"{step} {at}", at_site(value, at)) if value in SITE_STEPS else None


def pause(chance: random.Random, *, hasty: bool) -> timedelta:
    """Returns a short pause for hasty scripts, in which attempts overlap, and a long one for the others."""
    if hasty:
        return timedelta(seconds=chance.choice([0, 1, 2, 20, 60]))
    days = [timedelta(days=number) for number in (1, 8, 31)]
    return chance.choice([timedelta(seconds=1)] * 6 + [timedelta(minutes=1), timedelta(hours=1)] * 3 + days)


@pytest.fixture(scope="module")
def years() -> SettableClock:
    """A clock of its own, because the scripts advance it by years."""
    return SettableClock()


@pytest.fixture(scope="module")
async def lasting(server: postgres.Server, years: SettableClock) -> AsyncIterator[Care]:
    async with care(server.create_database("kit"), clock=years) as running:
        yield running


@asynccontextmanager
async def both(tenant: Tenant, clock: SettableClock) -> AsyncIterator[tuple[Side, Side]]:
    environment = cast("WorkflowEnvironment", Environment(clock))
    async with CareTestKit(environment, relay=False) as kit:
        sides = Side(kit.care, KitPeople(kit)), Side(tenant.worker, RealPeople(tenant))
        for side in sides:
            side.ticket = await side.people.create_ticket()
        yield sides


@pytest.mark.parametrize("seed", SEEDS)
async def test_kit_and_service_give_the_same_answers(lasting: Care, years: SettableClock, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same seed makes the same script
    script: list[str] = []
    name, answer = "", None
    async with both(Tenant(lasting, f"kit-{seed}"), years) as (kit, real):
        for _ in range(LENGTH):
            wanted = as_wanted(chance, name, answer) if chance.random() < OFTEN else None
            about_recovery = real.recoveries and chance.random() < OFTEN
            name, move = wanted or (
                on_any_recovery(chance, len(real.recoveries)) if about_recovery else on_ticket(chance)
            )
            script.append(name)
            got, answer = await outcome(move, kit), await outcome(move, real)
            assert got == answer, " ".join(script)
            assert len(kit.recoveries) == len(real.recoveries), " ".join(script)
            step = pause(chance, hasty=seed % 3 > 0)
            script.append(str(step))
            years.advance(seconds=step.total_seconds())


def test_the_kit_refuses_with_the_codes_of_the_service() -> None:
    assert {reason: errors.CODES[reason] for reason in refusals.CODES} == refusals.CODES
