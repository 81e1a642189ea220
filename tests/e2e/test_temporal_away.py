"""While Temporal is down, every call works. Afterwards the workflows run all steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_dev.stack.secrets import Role
from tests.e2e.scenario import ORGANIZATION, Person, Scenario
from tests.support.operations import check_health, scrape_metrics
from tests.support.system import System, eventually

AT_ONCE = 10

A = TypeVar("A")
B = TypeVar("B")


async def every(given: Sequence[A], call: Callable[[A], Awaitable[B]]) -> list[B]:
    """Makes a call for each item, AT_ONCE calls at a time. Returns all results. Raises the first failure."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: A) -> B:
        async with turns:
            return await call(item)

    return list(await asyncio.gather(*(one(item) for item in given)))


async def wait_for_degraded(system: System, value: int) -> None:
    """Waits until the metric `care_degraded` has this value."""

    async def has_value() -> bool:
        return (await scrape_metrics(system.stack.urls.metrics))["care_degraded"] == value

    await eventually(f"care_degraded {value}", has_value)


@pytest.mark.parametrize(("ticket_count", "form_count"), [(40, 10), pytest.param(200, 50, marks=pytest.mark.long)])
async def test_tickets_are_created_and_forms_requested_and_all_are_posted_once(
    system: System, ticket_count: int, form_count: int
) -> None:
    intake, alice = system.client(ORGANIZATION, "intake", Role.SERVICE), system.client(ORGANIZATION, "alice")
    scenarios = await every(range(form_count), lambda _: Scenario.open(system))
    answered = await Scenario.open(system)
    recovery = await answered.send_form()
    link = await answered.wait_for_form_link(recovery)
    await answered.wait_for_state(recovery, "AWAITING_CONTACT")

    # Unlike `retry_until_available`, the test does not repeat these calls: one failure fails the test.
    async with system.temporal_away():

        async def create(number: int) -> str:
            ticket = Ticket(subject=f"No. {number}", location=f"organizations/{ORGANIZATION}/locations/soho")
            request = tickets.CreateTicketRequest(parent=f"organizations/{ORGANIZATION}", ticket=ticket)
            return (await intake.tickets.CreateTicket(request)).ticket.name

        async def request_form(scenario: Scenario) -> str:
            text = "We are sorry: {form_link}"
            request = conversations.SendRecoveryFormRequest(parent=scenario.ticket, reply_text=text)
            return (await alice.conversations.SendRecoveryForm(request)).recovery.name

        created = await every(range(ticket_count), create)
        requested = await every(scenarios, request_form)
        await answered.submit_form(link, Person())
        states = {await scenario.get_state(recovery) for scenario, recovery in zip(scenarios, requested, strict=True)}
        assert (len(set(created)), states) == (ticket_count, {"FORM_REQUESTED"})
        assert await answered.get_state(recovery) == "CONTACT_RECEIVED"
        await wait_for_degraded(system, 1)
        services = ("", "care.v1.TicketService")
        assert {await check_health(system.stack.urls.grpc, service) for service in services} == {"SERVING"}

    await system.processes.back()
    await answered.wait_for_state(recovery, "CHAT_UNLOCKED")
    for scenario, recovery in zip(scenarios, requested, strict=True):
        await scenario.wait_for_state(recovery, "AWAITING_CONTACT")
    await wait_for_degraded(system, 0)
    assert [len(await scenario.site.list_posted_replies()) for scenario in scenarios] == [1] * form_count
    assert [(await scenario.count_activities())["FORM_POSTED"] for scenario in scenarios] == [1] * form_count


async def test_a_form_withdrawn_in_the_meantime_is_never_posted(system: System, scenario: Scenario) -> None:
    async with system.temporal_away():
        recovery = await scenario.send_form()
        await scenario.withdraw(recovery)
        newer = await scenario.send_form()
    await system.processes.back()
    await scenario.wait_for_state(newer, "AWAITING_CONTACT")
    assert await scenario.site.list_posted_replies() == [await scenario.site.get_reply()]
    assert await scenario.wait_for_form_link(newer) in (await scenario.site.get_reply() or "")
    assert await scenario.get_state(recovery) == "WITHDRAWN"
