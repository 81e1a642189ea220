"""For each command on a ticket: a ticket on which the command succeeds, the request, and the call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from care_client.errors import CareError
from tests.support.design_tables import CODES
from tests.support.tenant import REPLY, Tenant

_SETS = ("allowed", "roles")


class Encodable(Protocol):
    """Any response."""

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


class TicketAnswer(Encodable, Protocol):
    """The response of a command."""

    @property
    def ticket(self) -> Ticket: ...


@dataclass(frozen=True)
class Target:
    """A ticket, and the recovery that a command names."""

    tenant: Tenant
    ticket: Ticket
    recovery: str = ""


async def ready(tenant: Tenant, command: str) -> Target:
    """Creates a ticket on which `command` of alice succeeds. bob exists and can be assigned."""
    await tenant.meet("alice", "bob")
    match command:
        case "TakeTicket":
            return Target(tenant, await tenant.ticket(None))
        case "ReopenTicket":
            return Target(tenant, await tenant.in_status("RESOLVED"))
        case "WithdrawRecoveryForm" | "RejectContact" | "SendMessage":
            ticket = await tenant.ticket()
            states = {"WithdrawRecoveryForm": "FORM_REQUESTED", "RejectContact": "CONTACT_RECEIVED"}
            recovery = await tenant.in_recovery_state(ticket, states.get(command, "CHAT_UNLOCKED"))
            names_it = command in states
            return Target(tenant, await tenant.get(ticket), recovery.name if names_it else "")
        case _:
            return Target(tenant, await tenant.ticket())


def request(command: str, target: Target, etag: str = "", request_id: str = "") -> Message:
    """Returns the request of `command`."""
    name, more = target.ticket.name, {"etag": etag, "request_id": request_id}
    match command:
        case "AssignTicket":
            return tickets.AssignTicketRequest(name=name, assignee=target.tenant.agent_name("bob"), **more)
        case "UpdateTicket":
            given = Ticket(name=name, subject="Colder soup")
            return tickets.UpdateTicketRequest(ticket=given, etag=etag, request_id=request_id)
        case "SendRecoveryForm":
            return conversations.SendRecoveryFormRequest(parent=name, reply_text=REPLY, **more)
        case "WithdrawRecoveryForm":
            return conversations.WithdrawRecoveryFormRequest(name=target.recovery, **more)
        case "RejectContact":
            return conversations.RejectContactRequest(name=target.recovery, **more)
        case "AddContact":
            return conversations.AddContactRequest(parent=name, email="robin@example.com", **more)
        case "SendMessage":
            return conversations.SendMessageRequest(parent=name, text="We looked into it", **more)
        case "AddNote":
            return conversations.AddNoteRequest(parent=name, text="Called twice", **more)
        case _:
            built: Message = getattr(tickets, f"{command}Request")(name=name, **more)
            return built


def send(client: CareClient, message: Message) -> Awaitable[TicketAnswer]:
    """Sends a request to its method."""
    command = message.DESCRIPTOR.name.removesuffix("Request")
    stub = client.conversations if hasattr(client.conversations, command) else client.tickets
    method: Callable[[Message], Awaitable[TicketAnswer]] = getattr(stub, command)
    return method(message)


def run(client: CareClient, command: str, target: Target, etag: str = "") -> Awaitable[TicketAnswer]:
    """Sends the request of `command`."""
    return send(client, request(command, target, etag))


def assert_refused(error: CareError, reason: str, metadata: Mapping[str, str] | None = None) -> None:
    """Compares code, reason and all metadata. Lists in the metadata are compared as sets."""

    def comparable(values: Mapping[str, str]) -> dict[str, object]:
        return {key: frozenset(value.split(",")) if key in _SETS else value for key, value in values.items()}

    assert (error.reason, error.code) == (reason, CODES[reason]), (error.message, dict(error.metadata))
    assert comparable(error.metadata) == comparable(metadata or {})
    assert error.message
