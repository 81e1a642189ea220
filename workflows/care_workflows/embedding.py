"""Care's workflows for teams that embed them: run a workflow as a child and await its result, or wake it.

Each resource has one workflow, and the workflow's id is derived from the resource's name. The service's relay usually
starts the workflow before anybody else can. So these functions also handle a workflow that is already running. In the
file of a workflow, import this module with ``workflow.unsafe.imports_passed_through()``.
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
from care_workflows.resource_names import last_segment, parse_message, parse_recovery, parse_ticket

TASK_QUEUE: Final = "care"
"""The task queue that ``care work`` polls, unless ``CARE_TASK_QUEUE`` names another one."""

LONGEST_PAUSE: Final = timedelta(hours=1)
"""The longest pause of ``run_recovery`` before it looks again at a recovery that runs elsewhere."""

_FIRST_PAUSE: Final = timedelta(seconds=1)
_ORGANIZATION: Final = SearchAttributeKey.for_keyword(workflow_names.ORGANIZATION_ATTRIBUTE)
_TICKET: Final = SearchAttributeKey.for_keyword(workflow_names.TICKET_ATTRIBUTE)


async def run_recovery(
    recovery: str, *, task_queue: str | None = None, longest_pause: timedelta = LONGEST_PAUSE
) -> ContactRecoveryResult:
    """Runs a recovery to its end as a child of the calling workflow; returns its last plan.

    ``recovery`` is ``organizations/{o}/tickets/{n}/recoveries/{id}``. ``task_queue`` is where a worker with
    ``CarePlugin`` runs, by default the caller's own queue. The plan's ``state`` says how the recovery ended.

    If the service has already started the recovery's workflow, this function pokes that run. The function then tries
    again to start a child, after pauses that double up to ``longest_pause``. Once the other run has ended, the child
    asks the service and returns the result. So the caller may get the result late: by at most ``longest_pause``, and by
    at most about the time that it had waited before. A caller that learns of the end in another way may cancel the task
    that awaits this function. That does not affect the recovery.

    The recovery belongs to the customer, not to the caller: it continues if the caller is cancelled, fails or ends.

    Raises ``ApplicationError`` INVALID_FIELD if ``recovery`` is not the name of a recovery. Raises
    ``ChildWorkflowError``, caused by an ``ApplicationError`` RESOURCE_NOT_FOUND, if the recovery does not exist.
    """
    target = _parse_in_workflow(_recovery, recovery)
    pause, is_poked = _FIRST_PAUSE, False
    while True:
        try:
            child = await _start_child(target, task_queue)
            result: ContactRecoveryResult = await child
        except WorkflowAlreadyStartedError:
            is_poked = is_poked or await _poke(target)
        except ChildWorkflowError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error  # the caller was cancelled; the recovery continues
            if not isinstance(error.cause, (CancelledError, TerminatedError)):
                raise
            # Somebody stopped the run by hand. The recovery is in the service's database and may still have steps left.
        else:
            return result
        await workflow.sleep(pause, summary=f"look again at {target.workflow_id}")
        pause = min(2 * pause, max(longest_pause, _FIRST_PAUSE))


async def wake_from_workflow(name: str, *, task_queue: str | None = None) -> None:
    """Starts the workflow of a recovery, a message or a ticket, or pokes it if it runs. Does not wait for its result.

    ``name`` is the name of the recovery, the message or the ticket. Waking is harmless at any time: the workflow asks
    the service first, and does only what is still wanted. Raises ``ApplicationError`` INVALID_FIELD for any other name.
    """
    target = _parse_in_workflow(_target, name)
    while True:
        try:
            child = await _start_child(target, task_queue)
            del child  # nobody awaits its result
        except WorkflowAlreadyStartedError:
            if not await _poke(target):
                continue  # the workflow ended between the two calls
        return


async def wake(
    client: Client,
    name: str,
    *,
    task_queue: str = TASK_QUEUE,
    search_attributes: TypedSearchAttributes = TypedSearchAttributes.empty,
) -> WorkflowHandle[Any, Any]:
    """Works like ``wake_from_workflow``, but from outside a workflow, in one call (signal-with-start).

    Raises ``ValueError`` if ``name`` is not the name of a recovery, a message or a ticket.
    """
    target = _target(name)
    return await client.start_workflow(
        target.workflow_type,
        target.start,
        id=target.workflow_id,
        task_queue=task_queue,
        result_type=target.result_type,
        start_signal=workflow_names.POKE,
        static_summary=target.summary,
        search_attributes=search_attributes,
    )


def search_attributes(name: str) -> TypedSearchAttributes:
    """Returns the search attributes that all workflows of a ticket share. Start your own workflow with them.

    Use them only if they are registered (see ``care_workflows.search_attributes.register``), because Temporal refuses
    to start a workflow with unregistered attributes. If your workflow has them, Care's workflows that it starts get
    them too. Raises ``ValueError`` if ``name`` is not the name of a recovery, a message or a ticket.
    """
    return _ticket_attributes(*_target(name).ticket)


def workflow_id(name: str) -> str:
    """Returns the workflow id of a recovery, a message or a ticket; raises ``ValueError`` for any other name."""
    return _target(name).workflow_id


def workflow_type(name: str) -> str:
    """Returns the workflow type of a recovery, a message or a ticket; raises ``ValueError`` for any other name."""
    return _target(name).workflow_type


class _Target(NamedTuple):
    """The workflow of one resource."""

    workflow_type: str
    workflow_id: str
    start: Message
    """The workflow's input."""
    result_type: type[Message]
    ticket: tuple[str, int]
    """The organization's id and the ticket's number."""
    summary: str


