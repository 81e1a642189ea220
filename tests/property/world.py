"""Sends the model's actions to the running service, and reads everything that it returns about tickets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2, recovery_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.activity_pb2 import Activity
from care.v1.error_reason_pb2 import ErrorReason
from care.v1.recovery_pb2 import Contact, Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from care_client.errors import CareError, care_errors
from care_service.storage.ticket_counts import TicketCountKeeper
from tests.property.model.actions import (
    AGENTS,
    BY_CHAT,
    CUSTOMER,
    SERVICE,
    SUPERVISOR,
    WORKER,
    Action,
    Outcome,
    ShownTicket,
)
from tests.property.model.state import Model
from tests.property.model.tickets import Recovery as ModelRecovery
from tests.property.model.worker import GREETING
from tests.support.care import Care
from tests.support.tenant import Tenant

_PAGE_SIZE: Final = 1000
_SUBMISSIONS: Final = 9
"""The most uses of one link in an example. The service accepts ten submissions a minute."""
_organizations = count(1)


@dataclass(frozen=True)
class ObservedTicket:
    """Everything that the service returns about a ticket."""

    ticket: Ticket
    log: list[Activity]
    """Newest first."""
    thread: list[message_pb2.Message]
    recoveries: list[Recovery]
    """Newest first."""
    contacts: list[Contact]


@dataclass
class World:
    """One organization of a running service. All callers share one connection."""

    care: Care
    channel: grpc.aio.Channel
    tenant: Tenant = field(init=False)
    submissions: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By link, the number of uses."""

    def __post_init__(self) -> None:
        self.tenant = Tenant(self.care, f"example-{next(_organizations)}")
        # A plain channel, without the client's request ids, retries and deadlines.
        self._client = CareClient(self.channel)

    # --- calls --------------------------------------------------------------------------------------------------------

    def token(self, caller: str, organization: str = "") -> str:
        """Returns the bearer token of a caller, for this organization unless another is given."""
        roles = {SERVICE: ["service"], WORKER: ["worker"], SUPERVISOR: ["agent", "supervisor"]}.get(caller, ["agent"])
        name = {"name": caller.title()} if caller in AGENTS else {}
        return self.care.token(sub=caller, org=organization or self.tenant.id, roles=roles, **name)

    async def call(self, caller: str, message: Message, organization: str = "") -> Message:
        """Calls the method to which the request `message` belongs. Raises CareError if the call fails."""
        name = message.DESCRIPTOR.name.removesuffix("Request")
        client = self._client
        stubs = (client.tickets, client.conversations, client.customers, client.workers)
        method: Callable[..., Awaitable[Message]] = getattr(next(s for s in stubs if hasattr(s, name)), name)
        with care_errors():
            return await method(message, metadata=self._metadata(caller, organization))

    def _metadata(self, caller: str, organization: str = "") -> tuple[tuple[str, str], ...]:
        if caller == CUSTOMER:
            return ()
        return (("authorization", f"Bearer {self.token(caller, organization)}"),)

    async def execute(self, model: Model, action: Action) -> Outcome:
        """Sends an action and returns its outcome."""
        request = self.request(model, action)
        try:
            response = await self.call(action.caller, request)
        except CareError as error:
            return Outcome(reason=error.reason or f"{error.code.name}: {error.message}")
        chat = None
        if isinstance(response, customers.GetChatResponse):
            greeting_start = GREETING.partition("{")[0].split(" privately")[0]
            chat = tuple(each.text for each in response.chat.messages if not each.text.startswith(greeting_start))
        ticket, recovery, grant = (getattr(response, name, None) for name in ("ticket", "recovery", "grant"))
        return Outcome(
            response=response.SerializeToString(deterministic=True),
            ticket=shown_ticket(ticket) if isinstance(ticket, Ticket) else None,
            recovery=recovery.name if isinstance(recovery, Recovery) else "",
            grant=grant.attempt if isinstance(grant, workers.PostingGrant) else 0,
            chat=chat,
        )

    async def send_and_disconnect(self, model: Model, action: Action, turns: int) -> None:
        """Sends an action, and cancels the call after some turns of the event loop, without reading its outcome."""
        sending = asyncio.create_task(self.execute(model, action))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    def request(self, model: Model, action: Action) -> Message:
        """Returns the request message of an action, and counts the use of a customer's link."""
        if action.method == "CreateTicket":
            given = Ticket(review=model.reviews[action.review], subject=action.text)
            return tickets.CreateTicketRequest(parent=self.tenant.name, ticket=given, request_id=action.sent_id)
        ticket = model.tickets[action.ticket]
        if action.caller == CUSTOMER:
            self.submissions[action.link] += 1
        if action.method in BY_CHAT:
            return self._by_chat(ticket.recoveries[action.recovery], action)
        if action.recovery >= 0:
            return self._on_recovery(ticket.recoveries[action.recovery].name, action)
        return self._on_ticket(model, ticket.name, action)

    def _on_ticket(self, model: Model, name: str, action: Action) -> Message:
        more = {"etag": action.etag, "request_id": action.sent_id}
        match action.method:
            case "UpdateTicket":
                given = Ticket(name=name, subject=action.text)
                return tickets.UpdateTicketRequest(ticket=given, etag=action.etag, request_id=action.sent_id)
            case "AssignTicket":
                return tickets.AssignTicketRequest(name=name, assignee=self.tenant.agent_name(action.text), **more)
            case "SendMessage":
                return conversations.SendMessageRequest(parent=name, text=action.text, **more)
            case "AddNote":
                return conversations.AddNoteRequest(parent=name, text=action.text, **more)
            case "SendRecoveryForm":
                return conversations.SendRecoveryFormRequest(parent=name, reply_text=action.text, **more)
            case "AddContact":
                contact = {"claim" if model.contact(action) else "email": action.text}
                return conversations.AddContactRequest(parent=name, **contact, **more)
            case method:
                built: Message = getattr(tickets, f"{method}Request")(name=name, **more)
                return built

    def _on_recovery(self, name: str, action: Action) -> Message:
        match action.method:
            case "SubmitContact":
                email, _, message = action.text.partition("|")
                return customers.SubmitContactRequest(
                    token=self.link(name), email=email, message=message, consent=True, request_id=action.sent_id
                )
            case "BeginPosting":
                step = workers.RecoveryStep.Value(f"RECOVERY_STEP_{action.text}")
                return workers.BeginPostingRequest(name=name, step=step)
            case "RecordRefused":
                reason = recovery_pb2.REFUSAL_REASON_LINKS_NOT_ALLOWED
                return workers.RecordRefusedRequest(name=name, attempt=action.attempt, reason=reason)
            case "RecordPosted":
                return workers.RecordPostedRequest(name=name, attempt=action.attempt)
            case "RecordRetracted":
                return workers.RecordRetractedRequest(name=name, attempt=action.attempt)
            case "UnlockChat" | "ExpireForm":
                report: Message = getattr(workers, f"{action.method}Request")(name=name)
                return report
            case method:
                built: Message = getattr(conversations, f"{method}Request")(
                    name=name, etag=action.etag, request_id=action.sent_id
                )
                return built

    def _by_chat(self, recovery: ModelRecovery, action: Action) -> Message:
        token = self.tenant.chat_token(recovery.contact.id if recovery.contact else "")
        if action.method == "GetChat":
            return customers.GetChatRequest(token=token, page_size=_PAGE_SIZE)
        return customers.PostMessageRequest(token=token, text=action.text, request_id=action.sent_id)

    def link(self, recovery: str) -> str:
        """Returns the token of the link to a recovery's form."""
        return self.care.links.form_token(UUID(recovery.rpartition("/")[2]), self.care.links.current)

    def link_is_usable(self, action: Action) -> bool:
        """Returns whether the customer's link can be used again without reaching the rate limit."""
        return self.submissions[action.link] < _SUBMISSIONS

    # --- reading ------------------------------------------------------------------------------------------------------

    async def observe(self, name: str, caller: str) -> ObservedTicket:
        """Reads everything about a ticket; its `actions` are those for `caller`."""
        client, metadata, most = self._client, self._metadata(SERVICE), _PAGE_SIZE
        ticket, log, thread, recoveries, contacts = await asyncio.gather(
            self.ticket(name, caller),
            client.tickets.ListActivities(
                tickets.ListActivitiesRequest(parent=name, page_size=most), metadata=metadata
            ),
            client.conversations.ListMessages(
                conversations.ListMessagesRequest(parent=name, page_size=most), metadata=metadata
            ),
            client.conversations.ListRecoveries(
                conversations.ListRecoveriesRequest(parent=name, page_size=most), metadata=metadata
            ),
            client.conversations.ListContacts(
                conversations.ListContactsRequest(parent=name, page_size=most), metadata=metadata
            ),
        )
        return ObservedTicket(
            ticket,
            list(log.activities),
            list(thread.messages),
            list(recoveries.recoveries),
            list(contacts.contacts),
        )

    async def ticket(self, name: str, caller: str) -> Ticket:
        """Reads a ticket as `caller`."""
        request = tickets.GetTicketRequest(name=name)
        return (await self._client.tickets.GetTicket(request, metadata=self._metadata(caller))).ticket

    async def tickets(self, caller: str) -> dict[str, Ticket]:
        """Returns all tickets of the organization by name, as listed for `caller`."""
        request = tickets.ListTicketsRequest(
            parent=self.tenant.name, page_size=_PAGE_SIZE, view=ticket_pb2.TICKET_VIEW_FULL
        )
        answer = await self._client.tickets.ListTickets(request, metadata=self._metadata(caller))
        return {ticket.name: ticket for ticket in answer.tickets}

    async def counts(self, caller: str) -> dict[str, int]:
        """Returns the number of tickets by stage. The stages are in lower case, as in CountTickets."""
        request = tickets.CountTicketsRequest(parent=self.tenant.name)
        answer = await self._client.tickets.CountTickets(request, metadata=self._metadata(caller))
        counts = {field.name: getattr(answer, field.name) for field in answer.DESCRIPTOR.fields}
        assert counts.pop("total") == sum(counts.values())
        return {stage: number for stage, number in counts.items() if number}

    async def fold_counts(self, limit: int) -> None:
        """Folds changes into the counts of tickets, as the service does every ten seconds."""
        await TicketCountKeeper(self.care.database).fold(limit)

    async def wakes(self) -> Counter[str]:
        """Returns the number of outbox rows by recovery id. Without a Temporal server, no row is removed."""
        async with self.care.database.driver() as connection:
            rows = await connection.fetch("SELECT resource_id FROM outbox WHERE organization = $1", self.tenant.id)
        return Counter(str(row[0]) for row in rows)


