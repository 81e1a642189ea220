"""Collects names, etags, ids and tokens from all responses, for new requests."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from care.v1.directory_pb2 import Organization
from care.v1.settings_pb2 import Settings
from care.v1.settings_service_pb2 import UpdateSettingsRequest
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import Tenant

CANARY: Final = "zq7canary"
"""A part of every text and address in requests. No error and no log line may contain it."""

_KEPT: Final = 60
_CLOSED: Final = "TICKET_STATUS_CLOSED"
_NAME: Final = re.compile(
    r"organizations/([a-z0-9-]+)(?:/(locations|agents|reviews|tickets)/[^/]+(?:/(recoveries|messages|activities)/[^/]+)?)?"
)
_KINDS: Final = {
    None: "organization",
    "locations": "location",
    "agents": "agent",
    "reviews": "review",
    "tickets": "ticket",
    "recoveries": "recovery",
    "messages": "message",
    "activities": "activity",
}


@dataclass(frozen=True)
class Seen:
    """A ticket as the last response showed it."""

    etag: str
    assignee: str
    closed: bool
    recovery: str


@dataclass
class World:
    """Values by kind and organization."""

    home: Tenant
    other: Tenant
    found: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    tickets: dict[str, Seen] = field(default_factory=dict)

    def add(self, kind: str, organization: str, value: str) -> None:
        """Remembers a value. If there are more than `_KEPT` of this kind, drops an old one."""
        values = self.found[kind, organization]
        if value and value not in values:
            values.append(value)
            if len(values) > _KEPT:
                # The oldest value is kept, so that calls can still use an old ticket.
                values.pop(len(value) % _KEPT)

    def draw(self, rng: Random, kind: str, organization: str) -> str:
        """Returns a value of this kind, or a well-formed one that does not exist."""
        values = self._likely(kind, organization) if rng.random() < 0.7 else []
        values = values or self.found[kind, organization]
        return rng.choice(values) if values and rng.random() < 0.97 else self.missing(rng, kind, organization)

    def _likely(self, kind: str, organization: str) -> list[str]:
        """Returns the tickets or recoveries on which a command may succeed, nothing for other kinds."""
        if kind not in {"ticket", "recovery"}:
            return []
        names = [name for name in self.found["ticket", organization] if name in self.tickets]
        if kind == "ticket":
            return [name for name in names if not self.tickets[name].closed]
        return [self.tickets[name].recovery for name in names if self.tickets[name].recovery]

    def missing(self, rng: Random, kind: str, organization: str) -> str:
        """Returns a well-formed value that does not exist."""
        name, made = f"organizations/{organization}", UUID(int=rng.getrandbits(128))
        return {
            "organization": f"{name}-nowhere",
            "location": f"{name}/locations/l{rng.randrange(99)}",
            "settings": f"{name}/locations/l{rng.randrange(99)}/settings",
            "agent": f"{name}/agents/a{rng.randrange(99)}",
            "review": f"{name}/reviews/{made}",
            "ticket": f"{name}/tickets/{rng.randrange(10**6, 10**9)}",
            "recovery": f"{name}/tickets/1/recoveries/{made}",
            "delivery": f"{name}/tickets/1/messages/{made}",
        }.get(kind, str(made))

    def learn(self, method: str, organization: str, answer: Message) -> None:
        """Remembers the values of a response."""
        for message, described, value in strings(answer):
            if described.name in {"next_page_token", "earlier_page_token", "resume_token"}:
                self.add(f"page of {method}", organization, value)
            elif described.full_name == "care.v1.PostingGrant.link":
                self.add("token", organization, value.rpartition("/")[2])
            elif described.full_name == "care.v1.DeliveryGrant.chat_link":
                self.add("chat", organization, value.rpartition("/")[2])
            elif described.full_name == "care.v1.Message.name" and message.HasField("delivery"):
                self.add("delivery", organization, value)
            elif described.full_name == "care.v1.Contact.id":
                self.add("contact", organization, value)
            elif match := _NAME.fullmatch(value):
                self.add(_KINDS[match[3] or match[2]], match[1], value)
            if described.full_name == "care.v1.Ticket.name":
                self.see(message)
        attempt = getattr(getattr(answer, "grant", None), "attempt", 0)
        if attempt:
            self.add("attempt", organization, str(attempt))

    async def make_ready(self, tenant: Tenant) -> None:
        """Undoes changes of earlier calls that prevent alice from taking a new ticket."""
        await tenant.toggle("alice")
        # The current settings could create or assign the ticket automatically.
        for place in (tenant.name, f"{tenant.name}/locations/soho"):
            mask = FieldMask(paths=["ticket_creation", "auto_assign"])
            request = UpdateSettingsRequest(settings=Settings(name=f"{place}/settings"), update_mask=mask)
            await tenant.supervisor.settings.UpdateSettings(request)

    async def renew(self, tenant: Tenant, state: str) -> None:
        """Creates another ticket of alice with a recovery in `state`."""
        await self.make_ready(tenant)
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, state)
        self.add("recovery", tenant.id, recovery.name)
        self.add("token", tenant.id, tenant.form_token(recovery))
        if state == "CHAT_UNLOCKED":
            self.add("chat", tenant.id, await tenant.open_chat(ticket))
            for message in await tenant.thread(ticket, "AGENT_MESSAGE"):
                self.add("delivery", tenant.id, message.name)
        await self.show(tenant, ticket)

    async def show(self, tenant: Tenant, ticket: Ticket) -> None:
        """Reads and remembers a ticket."""
        self.learn("", tenant.id, await tenant.get(ticket))

    def see(self, ticket: Any) -> None:
        """Remembers a ticket. Its class may be made at run time."""
        closed = ticket.status == ticket.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_name[_CLOSED].number
        self.tickets[ticket.name] = Seen(ticket.etag, ticket.assignee, closed, ticket.recovery)


def strings(message: Message) -> list[tuple[Message, FieldDescriptor, str]]:
    """Returns every string in a message, with the message and the field that contain it."""
    found: list[tuple[Message, FieldDescriptor, str]] = []
    for described, value in message.ListFields():
        for each in value if described.is_repeated else [value]:
            if described.message_type is not None:
                found += strings(each)
            elif described.type == FieldDescriptor.TYPE_STRING:
                found.append((message, described, each))
    return found


STATES: Final = (
    "FORM_REQUESTED",
    "AWAITING_CONTACT",
    "CONTACT_RECEIVED",
    "CHAT_UNLOCKED",
    "REFUSED",
    "WITHDRAWN",
    "REJECTED",
    "REPLACED",
    "ENDED_BY_CLOSE",
)
"""States of recoveries. EXPIRED is missing, because a form lives for an hour at least."""


async def populate(home: Tenant, other: Tenant) -> World:
    """Creates two organizations with tickets in every status and recoveries in every state."""
    world = World(home, other)
    for tenant in (home, other):
        await tenant.meet("alice", "bob")
        await tenant.settings(Organization(display_name="Soup & Co"))
        for status in ("OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED"):
            await world.show(tenant, await tenant.in_status(status))
        await world.show(tenant, await tenant.ticket(None))
        for state in STATES:
            await world.renew(tenant, state)
        world.add("organization", tenant.id, tenant.name)
        world.add("location", tenant.id, f"{tenant.name}/locations/soho")
        for place in (tenant.name, f"{tenant.name}/locations/soho"):
            world.add("settings", tenant.id, f"{place}/settings")
        for agent in ("alice", "bob"):
            world.add("agent", tenant.id, tenant.agent_name(agent))
    return world
