"""Wakes workflows in Temporal, for the relay: pokes those that run, and starts the others."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf
from time import monotonic
from typing import Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from care.v1.worker_service_pb2 import DeadlinePlan, DeliveryPlan, RecoveryPlan
from care.v1.workflows_pb2 import ContactRecoveryInput, MessageDeliveryInput, TicketWorkflowInput
from care_client import workflow_names
from care_roles.logs import get_logger
from care_rules import names
from care_service.storage.outbox import Wake

_LOG: Final = get_logger("care.relay")
_TIMEOUT: Final = timedelta(seconds=10)
_ATTRIBUTES_RETRY: Final = 60.0
"""Seconds until search attributes are used again after Temporal refused them. A worker registers them at its start."""

_ORGANIZATION: Final = SearchAttributeKey.for_keyword(workflow_names.ORGANIZATION_ATTRIBUTE)
_LOCATION: Final = SearchAttributeKey.for_keyword(workflow_names.LOCATION_ATTRIBUTE)
_TICKET: Final = SearchAttributeKey.for_keyword(workflow_names.TICKET_ATTRIBUTE)
_WAITS_FOR: Final = SearchAttributeKey.for_keyword(workflow_names.WAITS_FOR_ATTRIBUTE)
_NEXT_DEADLINE: Final = SearchAttributeKey.for_datetime(workflow_names.NEXT_DEADLINE_ATTRIBUTE)

Plan: TypeAlias = RecoveryPlan | DeliveryPlan | DeadlinePlan


class NewWorkflow(NamedTuple):
    """A workflow to start before its outbox row is claimed."""

    wake: Wake
    plan: Plan | None = None
    """The workflow's first plan; None if the plan must be read from the database."""


class Plans(Protocol):
    """Knows the plans of workflows."""

    async def plan(self, wake: Wake) -> Plan | None:
        """Returns the current plan of the row's workflow; None if it is unknown. The workflow then asks for it."""
        ...


class TemporalWaker:
    """Pokes running workflows and starts the others. A started workflow gets its first plan.

    Does not use signal-with-start. The signal would make the new workflow ask for a plan although it already has one.
    """

    def __init__(self, client: Client, task_queue: str, plans: Plans) -> None:
        self._client = client
        self._task_queue = task_queue
        self._plans = plans
        self._without_until = -inf
        """The time until which search attributes are left out, by the monotonic clock."""

    async def wake(self, wake: Wake, plan: Plan | None = None) -> None:
        """See Waker. Omits the search attributes for a while if they are not registered."""
        if not wake.is_new_workflow and await self._poke(wake):
            return
        try:
            await self._begin(wake, plan)
        except WorkflowAlreadyStartedError:
            # The workflow was started in the meantime. Or a workflow with the same id still waits, of a ticket that had
            # the same number before the database was restored from a backup.
            if not await self._poke(wake):
                await self._begin(wake)

    async def _begin(self, wake: Wake, plan: Plan | None = None) -> None:
        with_attributes = monotonic() >= self._without_until
        try:
            await self._start(wake, plan, with_attributes=with_attributes)
        except RPCError as error:
            refused = error.status is RPCStatusCode.INVALID_ARGUMENT and "search attribute" in error.message.lower()
            if not refused or not with_attributes:
                raise
            _LOG.warning("search attributes are not registered; the worker's log says how to register them")
            self._without_until = monotonic() + _ATTRIBUTES_RETRY
            await self._start(wake, plan, with_attributes=False)

    async def check(self) -> None:
        """See Waker."""
        await self._client.service_client.check_health(timeout=_TIMEOUT)

    async def _poke(self, wake: Wake) -> bool:
        """Pokes the workflow. Returns whether it is running. For a CLOSED ticket, the poke contains the last plan."""
        _, workflow_id, _ = _start_of(wake)
        signal, arguments = workflow_names.POKE, list[object]()
        if wake.is_closed_ticket and (plan := await self._plans.plan(wake)):
            signal, arguments = workflow_names.TICKET_CLOSED, [MessageToDict(plan, preserving_proto_field_name=True)]
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            await handle.signal(signal, args=arguments, rpc_timeout=_TIMEOUT)
        except RPCError as error:
            # NOT_FOUND can also mean that the namespace does not exist. Then `_start` fails with NOT_FOUND, too.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _start(self, wake: Wake, plan: Plan | None, *, with_attributes: bool) -> None:
        start, workflow_id, summary = _start_of(wake)
        match start, plan or await self._plans.plan(wake):
            case ContactRecoveryInput(), RecoveryPlan() as recovery_plan:
                start.plan.CopyFrom(recovery_plan)
            case MessageDeliveryInput(), DeliveryPlan() as delivery_plan:
                start.plan.CopyFrom(delivery_plan)
            case TicketWorkflowInput(), DeadlinePlan() as deadline_plan:
                start.plan.CopyFrom(deadline_plan)
            case _:
                pass  # the workflow asks for its plan
        attributes = TypedSearchAttributes(_pairs(wake)) if with_attributes else TypedSearchAttributes.empty
        await self._client.start_workflow(
            wake.workflow,
            start,
            id=workflow_id,
            task_queue=self._task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=summary,
            search_attributes=attributes,
            rpc_timeout=_TIMEOUT,
        )


class UnknownWorkflowError(ValueError):
    """A row names a workflow that this release does not know, because a newer release wrote the row."""


_Start: TypeAlias = ContactRecoveryInput | MessageDeliveryInput | TicketWorkflowInput


def _start_of(wake: Wake) -> tuple[_Start, str, str]:
    """Returns the input, the id and the summary of a row's workflow.

    Raises UnknownWorkflowError if this release does not know the workflow.
    """
    place, resource = (wake.organization, wake.ticket_number), wake.resource_id
    ticket = workflow_names.ticket_value(*place)
    match wake.workflow, resource:
        case workflow_names.TICKET_WORKFLOW, None:
            own = TicketWorkflowInput(ticket=names.ticket(*place))
            return own, workflow_names.ticket_workflow_id(*place), f"Ticket {ticket}"
        case workflow_names.CONTACT_RECOVERY, UUID() as recovery:
            start = ContactRecoveryInput(recovery=names.recovery(*place, recovery))
            workflow_id = workflow_names.contact_recovery_id(*place, str(recovery))
            return start, workflow_id, f"Contact recovery of ticket {ticket}"
        case workflow_names.MESSAGE_DELIVERY, UUID() as message:
            carried = MessageDeliveryInput(message=names.message(*place, message))
            return carried, workflow_names.message_delivery_id(*place, str(message)), f"Message of ticket {ticket}"
        case _:
            raise UnknownWorkflowError(wake.workflow)


def _pairs(wake: Wake) -> list[SearchAttributePair[str] | SearchAttributePair[datetime]]:
    """Returns the search attributes that are known when a workflow starts.

    Temporal Cloud bills attributes that the workflow sets later, and not those in the start.
    """
    pairs: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(_ORGANIZATION, wake.organization),
        SearchAttributePair(_TICKET, workflow_names.ticket_value(wake.organization, wake.ticket_number)),
    ]
    if wake.location:
        pairs.append(SearchAttributePair(_LOCATION, wake.location))
    if wake.needs_review_site:
        pairs.append(SearchAttributePair(_WAITS_FOR, workflow_names.REVIEW_SITE))
    if wake.next_time:
        pairs.append(SearchAttributePair(_NEXT_DEADLINE, wake.next_time))
    return pairs
