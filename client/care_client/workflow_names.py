"""The names that the service and the workflows share in Temporal. They are part of the contract."""

from typing import Final

CONTACT_RECOVERY: Final = "ContactRecovery"
"""Workflow type: one recovery."""
MESSAGE_DELIVERY: Final = "MessageDelivery"
"""Workflow type: the delivery of one message."""
TICKET_WORKFLOW: Final = "TicketWorkflow"
"""Workflow type: the deadlines of one ticket."""
POKE: Final = "poke"
"""Signal without arguments: ask the service again what to do."""
TICKET_CLOSED: Final = "ticket_closed"
"""Signal of TICKET_WORKFLOW: the ticket is CLOSED. Its argument is the last plan as a JSON object."""

ORGANIZATION_ATTRIBUTE: Final = "CareOrganization"
"""Search attribute, Keyword: the organization's id."""
LOCATION_ATTRIBUTE: Final = "CareLocation"
"""Search attribute, Keyword: the location's id."""
TICKET_ATTRIBUTE: Final = "CareTicket"
"""Search attribute, Keyword: the ticket as `{organization}/{number}`."""
WAITS_FOR_ATTRIBUTE: Final = "CareWaitsFor"
"""Search attribute, Keyword: who must act next, such as REVIEW_SITE."""
NEXT_DEADLINE_ATTRIBUTE: Final = "CareNextDeadline"
"""Search attribute, Datetime: when the system acts next."""
REVIEW_SITE: Final = "review-site"
"""The value of WAITS_FOR_ATTRIBUTE for a workflow that waits for the review site."""


def contact_recovery_id(organization: str, ticket_number: int, recovery: str) -> str:
    """Returns the workflow id of a recovery. ``recovery`` is the recovery's UUID as text."""
    return f"contact-recovery/{organization}/{ticket_number}/{recovery}"


def message_delivery_id(organization: str, ticket_number: int, message: str) -> str:
    """Returns the workflow id of a message's delivery. ``message`` is the message's UUID as text."""
    return f"message-delivery/{organization}/{ticket_number}/{message}"


def ticket_workflow_id(organization: str, ticket_number: int) -> str:
    """Returns the workflow id of a ticket."""
    return f"ticket/{organization}/{ticket_number}"


def ticket_value(organization: str, ticket_number: int) -> str:
    """Returns the value of TICKET_ATTRIBUTE for all workflows of a ticket."""
    return f"{organization}/{ticket_number}"
