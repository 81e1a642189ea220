"""Care's workflows from a team's own: as a child whose end is awaited, or started if need be and poked.

Each resource has one workflow, whose id is made of its name. The service's relay starts it by itself, usually before
anybody else can; so whoever wants it must take it as it is, started or not. Import this module in a workflow's file
with ``workflow.unsafe.imports_passed_through()``.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TerminatedError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

from care.v1.workflows_pb2 import (
    ContactRecoveryInput,
    ContactRecoveryResult,
    MessageDeliveryInput,
    MessageDeliveryResult,
    TicketWorkflowInput,
    TicketWorkflowResult,
)
from care_client import workflow_names
from care_workflows.names import last_segment, parse_message, parse_recovery, parse_ticket

TASK_QUEUE: Final = "care"
"""Where ``care work`` looks for work, unless ``CARE_TASK_QUEUE`` names another one."""

LONGEST_PAUSE: Final = timedelta(hours=1)
"""How long ``run_recovery`` waits at most before it looks again at a recovery that runs outside of it."""

_FIRST_PAUSE: Final = timedelta(seconds=1)
_ORGANIZATION: Final = SearchAttributeKey.for_keyword(workflow_names.ORGANIZATION_ATTRIBUTE)
_TICKET: Final = SearchAttributeKey.for_keyword(workflow_names.TICKET_ATTRIBUTE)


async def run_recovery(
    recovery: str, *, task_queue: str | None = None, longest_pause: timedelta = LONGEST_PAUSE
) -> ContactRecoveryResult:
    """Carry a recovery to its end as a child of the workflow that calls this; returns its last plan.

    ``recovery`` is ``organizations/{o}/tickets/{n}/recoveries/{id}``; ``task_queue`` is where a worker with
    ``CarePlugin`` runs, by default the caller's own. The plan's ``state`` says how it ended.

    Where it runs already, since the service woke it first, it is poked, and looked at again after pauses that double up
    to ``longest_pause``: once that run is over, a child of ours asks the service and has the answer. So the end is
    known after at most twice the time that it took, and at most ``longest_pause`` late. Whoever hears of it in another
    way may cancel the task that awaits this: the recovery stays as it is.

    The recovery is the customer's, not the caller's: it goes on where the caller is cancelled, fails or ends. Raises
    ``ApplicationError`` INVALID_FIELD for what is no name of a recovery, and ``ChildWorkflowError``, caused by an
    ``ApplicationError`` RESOURCE_NOT_FOUND, where there is no such recovery.
    """
    wanted = _in_workflow(_recovery, recovery)
    pause, poked = _FIRST_PAUSE, False
    while True:
        try:
            child = await _start(wanted, task_queue)
            result: ContactRecoveryResult = await child
        except WorkflowAlreadyStartedError:
            poked = poked or await _poked(wanted)
        except ChildWorkflowError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error  # the caller's own: the recovery goes on
            if not isinstance(error.cause, (CancelledError, TerminatedError)):
                raise
            # Somebody has stopped the run by hand. The recovery itself is in the database, and still wants its steps.
        else:
            return result
        await workflow.sleep(pause, summary=f"{wanted.id} is looked at again")
        pause = min(2 * pause, max(longest_pause, _FIRST_PAUSE))


async def start_or_poke(name: str, *, task_queue: str | None = None) -> None:
    """Have a recovery, a message or a ticket looked at now, from a workflow, without waiting for what comes of it.

    ``name`` is the resource's name. Does no harm at any time: whatever is not wanted any more is not done. Raises
    ``ApplicationError`` INVALID_FIELD for what is no such name.
    """
    wanted = _in_workflow(_of, name)
    while True:
        try:
            started = await _start(wanted, task_queue)
            del started  # its end is its own
        except WorkflowAlreadyStartedError:
            if not await _poked(wanted):
                continue  # it has ended in between
        return


async def wake(
    client: Client,
    name: str,
    *,
    task_queue: str = TASK_QUEUE,
    search_attributes: TypedSearchAttributes = TypedSearchAttributes.empty,
) -> WorkflowHandle[Any, Any]:
    """Do as ``start_or_poke``, from a program, in one call (signal-with-start)."""
    wanted = _of(name)
    return await client.start_workflow(
        wanted.name,
        wanted.start,
        id=wanted.id,
        task_queue=task_queue,
        result_type=wanted.result,
        start_signal=workflow_names.POKE,
        static_summary=wanted.summary,
        search_attributes=search_attributes,
    )


def search_attributes(name: str) -> TypedSearchAttributes:
    """Return those by which operators find what belongs to a ticket: start your own workflow with them.

    Only where they are registered (see ``care_workflows.search_attributes.register``): a start that names others is
    refused. The children of a workflow that has them get them too.
    """
    return _attributes(*_of(name).place)


def workflow_id(name: str) -> str:
    """Return the id of the workflow of a recovery, a message or a ticket; raises ``ValueError`` for another name."""
    return _of(name).id


def workflow_type(name: str) -> str:
    """Return the type of the workflow of a recovery, a message or a ticket; raises ``ValueError`` likewise."""
    return _of(name).name


class _Workflow(NamedTuple):
    name: str
    """Its type."""
    id: str
    start: Message
    result: type[Message]
    place: tuple[str, int]
    summary: str


def _of(name: str) -> _Workflow:
    for kind in (_recovery, _message, _ticket):
        try:
            return kind(name)
        except ValueError:
            continue
    raise ValueError("not the name of a recovery, a message or a ticket")


def _in_workflow(parse: Callable[[str], _Workflow], name: str) -> _Workflow:
    """Take a name apart. Any other exception would fail the caller's workflow task again and again."""
    try:
        return parse(name)
    except ValueError as error:
        raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None


