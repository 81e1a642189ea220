"""What a workflow gets when it is started or poked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.message import Message
from temporalio.service import RPCError, RPCStatusCode

from care.v1.worker_service_pb2 import DEADLINE_STEP_DONE, RECOVERY_STEP_POST, DeadlinePlan, RecoveryPlan
from care.v1.workflows_pb2 import ContactRecoveryInput, TicketWorkflowInput
from care_service.running.waker import Plan, TemporalWaker
from care_service.storage.outbox import Wake

RECOVERY = Wake("acme", 1, "ContactRecovery", 17, UUID(int=7), 1, "soho", is_new_workflow=True)
TICKET = Wake("acme", 1, "TicketWorkflow", 17, None, 1, "soho")
NAME = "organizations/acme/tickets/17"


@dataclass
class Temporal:
    """Stands in for Temporal's client, and for the handle of its only workflow."""

    runs: bool = True
    started: list[Message] = field(default_factory=list)
    signals: list[tuple[str, list[Any]]] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> Temporal:
        return self

    async def signal(self, name: str, *, args: list[Any], rpc_timeout: object) -> None:
        if not self.runs:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        self.signals.append((name, args))

    async def start_workflow(self, workflow: str, start: Message, **options: object) -> None:
        self.started.append(start)


@dataclass
class Plans:
    known: Plan | None
    asked: int = 0

    async def plan(self, wake: Wake) -> Plan | None:
        self.asked += 1
        return self.known


async def wake(temporal: Temporal, plans: Plans, row: Wake) -> None:
    await TemporalWaker(temporal, "care", plans).wake(row)  # type: ignore[arg-type]  # it needs no more of the client


async def test_a_start_contains_the_plan() -> None:
    temporal, plan = Temporal(), RecoveryPlan(step=RECOVERY_STEP_POST)
    await wake(temporal, Plans(plan), RECOVERY)
    assert temporal.started == [ContactRecoveryInput(recovery=f"{NAME}/recoveries/{UUID(int=7)}", plan=plan)]


async def test_a_plan_that_is_known_is_not_read() -> None:
    temporal, plan, plans = Temporal(runs=False), DeadlinePlan(step=DEADLINE_STEP_DONE), Plans(None)
    await TemporalWaker(temporal, "care", plans).wake(TICKET, plan)  # type: ignore[arg-type]  # as in `wake`
    assert (temporal.started, plans.asked) == ([TicketWorkflowInput(ticket=NAME, plan=plan)], 0)


async def test_a_start_without_a_plan_makes_the_workflow_ask() -> None:
    temporal = Temporal(runs=False)
    await wake(temporal, Plans(None), TICKET)
    assert temporal.started == [TicketWorkflowInput(ticket=NAME)]


@pytest.mark.parametrize("row", [TICKET, replace(RECOVERY, is_new_workflow=False)])
async def test_a_poke_has_no_plan(row: Wake) -> None:
    # A plan in a poke could arrive after a newer plan.
    temporal, plans = Temporal(), Plans(DeadlinePlan(step=DEADLINE_STEP_DONE))
    await wake(temporal, plans, row)
    assert (temporal.signals, plans.asked) == ([("poke", [])], 0)


async def test_the_workflow_of_a_closed_ticket_gets_its_last_plan() -> None:
    temporal = Temporal()
    plans = Plans(DeadlinePlan(step=DEADLINE_STEP_DONE, ticket=NAME))
    await wake(temporal, plans, replace(TICKET, is_closed_ticket=True))
    assert temporal.signals == [("ticket_closed", [{"step": "DEADLINE_STEP_DONE", "ticket": NAME}])]


async def test_the_workflow_of_a_closed_ticket_is_poked_if_its_plan_is_unknown() -> None:
    temporal = Temporal()
    await wake(temporal, Plans(None), replace(TICKET, is_closed_ticket=True))
    assert temporal.signals == [("poke", [])]
