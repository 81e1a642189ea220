"""The workflows that a commit wakes. The commit writes an outbox row for each. The relay starts new ones at once."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from care_client import workflow_names
from care_rules.decision import Decision


class WokenWorkflow(NamedTuple):
    """A workflow of the decision's ticket, or of one of the ticket's recoveries or messages."""

    workflow: str
    """The workflow type, as in `care_client.workflow_names`."""
    resource_id: UUID | None
    """The recovery or the message; None for the ticket's own workflow."""
    is_new: bool
    """Whether the commit creates the ticket, the recovery or the message of the workflow."""


def woken_workflows(decision: Decision) -> list[WokenWorkflow]:
    """Returns the workflows that the commit of `decision` wakes."""
    new = decision.new_recovery.id if decision.new_recovery else None
    found = [WokenWorkflow(workflow_names.CONTACT_RECOVERY, recovery, recovery == new) for recovery in decision.wakes]
    if decision.wakes_ticket:
        found.append(WokenWorkflow(workflow_names.TICKET_WORKFLOW, None, decision.ticket.version == 1))
    found += [
        WokenWorkflow(workflow_names.MESSAGE_DELIVERY, delivery.message_id, is_new=True)
        for delivery in decision.new_deliveries
    ]
    return found
