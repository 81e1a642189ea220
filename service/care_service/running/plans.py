"""The plans that the relay gives to workflows, so that the workflows need not ask for them.

A plan in a start is as good as a response of WorkerService. A later commit that changes the plan writes its own outbox
row. The relay then pokes the workflow, or starts it with the newer plan. A plan in a poke could arrive after a newer
plan. So a poke contains a plan only if the ticket is CLOSED, because such a plan never changes.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from care_client import workflow_names
from care_rules.callers import Caller, Role
from care_rules.entities.activity import ActorKind
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.recovery_plan import SiteTiming
from care_rules.refusals import Refusal
from care_service.rpc import convert_plans
from care_service.running.waker import Plan
from care_service.storage.outbox import Wake
from care_service.usecases import deadlines, deliveries, recovery_steps
from care_service.usecases.links import Links
from care_service.usecases.ports.clock import Clock
from care_service.usecases.ports.ticket_store import TicketStore

_AT_ONCE: Final = 4
"""How many plans are read at the same time. Few, because calls need the database while the relay wakes workflows."""
_RELAY: Final = Caller(ActorKind.WORKFLOW, "relay", None, frozenset({Role.WORKER}), "")


class StoredPlans:
    """Computes plans from the database, as WorkerService does."""

    def __init__(self, store: TicketStore, links: Links, timing: SiteTiming, clock: Clock) -> None:
        self._store = store
        self._links = links
        self._timing = timing
        self._clock = clock
        self._limit = asyncio.Semaphore(_AT_ONCE)

    async def plan(self, wake: Wake) -> Plan | None:
        """See Plans. Returns None if the resource does not exist or the database is unreachable."""
        try:
            async with self._limit:
                return await self._plan(wake)
        except Refusal:
            return None

    async def _plan(self, wake: Wake) -> Plan | None:
        now, ticket = self._clock.now(), TicketName(wake.organization, wake.ticket_number)
        match wake.workflow, wake.resource_id:
            case workflow_names.TICKET_WORKFLOW, None:
                loaded = await deadlines.get_next_deadline(self._store, ticket, _RELAY)
                return convert_plans.deadline_plan_message(loaded.ticket, now)
            case workflow_names.CONTACT_RECOVERY, UUID() as id_:
                name = RecoveryName(wake.organization, wake.ticket_number, id_)
                found = await recovery_steps.check_recovery(self._store, self._timing, name, None, _RELAY, now)
                return convert_plans.recovery_plan_message(found.snapshot, found.plan, found.snapshot.reminder, now)
            case workflow_names.MESSAGE_DELIVERY, UUID() as id_:
                message = MessageName(wake.organization, wake.ticket_number, id_)
                begun = await deliveries.begin_delivery(self._store, self._links, message, None, _RELAY, now)
                return convert_plans.delivery_plan_message(begun.snapshot, begun.snapshot.plan(now), now)
            case _:
                return None
