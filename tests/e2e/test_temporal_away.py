"""Temporal may be away for as long as it likes: every call keeps working, and the steps catch up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_dev.stack.secrets import Role
from tests.e2e.case import ORGANIZATION, Case, Person
from tests.support.operations import health, samples
from tests.support.system import System, eventually

TICKETS = 200
FORMS = 50
AT_ONCE = 10

A = TypeVar("A")
B = TypeVar("B")


async def every(given: Sequence[A], call: Callable[[A], Awaitable[B]]) -> list[B]:
    """All the answers of `call`, of which AT_ONCE are under way at a time; the first failure is raised."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: A) -> B:
        async with turns:
            return await call(item)

    return list(await asyncio.gather(*(one(item) for item in given)))


async def degraded(system: System, value: int) -> None:
    """Returns once the metric says so."""

    async def said() -> bool:
        return (await samples(system.stack.urls.metrics))["care_degraded"] == value

    await eventually(f"care_degraded {value}", said)


async def test_tickets_are_created_and_forms_requested_and_all_are_posted_once(system: System) -> None:
    intake, alice = system.client(ORGANIZATION, "intake", Role.SERVICE), system.client(ORGANIZATION, "alice")
    cases = await every(range(FORMS), lambda _: Case.open(system))
    answered = await Case.open(system)
    recovery = await answered.send()
    link = await answered.link(recovery)
    await answered.reaches(recovery, "AWAITING_CONTACT")

    # Plain calls, none of them repeated: one that failed would fail the test.
    async with system.temporal_away():

        async def create(number: int) -> str:
            ticket = Ticket(subject=f"No. {number}", location=f"organizations/{ORGANIZATION}/locations/soho")
            request = tickets.CreateTicketRequest(parent=f"organizations/{ORGANIZATION}", ticket=ticket)
            return (await intake.tickets.CreateTicket(request)).ticket.name

        async def request_form(case: Case) -> str:
            text = "We are sorry: {form_link}"
            request = conversations.SendRecoveryFormRequest(parent=case.ticket, reply_text=text)
            return (await alice.conversations.SendRecoveryForm(request)).recovery.name

        created = await every(range(TICKETS), create)
        requested = await every(cases, request_form)
        await answered.submit(link, Person())
        states = {await case.state(recovery) for case, recovery in zip(cases, requested, strict=True)}
        assert (len(set(created)), states) == (TICKETS, {"FORM_REQUESTED"})
        assert await answered.state(recovery) == "CONTACT_RECEIVED"
        await degraded(system, 1)
        services = ("", "care.v1.TicketService")
        assert {await health(system.stack.urls.grpc, service) for service in services} == {"SERVING"}

    await system.processes.back()
    await answered.reaches(recovery, "CHAT_UNLOCKED")
    for case, recovery in zip(cases, requested, strict=True):
        await case.reaches(recovery, "AWAITING_CONTACT")
    await degraded(system, 0)
    assert [len(await case.site.puts()) for case in cases] == [1] * FORMS
    assert [(await case.log())["FORM_POSTED"] for case in cases] == [1] * FORMS


async def test_a_form_withdrawn_in_the_meantime_is_never_posted(system: System, case: Case) -> None:
    async with system.temporal_away():
        recovery = await case.send()
        await case.withdraw(recovery)
        newer = await case.send()
    await system.processes.back()
    await case.reaches(newer, "AWAITING_CONTACT")
    assert await case.site.puts() == [await case.site.reply()]
    assert await case.link(newer) in (await case.site.reply() or "")
    assert await case.state(recovery) == "WITHDRAWN"