def _target(name: str) -> _Target:
    for parse in (_recovery, _message, _ticket):
        try:
            return parse(name)
        except ValueError:
            continue
    raise ValueError(f"{name!r} is not the name of a recovery, a message or a ticket")


def _parse_in_workflow(parse: Callable[[str], _Target], name: str) -> _Target:
    """Parses a name; raises ApplicationError INVALID_FIELD if it is wrong.

    Any other exception would fail the workflow task of the caller again and again.
    """
    try:
        return parse(name)
    except ValueError as error:
        raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None


def _recovery(name: str) -> _Target:
    parsed = parse_recovery(name)
    ticket = (parsed.organization, int(parsed.number))
    return _Target(
        workflow_names.CONTACT_RECOVERY,
        workflow_names.contact_recovery_id(*ticket, last_segment(name)),
        ContactRecoveryInput(recovery=name),
        ContactRecoveryResult,
        ticket,
        f"Contact recovery of ticket {workflow_names.ticket_value(*ticket)}",
    )


def _message(name: str) -> _Target:
    parsed = parse_message(name)
    ticket = (parsed.organization, int(parsed.number))
    return _Target(
        workflow_names.MESSAGE_DELIVERY,
        workflow_names.message_delivery_id(*ticket, last_segment(name)),
        MessageDeliveryInput(message=name),
        MessageDeliveryResult,
        ticket,
        f"Message of ticket {workflow_names.ticket_value(*ticket)}",
    )


def _ticket(name: str) -> _Target:
    parsed = parse_ticket(name)
    ticket = (parsed.organization, int(parsed.number))
    return _Target(
        workflow_names.TICKET_WORKFLOW,
        workflow_names.ticket_workflow_id(*ticket),
        TicketWorkflowInput(ticket=name),
        TicketWorkflowResult,
        ticket,
        f"Ticket {workflow_names.ticket_value(*ticket)}",
    )


def _ticket_attributes(organization: str, number: int) -> TypedSearchAttributes:
    ticket = workflow_names.ticket_value(organization, number)
    pairs = [SearchAttributePair(_ORGANIZATION, organization), SearchAttributePair(_TICKET, ticket)]
    return TypedSearchAttributes(pairs)


async def _start_child(target: _Target, task_queue: str | None) -> workflow.ChildWorkflowHandle[Any, Any]:
    """Starts a child that outlives its parent; raises ``WorkflowAlreadyStartedError`` if the workflow runs already."""
    # A parent that has the attribute was started where the attributes are registered.
    is_registered = workflow.info().typed_search_attributes.get(_TICKET) is not None
    return await workflow.start_child_workflow(
        target.workflow_type,
        target.start,
        id=target.workflow_id,
        task_queue=task_queue,
        result_type=target.result_type,
        cancellation_type=ChildWorkflowCancellationType.ABANDON,
        parent_close_policy=ParentClosePolicy.ABANDON,
        static_summary=target.summary,
        search_attributes=_ticket_attributes(*target.ticket) if is_registered else None,
    )


async def _poke(target: _Target) -> bool:
    """Pokes the workflow. Returns False if the workflow is not running."""
    try:
        await workflow.get_external_workflow_handle(target.workflow_id).signal(workflow_names.POKE)
    except ApplicationError:
        return False
    return True