def _recovery(name: str) -> _Workflow:
    found = parse_recovery(name)
    place = (found.organization, int(found.ticket))
    return _Workflow(
        workflow_names.CONTACT_RECOVERY,
        workflow_names.contact_recovery_id(*place, last_segment(name)),
        ContactRecoveryInput(recovery=name),
        ContactRecoveryResult,
        place,
        f"Contact recovery of ticket {workflow_names.ticket_value(*place)}",
    )


def _message(name: str) -> _Workflow:
    found = parse_message(name)
    place = (found.organization, int(found.ticket))
    return _Workflow(
        workflow_names.MESSAGE_DELIVERY,
        workflow_names.message_delivery_id(*place, last_segment(name)),
        MessageDeliveryInput(message=name),
        MessageDeliveryResult,
        place,
        f"Message of ticket {workflow_names.ticket_value(*place)}",
    )


def _ticket(name: str) -> _Workflow:
    found = parse_ticket(name)
    place = (found.organization, int(found.ticket))
    return _Workflow(
        workflow_names.TICKET_WORKFLOW,
        workflow_names.ticket_workflow_id(*place),
        TicketWorkflowInput(ticket=name),
        TicketWorkflowResult,
        place,
        f"Ticket {workflow_names.ticket_value(*place)}",
    )


def _attributes(organization: str, number: int) -> TypedSearchAttributes:
    ticket = workflow_names.ticket_value(organization, number)
    pairs = [SearchAttributePair(_ORGANIZATION, organization), SearchAttributePair(_TICKET, ticket)]
    return TypedSearchAttributes(pairs)


async def _start(wanted: _Workflow, task_queue: str | None) -> workflow.ChildWorkflowHandle[Any, Any]:
    """Start it as a child that outlives its parent; raises ``WorkflowAlreadyStartedError``."""
    # Whoever started the parent with them knows that they are registered.
    registered = workflow.info().typed_search_attributes.get(_TICKET) is not None
    return await workflow.start_child_workflow(
        wanted.name,
        wanted.start,
        id=wanted.id,
        task_queue=task_queue,
        result_type=wanted.result,
        cancellation_type=ChildWorkflowCancellationType.ABANDON,
        parent_close_policy=ParentClosePolicy.ABANDON,
        static_summary=wanted.summary,
        search_attributes=_attributes(*wanted.place) if registered else None,
    )


async def _poked(wanted: _Workflow) -> bool:
    """Signal the run that there is; tells whether there was one."""
    try:
        await workflow.get_external_workflow_handle(wanted.id).signal(workflow_names.POKE)
    except ApplicationError:
        return False
    return True
