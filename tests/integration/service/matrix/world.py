"""Creates the tickets of the matrix through the public methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Organization
from care.v1.recovery_pb2 import Recovery
from care_client.client import CareClient
from tests.integration.service.clocks import SettableClock
from tests.integration.service.matrix import requests
from tests.integration.service.matrix.axes import Caller, recovery_state
from tests.integration.service.matrix.expectations import missing
from tests.integration.service.matrix.looking import look, stored
from tests.integration.service.matrix.requests import Place
from tests.support.tenant import Tenant

_STEPS: Final = (workers.RECOVERY_STEP_POST, workers.RECOVERY_STEP_READ, workers.RECOVERY_STEP_RETRACT)
_FIRST_CHECK: Final = 10
"""Minutes after posting until the reply is read again (the default of CARE_MODERATION_CHECKS)."""
_LIFETIME: Final = 120
"""The lifetime of a form in minutes: longer than all checks that a row waits for."""
_REPORTS: Final = frozenset({"RecordPosted", "RecordRefused", "RecordRetracted"})
PREPARED: Final = _REPORTS | {"BeginPosting READ", "ExpireForm in time", "RecordDelivered", "RecordFailed"}
"""The worker's commands that are due at a time, or that report the outcome of a begun step."""


@dataclass
class World:
    """One organization, and a second one for callers of another organization."""

    tenant: Tenant
    clock: SettableClock

    @property
    def stranger(self) -> Tenant:
        """The other organization."""
        return Tenant(self.tenant.care, f"{self.tenant.id}-other")

    async def people(self) -> None:
        """Creates all agents that a command can name. dora cannot be assigned tickets."""
        await self.tenant.meet("alice", "bob", "sue")
        await self.tenant.toggle("dora", can_be_assignee=False)
        lifetime = Duration(seconds=60 * _LIFETIME)
        await self.tenant.settings(Organization(form_lifetime=lifetime))

    def client(self, caller: Caller) -> CareClient:
        """Returns the client of a caller. sue is the supervisor, bob an agent who is not the assignee."""
        tenant = self.stranger if caller.stranger else self.tenant
        match caller.roles:
            case ():
                return tenant.customer
            case ("worker",):
                organization = {"org": tenant.id} if caller.stranger else {}
                return tenant.care.client(tenant.care.token(sub="worker", roles=["worker"], **organization))
            case ("service",):
                return tenant.service
            case ("agent", "supervisor"):
                return tenant.supervisor
            case _:
                return tenant.agent("alice" if caller.owns else "dora" if caller.barred else "bob")

    async def place(self, status: str, situation: str, owner: str | None) -> Place:
        """Creates a ticket with this status, situation and owner."""
        ticket = await self.tenant.ticket()
        alice, name = self.tenant.agent("alice"), ticket.name
        place = Place(ticket, Recovery(name=f"{name}/recoveries/{uuid4()}"), str(uuid4()), f"{name}/messages/{uuid4()}")
        if situation != "NO_CONTACT":
            place.recovery = await self.tenant.form(ticket)
            await self._lead(place, situation)
        match status:
            case "IN_PROGRESS":
                await alice.tickets.StartTicket(tickets.StartTicketRequest(name=name))
            case "RESOLVED":
                await alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=name))
            case "CLOSED" if owner == "alice":
                await alice.tickets.CloseTicket(tickets.CloseTicketRequest(name=name))
            case _:
                pass
        if owner is None:
            await alice.tickets.ReleaseTicket(tickets.ReleaseTicketRequest(name=name))
        elif owner != "alice":
            assignee = self.tenant.agent_name(owner)
            await alice.tickets.AssignTicket(tickets.AssignTicketRequest(name=name, assignee=assignee))
            if status == "CLOSED":
                await self.tenant.supervisor.tickets.CloseTicket(tickets.CloseTicketRequest(name=name))
        place.exists = situation != "NO_CONTACT"
        await self.settle(place)
        if not missing(situation, "AddContact by claim"):
            listed = await alice.conversations.ListContacts(conversations.ListContactsRequest(parent=name))
            place.claim, place.email = listed.contacts[0].id, listed.contacts[0].email
            greetings = await self.tenant.thread(place.ticket, "AGENT_MESSAGE")
            place.has_chat = bool(greetings)
            place.greeting = greetings[0].name if greetings else place.greeting
        return place

    async def settle(self, place: Place) -> None:
        """Reads the ticket again, as the state from which the next command starts."""
        place.seen = await look(self.tenant, place.ticket.name, place.recovery.name if place.exists else "")
        place.ticket, place.digest = place.seen.ticket, await stored(self.tenant, place.ticket)

    async def _lead(self, place: Place, situation: str) -> None:
        """Brings the form of an OPEN ticket of alice into the situation."""
        tenant, recovery, state = self.tenant, place.recovery, recovery_state(situation)
        alice = tenant.agent("alice").conversations
        if state == "FORM_REQUESTED":
            return
        place.attempt = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.attempt
        if state == "REFUSED":
            await tenant.worker.workers.RecordRefused(requests.refused(place, place.attempt))
            return
        await tenant.worker.workers.RecordPosted(requests.posted(place, place.attempt))
        match state:
            case "AWAITING_CONTACT":
                pass
            case "WITHDRAWN":
                await alice.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=recovery.name))
            case "EXPIRED":
                self.clock.advance(minutes=_LIFETIME)
                await tenant.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
            case "REPLACED":
                added = conversations.AddContactRequest(parent=place.ticket.name, email="kim@example.com")
                await alice.AddContact(added)
            case "CONTACT_RECEIVED":
                await tenant.submit(recovery)
            case "CHAT_UNLOCKED" | "REJECTED" | "ENDED_BY_CLOSE" if situation == state:
                await tenant.submit(recovery)
                await tenant.unlock(recovery)
                await tenant.open_chat(place.ticket)
                if state == "REJECTED":
                    await alice.RejectContact(conversations.RejectContactRequest(name=recovery.name))
            case _ if situation == "ENDED_BY_CLOSE,unanswered":
                pass
            case _:
                raise ValueError(situation)

    async def give_back(self, place: Place, owner: str | None) -> None:
        """Assigns the ticket to its owner again."""
        name, supervisor = place.ticket.name, self.tenant.supervisor
        assignee = self.tenant.agent_name(owner or "sue")
        await supervisor.tickets.AssignTicket(tickets.AssignTicketRequest(name=name, assignee=assignee))
        if owner is None:
            await supervisor.tickets.ReleaseTicket(tickets.ReleaseTicketRequest(name=name))
        await self.settle(place)

    async def prepare(self, place: Place, situation: str, command: str) -> None:
        """Advances the clock to the time of a command, and begins the step whose outcome the command reports."""
        if command == "ExpireForm in time":
            self.clock.advance(minutes=_LIFETIME)
        elif situation == "AWAITING_CONTACT" and command in {"BeginPosting READ", "RecordPosted", "RecordRefused"}:
            self.clock.advance(minutes=_FIRST_CHECK)
        if command in {"RecordDelivered", "RecordFailed"} and place.has_chat:
            request = workers.BeginDeliveryRequest(name=place.greeting, step=workers.DELIVERY_STEP_SEND)
            delivery = await self.tenant.worker.workers.BeginDelivery(request)
            place.attempt = delivery.grant.attempt or place.attempt
        if command in _REPORTS and situation != "NO_CONTACT":
            for step in _STEPS:
                posting = await self.tenant.begin(place.recovery, step)
                if posting.HasField("grant"):
                    place.attempt = posting.grant.attempt
