"""The names by which the service and the workflows find each other in Temporal; part of the contract."""

from typing import Final

CONTACT_RECOVERY: Final = "ContactRecovery"
"""The workflow type."""
MESSAGE_DELIVERY: Final = "MessageDelivery"
"""The workflow type."""
TICKET_WORKFLOW: Final = "TicketWorkflow"
"""The workflow type."""
POKE: Final = "poke"
"""The signal that says: look again. It has no argument."""

ORGANIZATION_ATTRIBUTE: Final = "CareOrganization"
"""Search attribute, Keyword: the organization's id."""
LOCATION_ATTRIBUTE: Final = "CareLocation"
"""Search attribute, Keyword: the location's id."""
TICKET_ATTRIBUTE: Final = "CareTicket"
"""Search attribute, Keyword: the ticket as `{organization}/{number}`."""
WAITS_FOR_ATTRIBUTE: Final = "CareWaitsFor"
"""Search attribute, Keyword: who has to act next; REVIEW_SITE, for one."""
NEXT_DEADLINE_ATTRIBUTE: Final = "CareNextDeadline"
"""Search attribute, Datetime: when something happens by itself next."""
REVIEW_SITE: Final = "review-site"
"""The value of WAITS_FOR_ATTRIBUTE of a workflow that waits for the review site."""


def contact_recovery_id(organization: str, ticket_number: int, recovery: str) -> str:
    """Return the workflow id of a recovery, given its UUID as text."""
    return f"contact-recovery/{organization}/{ticket_number}/{recovery}"


def message_delivery_id(organization: str, ticket_number: int, message: str) -> str:
    """Return the workflow id of a message's delivery, given the message's UUID as text."""
    return f"message-delivery/{organization}/{ticket_number}/{message}"


def ticket_workflow_id(organization: str, ticket_number: int) -> str:
    """Return the workflow id of a ticket."""
    return f"ticket/{organization}/{ticket_number}"


def ticket_value(organization: str, ticket_number: int) -> str:
    """Return the value of TICKET_ATTRIBUTE, which all workflows of a ticket share."""
    return f"{organization}/{ticket_number}"
