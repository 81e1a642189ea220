"""The steps of every command on an existing ticket: load, decide, commit."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from care_rules import commands, names
from care_rules.decide import decide
from care_rules.decision import Decision
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_rules.scheduling import schedule
from care_rules.snapshot import TicketSnapshot, apply
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import OutcomeT, Replayable, Request
from care_service.usecases.retrying import retry_until_committed


async def execute(
    store: TicketStore,
    name: TicketName,
    command: commands.AgentCommand,
    request: Request[OutcomeT],
    outcome: Callable[[TicketSnapshot, Decision | None], OutcomeT],
    recovery: UUID | None = None,
) -> Replayable[OutcomeT]:
    """Carries out a command on a ticket, or on one of its recoveries.

    `outcome` makes the outcome. It gets the state after the command and the decision (None if nothing changed).
    """
    resource = str(name) if recovery is None else f"{name}/recoveries/{recovery}"
    agent = command.agent if isinstance(command, commands.AssignTicket) else None
    claim = command.claim if isinstance(command, commands.AddContact) else None
    caller, key = request.caller, request.key(name.organization)
    own = caller.id if caller.is_agent else None

    async def attempt(store: TicketStore) -> Replayable[OutcomeT]:
        loaded = await store.load(name, agent=agent or own, recovery=recovery, claim=claim, request=key)
        if loaded is None or (recovery is not None and loaded[0].target_recovery is None):
            raise not_found(resource)
        snapshot, stored = loaded
        if agent is not None and snapshot.agent is None:
            raise not_found(names.agent(name.organization, agent))
        if claim is not None and snapshot.claim is None:
            raise not_found(f"{name}/contacts/{claim}")
        if (replayed := request.replay(stored)) is not None:
            return replayed
        request.check_etag(snapshot.ticket)
        decision = decide(snapshot, command, caller, request.now, request.id)
        if decision is None:
            return outcome(snapshot, None)
        scheduled = schedule(snapshot, decision)
        result = outcome(apply(snapshot, scheduled.decision), scheduled.decision)
        await store.commit(scheduled, request.record(name.organization, result))
        return result

    caller.check_organization(name.organization, resource)
    return await retry_until_committed(store, attempt, name)


def ticket_only(snapshot: TicketSnapshot, _: Decision | None) -> TicketSnapshot:
    """Returns the ticket as the outcome of a command."""
    return snapshot
