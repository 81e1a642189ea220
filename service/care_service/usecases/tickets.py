"""The commands on a ticket itself, and GetTicket."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from care_rules import commands, create, names
from care_rules.callers import Caller
from care_rules.create import CreationSnapshot
from care_rules.decision import Decision
from care_rules.entities.ticket import Priority
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_rules.scheduling import schedule_new_ticket
from care_rules.snapshot import TicketSnapshot
from care_service.usecases.execution import execute, ticket_only
from care_service.usecases.new_tickets import decide_with_number
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader, TicketView
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Replayable, Request
from care_service.usecases.retrying import retry_until_committed

Outcome = Replayable[TicketSnapshot]
"""The ticket after the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """The values of a ticket to create."""

    organization: str
    review: UUID | None
    location: str
    """A location's id; empty for the review's location."""
    subject: str
    """Empty for a subject made from the review."""
    description: str
    priority: Priority | None
    """None for the priority that the settings assign to the review's stars."""
    labels: tuple[str, ...]
    external_reference: str
    email: str
    phone: str
    display_name: str


async def get_ticket(reader: Reader, name: TicketName, caller: Caller) -> TicketView:
    """Returns a ticket. If the caller is an agent, `agent` is their directory entry."""
    caller.check_organization(name.organization, str(name))
    found = await reader.ticket(name, caller.id if caller.is_agent else None)
    if found is None:
        raise not_found(str(name))
    return found


async def create_ticket(
    store: TicketStore, directory: Directory, new: NewTicket, request: Request[TicketSnapshot]
) -> Outcome:
    """Creates a ticket, from a review or without one."""
    organization, caller = new.organization, request.caller
    caller.check_organization(organization, names.organization(organization))
    await directory.ensure_organization(organization, request.now)
    command = commands.CreateTicket(
        subject=new.subject,
        description=new.description,
        location=new.location,
        priority=new.priority,
        labels=new.labels,
        external_reference=new.external_reference,
        email=new.email,
        phone=new.phone,
        display_name=new.display_name,
        recovery_id=uuid7(),
        contact_id=uuid7(),
        message_id=uuid7(),
    )

    async def attempt(store: TicketStore) -> Outcome:
        snapshot, stored = await store.load_new(
            organization,
            review=new.review,
            location=new.location or None,
            agent=caller.id if caller.is_agent else None,
            request=request.key(organization),
        )
        if new.review is not None and snapshot.review is None:
            raise not_found(names.review(organization, new.review))
        if (replayed := request.replay(stored)) is not None:
            return replayed
        decision = await decide_with_number(
            store,
            snapshot.settings,
            lambda number: create.create_ticket(snapshot, number, command, caller, request.now, request.id),
        )
        scheduled = schedule_new_ticket(snapshot.settings, decision)
        created = _to_snapshot(snapshot, scheduled.decision)
        await store.commit_new(scheduled, request.record(organization, created))
        return created

    return await retry_until_committed(store, attempt, None)


async def update_ticket(
    store: TicketStore, name: TicketName, command: commands.UpdateTicket, request: Request[TicketSnapshot]
) -> Outcome:
    """Changes a ticket's subject, description, priority, labels or external reference."""
    return await execute(store, name, command, request, ticket_only)


async def take_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Makes the caller the assignee of an unassigned ticket."""
    return await execute(store, name, commands.TakeTicket(), request, ticket_only)


async def assign_ticket(store: TicketStore, name: TicketName, agent: str, request: Request[TicketSnapshot]) -> Outcome:
    """Makes the agent with the id `agent` the assignee."""
    return await execute(store, name, commands.AssignTicket(agent), request, ticket_only)


async def release_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Removes the assignee of a ticket."""
    return await execute(store, name, commands.ReleaseTicket(), request, ticket_only)


async def start_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Changes the status of an OPEN ticket to IN_PROGRESS."""
    return await execute(store, name, commands.StartTicket(), request, ticket_only)


async def resolve_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Changes the status of a ticket to RESOLVED."""
    return await execute(store, name, commands.ResolveTicket(), request, ticket_only)


async def close_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Changes the status of a ticket to CLOSED, and ends the ticket's live recovery."""
    return await execute(store, name, commands.CloseTicket(), request, ticket_only)


async def reopen_ticket(store: TicketStore, name: TicketName, request: Request[TicketSnapshot]) -> Outcome:
    """Changes the status of a RESOLVED ticket back to IN_PROGRESS."""
    return await execute(store, name, commands.ReopenTicket(), request, ticket_only)


def _to_snapshot(snapshot: CreationSnapshot, decision: Decision) -> TicketSnapshot:
    return TicketSnapshot(
        decision.ticket,
        snapshot.organization,
        snapshot.location,
        snapshot.review,
        decision.new_recovery,
        decision.contact,
        agent=snapshot.reporter,
    )
