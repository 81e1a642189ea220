"""Steps that call the service only, against a service that does not respond."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from care.v1.workflows_pb2 import ContactRecoveryInput, MessageDeliveryInput, TicketWorkflowInput
from care_client.client import CareClient
from care_workflows import activity_options
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.delivery_activities import DeliveryActivities
from care_workflows.recovery_activities import RecoveryActivities
from care_workflows.ticket_activities import TicketActivities
from tests.workflows.worker_service import MESSAGE, RECOVERY, ScriptedWorkerService, connect_worker

Step = tuple[Callable[..., Awaitable[Any]], object]


def service_steps(care: CareClient) -> list[Step]:
    recovery = RecoveryActivities(care.workers, ReviewSites({}))
    delivery = DeliveryActivities(care.workers, Messengers({}))
    ticket = TicketActivities(care.workers)
    return [
        *(
            (step, ContactRecoveryInput(recovery=RECOVERY))
            for step in recovery.all
            if step not in {recovery.post_reply, recovery.read_reply, recovery.retract_reply}
        ),
        *(
            (step, MessageDeliveryInput(message=MESSAGE))
            for step in delivery.all
            if step not in {delivery.send_message, delivery.check_message}
        ),
        *((step, TicketWorkflowInput(ticket="organizations/acme/tickets/17")) for step in ticket.all),
    ]


async def test_an_attempt_ends_within_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_options, "SERVICE_ATTEMPT_DEADLINE", timedelta(milliseconds=100))
    service = ScriptedWorkerService()
    service.is_silent = True
    async with connect_worker(service) as care:
        steps = service_steps(care)
        assert len(steps) == 7
        for step, start in steps:
            with pytest.raises(ApplicationError) as raised:
                await ActivityEnvironment().run(step, start)
            failure = raised.value
            assert (failure.type, failure.message) == ("DEADLINE_EXCEEDED", "ATTEMPT_DEADLINE"), step
            assert not failure.non_retryable


def test_the_next_attempt_starts_after_the_deadline() -> None:
    for options in (activity_options.SERVICE_RETRIES.early, activity_options.SERVICE_RETRIES.late):
        timeout = options["start_to_close_timeout"]
        assert timeout is not None
        assert timeout > activity_options.SERVICE_ATTEMPT_DEADLINE
