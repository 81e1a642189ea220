"""A customer writes during the automatic close: the message is never lost, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_pb2
from care.v1 import worker_service_pb2 as workers
from care.v1.settings_pb2 import Settings
from care.v1.settings_service_pb2 import UpdateSettingsRequest
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.clocks import SettableClock
from tests.support.tenant import Tenant


@pytest.fixture
async def hurried(timed: Tenant) -> Tenant:
    """An organization that closes tickets after two days and warns one day before."""
    given = Settings(name=f"{timed.name}/settings", inactivity_days=2, inactivity_warning_days=1)
    await timed.meet("alice")
    await timed.supervisor.settings.UpdateSettings(UpdateSettingsRequest(settings=given))
    return timed


async def race(tenant: Tenant, clock: SettableClock, place: int) -> str:
    """Makes the customer's call at `place` among three calls of the workflow. Returns who was faster."""
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    token = await tenant.open_chat(ticket)
    fire = workers.FireDeadlineRequest(name=ticket.name)
    clock.advance(days=1)
    await tenant.worker.workers.FireDeadline(fire)
    clock.advance(days=1)
    post = customers.PostMessageRequest(token=token, text="Wait!")
    worker, customer = tenant.worker.workers, tenant.customer.customers
    calls: list[Callable[[], Awaitable[object]]] = [lambda: worker.FireDeadline(fire)] * 3
    calls.insert(place, lambda: customer.PostMessage(post))
    await asyncio.gather(*(call() for call in calls))
    after, types = await tenant.get(ticket), await tenant.log_types(ticket)
    plan = (await tenant.worker.workers.GetNextDeadline(workers.GetNextDeadlineRequest(name=ticket.name))).plan
    if after.status == ticket_pb2.TICKET_STATUS_CLOSED:
        following = Ticket(name=after.follow_up)
        assert [entry.text for entry in await tenant.thread(following, "CUSTOMER_MESSAGE")] == ["Wait!"]
        assert (types.count("AUTO_CLOSED"), plan.step) == (1, workers.DEADLINE_STEP_DONE)
        return "the close"
    assert [entry.text for entry in await tenant.thread(ticket, "CUSTOMER_MESSAGE")] == ["Wait!"]
    assert (types.count("AUTO_CLOSED"), after.follow_up) == (0, "")
    assert (plan.step, plan.kind) == (workers.DEADLINE_STEP_WAIT, workers.DEADLINE_KIND_INACTIVITY_WARNING)
    return "the customer"


async def test_a_message_during_the_automatic_close_is_never_lost(hurried: Tenant, clock: SettableClock) -> None:
    for number in range(10):
        await race(hurried, clock, number % 4)


@pytest.mark.long
@pytest.mark.timeout(1_200)
async def test_a_message_is_never_lost_in_hundreds_of_races(hurried: Tenant, clock: SettableClock) -> None:
    winners = [await race(hurried, clock, number % 4) for number in range(400)]
    assert set(winners) == {"the customer", "the close"}, "both must win sometimes"
