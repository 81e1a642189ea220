"""Makes the requests of the matrix's commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.message_pb2 import CHANNEL_EMAIL, DELIVERY_FAILURE_ADDRESS_REFUSED, DELIVERY_STATE_SENT
from care.v1.recovery_pb2 import REFUSAL_REASON_TAKEN_DOWN, Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.matrix.looking import Seen
from tests.support.tenant import REPLY, Tenant

_ANOTHER_ATTEMPT: Final = 1_000_000


@dataclass
class Place:
    """A ticket in one status and situation of the matrix."""

    ticket: Ticket
    recovery: Recovery
    """The recovery of the situation. NO_CONTACT: one that does not exist."""
    claim: str
    """The id of a contact of the ticket. Without a contact, an id that does not exist."""
    greeting: str
    """The message that opened the chat. Without a chat, one that does not exist."""
    has_chat: bool = False
    """Whether `greeting` exists."""
    email: str = "nobody@example.com"
    """The address of the contact."""
    exists: bool = False
    """Whether `recovery` exists."""
    attempt: int = 1
    """The last attempt that was granted for the recovery."""
    seen: Seen | None = None
    """The public values of the ticket now."""
    digest: str = ""
    """The digest of what is stored about the ticket now."""

    @property
    def shown(self) -> Seen:
        """The public values of the ticket now."""
        if self.seen is None:
            raise AssertionError("World.place looks at it")
        return self.seen


def request(tenant: Tenant, place: Place, command: str) -> Message:
    """Returns the request of a command."""
    return (_on_ticket(tenant, place) | _on_conversation(tenant, place) | _on_recovery(tenant, place))[command]()


def _on_ticket(tenant: Tenant, place: Place) -> dict[str, Callable[[], Message]]:
    name, parent = place.ticket.name, tenant.name

    def assign(assignee: str) -> tickets.AssignTicketRequest:
        return tickets.AssignTicketRequest(name=name, assignee=assignee)

    def update(subject: str) -> tickets.UpdateTicketRequest:
        return tickets.UpdateTicketRequest(ticket=Ticket(name=name, subject=subject))

    bob, resolve, close = tenant.agent_name("bob"), tickets.ResolveTicketRequest, tickets.CloseTicketRequest
    return {
        "UpdateTicket": lambda: update(f"Colder soup {uuid4()}"),
        "UpdateTicket to what it is": lambda: update(place.ticket.subject),
        "TakeTicket": lambda: tickets.TakeTicketRequest(name=name),
        "AssignTicket": lambda: assign(bob),
        "AssignTicket to the assignee": lambda: assign(place.ticket.assignee),
        "AssignTicket to a barred agent": lambda: assign(tenant.agent_name("dora")),
        "AssignTicket to a stranger": lambda: assign(tenant.agent_name("nobody")),
        "BatchAssignTickets": lambda: tickets.BatchAssignTicketsRequest(parent=parent, requests=[assign(bob)]),
        "ReleaseTicket": lambda: tickets.ReleaseTicketRequest(name=name),
        "StartTicket": lambda: tickets.StartTicketRequest(name=name),
        "ResolveTicket": lambda: resolve(name=name),
        "BatchResolveTickets": lambda: tickets.BatchResolveTicketsRequest(parent=parent, requests=[resolve(name=name)]),
        "CloseTicket": lambda: close(name=name),
        "BatchCloseTickets": lambda: tickets.BatchCloseTicketsRequest(parent=parent, requests=[close(name=name)]),
        "ReopenTicket": lambda: tickets.ReopenTicketRequest(name=name),
        "CreateTicket for its review": lambda: tickets.CreateTicketRequest(
            parent=parent, ticket=Ticket(review=place.ticket.review)
        ),
    }


def _on_conversation(tenant: Tenant, place: Place) -> dict[str, Callable[[], Message]]:
    name, recovery = place.ticket.name, place.recovery.name
    return {
        "AddNote": lambda: conversations.AddNoteRequest(parent=name, text="Called twice"),
        "SendRecoveryForm": lambda: conversations.SendRecoveryFormRequest(parent=name, reply_text=REPLY),
        "WithdrawRecoveryForm": lambda: conversations.WithdrawRecoveryFormRequest(name=recovery),
        "AddContact": lambda: conversations.AddContactRequest(parent=name, email="kim@example.com"),
        "AddContact by claim": lambda: conversations.AddContactRequest(parent=name, claim=place.claim),
        "RejectContact": lambda: conversations.RejectContactRequest(name=recovery),
        "SendMessage": lambda: conversations.SendMessageRequest(parent=name, text="We looked into it."),
        "PostMessage": lambda: customers.PostMessageRequest(token=tenant.chat_token(place.claim), text="Thank you."),
        "IngestMessage": lambda: _ingest(tenant, place, automatic=False),
        "IngestMessage by a machine": lambda: _ingest(tenant, place, automatic=True),
    }


def _on_recovery(tenant: Tenant, place: Place) -> dict[str, Callable[[], Message]]:
    name = place.recovery.name

    def begin(step: workers.RecoveryStep.ValueType) -> workers.BeginPostingRequest:
        return workers.BeginPostingRequest(name=name, step=step)

    def retracted(attempt: int) -> workers.RecordRetractedRequest:
        return workers.RecordRetractedRequest(name=name, attempt=attempt)

    def begin_delivery(step: workers.DeliveryStep.ValueType) -> workers.BeginDeliveryRequest:
        return workers.BeginDeliveryRequest(name=place.greeting, step=step)

    def delivered(attempt: int) -> workers.RecordDeliveredRequest:
        return workers.RecordDeliveredRequest(name=place.greeting, attempt=attempt, state=DELIVERY_STATE_SENT)

    def failed(attempt: int) -> workers.RecordFailedRequest:
        return workers.RecordFailedRequest(
            name=place.greeting, attempt=attempt, reason=DELIVERY_FAILURE_ADDRESS_REFUSED
        )

    return {
        "BeginDelivery SEND": lambda: begin_delivery(workers.DELIVERY_STEP_SEND),
        "BeginDelivery CHECK": lambda: begin_delivery(workers.DELIVERY_STEP_CHECK),
        "RecordDelivered": lambda: delivered(place.attempt),
        "RecordDelivered of another attempt": lambda: delivered(_ANOTHER_ATTEMPT),
        "RecordFailed": lambda: failed(place.attempt),
        "RecordFailed of another attempt": lambda: failed(_ANOTHER_ATTEMPT),
        "BeginPosting POST": lambda: begin(workers.RECOVERY_STEP_POST),
        "BeginPosting READ": lambda: begin(workers.RECOVERY_STEP_READ),
        "BeginPosting RETRACT": lambda: begin(workers.RECOVERY_STEP_RETRACT),
        "RecordPosted": lambda: posted(place, place.attempt),
        "RecordPosted of another attempt": lambda: posted(place, _ANOTHER_ATTEMPT),
        "RecordRefused": lambda: refused(place, place.attempt),
        "RecordRefused of another attempt": lambda: refused(place, _ANOTHER_ATTEMPT),
        "RecordRetracted": lambda: retracted(place.attempt),
        "RecordRetracted of another attempt": lambda: retracted(_ANOTHER_ATTEMPT),
        "UnlockChat": lambda: workers.UnlockChatRequest(name=name),
        "GetNextDeadline": lambda: workers.GetNextDeadlineRequest(name=place.ticket.name),
        "FireDeadline": lambda: workers.FireDeadlineRequest(name=place.ticket.name),
        "ExpireForm too early": lambda: workers.ExpireFormRequest(name=name),
        "ExpireForm in time": lambda: workers.ExpireFormRequest(name=name),
        "SubmitContact": lambda: _submit(tenant, place),
    }


def posted(place: Place, attempt: int) -> workers.RecordPostedRequest:
    """Returns the report that the reply of an attempt is public."""
    return workers.RecordPostedRequest(name=place.recovery.name, attempt=attempt)


def refused(place: Place, attempt: int) -> workers.RecordRefusedRequest:
    """Returns the report that an attempt was refused."""
    reason = REFUSAL_REASON_TAKEN_DOWN
    return workers.RecordRefusedRequest(name=place.recovery.name, attempt=attempt, reason=reason)


def _submit(tenant: Tenant, place: Place) -> customers.SubmitContactRequest:
    links = tenant.care.links
    token = links.form_token(UUID(place.recovery.name.rpartition("/")[2]), links.current)
    return customers.SubmitContactRequest(token=token, email=f"{uuid4().hex}@example.com", consent=True)


def _ingest(tenant: Tenant, place: Place, *, automatic: bool) -> conversations.IngestMessageRequest:
    """Returns an email from the address of the contact that names the ticket and answers no message."""
    message = conversations.InboundMessage(
        channel=CHANNEL_EMAIL,
        external_id=f"{uuid4()}@mail.example.com",
        sender=place.email,
        text="Thank you.",
        automatic=automatic,
    )
    return conversations.IngestMessageRequest(parent=tenant.name, message=message, ticket=place.ticket.name)


def send(client: CareClient, message: Message) -> Awaitable[Message]:
    """Sends a request to its method."""
    name = message.DESCRIPTOR.name.removesuffix("Request")
    stubs = (client.tickets, client.conversations, client.customers, client.workers)
    stub = next(stub for stub in stubs if hasattr(stub, name))
    call: Callable[[Message], Awaitable[Message]] = getattr(stub, name)
    return call(message)
