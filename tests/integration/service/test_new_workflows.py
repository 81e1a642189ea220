"""The relay starts new workflows right after the commit that wrote their rows, with the same values as the rows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1.ticket_service_pb2 import TakeTicketRequest
from care.v1.worker_service_pb2 import DeadlinePlan, GetNextDeadlineRequest
from care_dev.stack import postgres
from care_service.running.relay import Relay
from care_service.running.waker import NewWorkflow
from care_service.storage.outbox import Wake
from tests.support.care import care
from tests.support.outbox import claimed_rows
from tests.support.tenant import Tenant


def facts(wake: Wake) -> tuple[object, ...]:
    """Returns the values that an early start shares with its row. The row also has later changes of the ticket."""
    return wake.organization, wake.workflow, wake.ticket_number, wake.resource_id, wake.location, wake.traceparent


async def test_a_start_at_once_knows_what_its_row_says(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    early: list[Wake] = []
    plans: list[DeadlinePlan] = []

    def hint(_relay: Relay, new: Sequence[NewWorkflow] = ()) -> None:
        early.extend(wake for wake, _ in new)
        plans.extend(plan for _, plan in new if isinstance(plan, DeadlinePlan))

    monkeypatch.setattr(Relay, "hint", hint)
    async with care(server.create_database("new_workflows")) as service:
        tenant = Tenant(service, "acme")
        ticket = await tenant.ticket()
        recovery = await tenant.form(ticket)
        await tenant.submit(recovery)
        await tenant.unlock(recovery)
        second = await tenant.ticket(None)
        asked = await tenant.worker.workers.GetNextDeadline(GetNextDeadlineRequest(name=second.name))
        answer = asked.plan
        await tenant.agent("alice").tickets.TakeTicket(TakeTicketRequest(name=second.name))
        add = conversations.AddContactRequest(parent=second.name, email="robin@example.com")
        await tenant.agent("alice").conversations.AddContact(add)
        rows = await claimed_rows(service.database, tenant.id)
    new_rows = [row for row in rows if row.is_new_workflow]
    assert {facts(wake) for wake in early} == {facts(row) for row in new_rows}
    assert len(early) == len(new_rows) == 5
    # The plan of a ticket comes with the commit, and equals the plan that the service returns.
    assert [plan.ticket for plan in plans] == [ticket.name, second.name]
    for volatile in ("wait", "plan_time"):
        answer.ClearField(volatile)
        plans[1].ClearField(volatile)
    assert plans[1] == answer
    assert all(wake.is_new_workflow for wake in early)
    by_workflow = {wake.workflow: wake for wake in reversed(early)}
    assert by_workflow["ContactRecovery"].needs_review_site
    assert by_workflow["TicketWorkflow"].next_time is not None