def actions(ticket: Ticket) -> dict[str, str]:
    """Returns the ticket's `actions`: by command the reason of a refusal, or an empty string if it is allowed."""
    assert all(each.allowed == (not each.reason) for each in ticket.actions)
    return {
        each.command: "" if each.allowed else ErrorReason.Name(each.reason).removeprefix("ERROR_REASON_")
        for each in ticket.actions
    }


def time(stamp: Timestamp) -> datetime:
    """Converts a timestamp into the model's format."""
    return stamp.ToDatetime(tzinfo=UTC)


def shown_ticket(ticket: Ticket) -> ShownTicket:
    """Converts a ticket into the model's format."""
    return ShownTicket(
        name=ticket.name,
        status=ticket_pb2.TicketStatus.Name(ticket.status).removeprefix("TICKET_STATUS_"),
        contact_state=ticket_pb2.ContactState.Name(ticket.contact_state).removeprefix("CONTACT_STATE_"),
        close_reason=ticket_pb2.CloseReason.Name(ticket.close_reason).removeprefix("CLOSE_REASON_"),
        assignee=ticket.assignee.rpartition("/")[2],
        reporter=ticket.reporter.rpartition("/")[2],
        subject=ticket.subject,
        recovery=ticket.recovery,
        email=ticket.customer.email,
        etag=ticket.etag,
        follow_up_of=ticket.follow_up_of,
        follow_up=ticket.follow_up,
        create_time=time(ticket.create_time),
        update_time=time(ticket.update_time),
        resolve_time=time(ticket.resolve_time) if ticket.HasField("resolve_time") else None,
        close_time=time(ticket.close_time) if ticket.HasField("close_time") else None,
    )
