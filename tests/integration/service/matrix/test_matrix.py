"""The matrix: each command by each caller, in each status and each state of a recovery, through gRPC on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from google.protobuf.message import Message

from care.v1 import ticket_service_pb2 as tickets
from care.v1.conversation_service_pb2 import INGEST_OUTCOME_CHAT_LOCKED, INGEST_OUTCOME_UNMATCHED
from care.v1.error_reason_pb2 import ErrorReason
from care_client.client import CareClient
from care_client.errors import CareError, care_errors
from tests.integration.service.clocks import SettableClock
from tests.integration.service.matrix import comparing
from tests.integration.service.matrix.axes import (
    CALLERS,
    COMMANDS,
    ROLES,
    SITUATIONS,
    STATUSES,
    UNREACHABLE,
    Caller,
    method,
)
from tests.integration.service.matrix.expectations import (
    Created,
    Done,
    Expected,
    Nothing,
    Refused,
    Remembered,
    Unmatched,
    action,
    expect,
    missing,
)
from tests.integration.service.matrix.looking import counts, delete_unmatched_messages, look, stored
from tests.integration.service.matrix.methods import METHODS
from tests.integration.service.matrix.requests import Place, request, send
from tests.integration.service.matrix.world import PREPARED, World
from tests.support.tenant import Tenant

REACHABLE = [
    (status, situation) for status in STATUSES for situation in SITUATIONS if (status, situation) not in UNREACHABLE
]


@pytest.mark.parametrize(("status", "situation"), REACHABLE)
async def test_every_command_of_every_caller(timed: Tenant, clock: SettableClock, status: str, situation: str) -> None:
    row = Row(World(timed, clock), status, situation)
    await row.world.people()
    for name, caller in CALLERS.items():
        # Only the assignee closes a ticket, and a CLOSED one cannot be released, so each CLOSED ticket has an assignee.
        if status == "CLOSED" and caller.owner is None:
            continue
        await row.check_actions(name, caller)
        for command in COMMANDS:
            if makes_sense(name, caller, command):
                await row.check(name, caller, command)
    await row.check_silent()
    if row.wrong:
        pytest.fail("\n".join([f"{status}, {situation}:", *row.wrong]), pytrace=False)


def makes_sense(name: str, caller: Caller, command: str) -> bool:
    """Returns whether to test a cell. If the role is refused, only one caller of another organization is tested."""
    if command == "AssignTicket to the assignee" and caller.owner is None:
        return False
    shown_by_others = caller.stranger and name != "another organization's agent"
    return not shown_by_others or bool(ROLES[method(command)] & set(caller.roles))


@dataclass
class Row:
    """The cells of one status and situation."""

    world: World
    status: str
    situation: str
    wrong: list[str] = field(default_factory=list)
    """One line for each difference from the expected outcome."""
    _places: dict[str | None, Place] = field(default_factory=dict)
    """The ticket for each owner. Commands that do not change the ticket share it."""
    _silent: list[tuple[str, Caller, str]] = field(default_factory=list)
    """The cells since the last check that must not have written anything."""
    _counts: tuple[int, int] = (0, 0)
    """What `counts` returned before those cells."""

    async def check(self, name: str, caller: Caller, command: str) -> None:
        """Sends the command and compares the outcome."""
        expected = expect(self.status, self.situation, command, caller)
        if isinstance(expected, Unmatched | Remembered):
            await self._check_internal_change(name, caller, command, expected)
            return
        if isinstance(expected, Refused | Nothing) and not self._prepares(caller, command):
            await self._place(caller.owner)
            self._silent.append((name, caller, command))
            await self._check_response(name, caller, command, expected)
            return
        await self.check_silent()
        place = await self._place(caller.owner)
        if self._prepares(caller, command):
            await self.world.prepare(place, self.situation, command)
            await self.world.settle(place)
            self._counts = await counts(self.world.tenant)
        await self._check_response(name, caller, command, expected)
        if isinstance(expected, Refused | Nothing):
            await self._check_digest(place, name, command)
        if command == "ExpireForm in time":
            self._places.clear()  # every form has expired
        elif command in PREPARED or not await self._bring_back(place, caller, expected):
            del self._places[caller.owner]
        self._counts = await counts(self.world.tenant)

    async def _bring_back(self, place: Place, caller: Caller, expected: Expected) -> bool:
        """Brings a ticket back to its state if that is cheaper than a new ticket. Returns whether it did."""
        if not isinstance(expected, Done) or expected.status is not None or expected.contact_state is not None:
            return isinstance(expected, Refused | Nothing)
        if expected.assignee is not None:
            await self.world.give_back(place, caller.owner)
        return True

    async def check_silent(self) -> None:
        """Finds the cells since the last check that wrote something although they must not."""
        silent, self._silent = self._silent, []
        if not silent:
            return
        quiet = await counts(self.world.tenant) == self._counts
        for owner in {caller.owner for _, caller, _ in silent}:
            place = self._places[owner]
            if quiet and await stored(self.world.tenant, place.ticket) == place.digest:
                continue
            for name, caller, command in silent:
                if caller.owner == owner:
                    del self._places[owner]
                    place = await self._place(owner)
                    await _call(self.world.client(caller), request(self.world.tenant, place, command))
                    await self._check_digest(place, name, command)

    @staticmethod
    def _prepares(caller: Caller, command: str) -> bool:
        return caller.roles == ("worker",) and not caller.stranger and command in PREPARED

    async def _check_response(self, name: str, caller: Caller, command: str, expected: Expected) -> None:
        place = await self._place(caller.owner)
        sent = request(self.world.tenant, place, command)
        response = await _call(self.world.client(caller), sent)
        if isinstance(expected, Refused):
            metadata = self._metadata(place, caller, command, sent, expected)
            differences = comparing.refusal_differences(response, expected.reason, metadata)
        elif isinstance(response, CareError) or comparing.refusal_of(response):
            differences = [f"{comparing.refusal_of(response)}, not {expected}"]
        elif isinstance(expected, Nothing | Remembered):
            differences = []
        elif isinstance(expected, Unmatched):
            outcome = getattr(response, "outcome", None)
            differences = [] if outcome in {INGEST_OUTCOME_UNMATCHED, INGEST_OUTCOME_CHAT_LOCKED} else ["it was taken"]
        else:
            differences = await self._differences(place, caller, response, expected)
        self.wrong.extend(f"  {command} by {name}: {difference}" for difference in differences)

    async def _check_internal_change(
        self, name: str, caller: Caller, command: str, expected: Unmatched | Remembered
    ) -> None:
        """Checks that the ticket does not change, except for its internal revision and timing."""
        await self.check_silent()
        tenant, place = self.world.tenant, await self._place(caller.owner)
        unseen = ["revision"] if isinstance(expected, Unmatched) else ["revision", "timing"]
        before = await stored(tenant, place.ticket, but=unseen)
        await self._check_response(name, caller, command, expected)
        if await stored(tenant, place.ticket, but=unseen) != before:
            self.wrong.append(f"  {command} by {name}: something was written")
        await delete_unmatched_messages(tenant)
        place.digest, self._counts = await stored(tenant, place.ticket), await counts(tenant)

    async def _check_digest(self, place: Place, name: str, command: str) -> None:
        tenant = self.world.tenant
        if (await stored(tenant, place.ticket), await counts(tenant)) != (place.digest, self._counts):
            self.wrong.append(f"  {command} by {name}: something was written")

    async def _differences(self, place: Place, caller: Caller, response: Message, expected: Expected) -> list[str]:
        before, shown = place.shown, comparing.ticket_in(response)
        await self.world.settle(place)
        differences = comparing.ticket_differences(before, place.shown, caller, expected)
        if isinstance(expected, Created):
            created = shown.name if shown else place.ticket.follow_up
            return differences + comparing.new_ticket_differences(
                await look(self.world.tenant, created), place, expected
            )
        if shown is not None:
            read = tickets.GetTicketRequest(name=place.ticket.name)
            if (await self.world.client(caller).tickets.GetTicket(read)).ticket != shown:
                differences.append("the response's ticket is not the one that is read afterwards")
        return differences

    async def check_actions(self, name: str, caller: Caller) -> None:
        """Compares `Ticket.actions` with the expected outcome of each command."""
        if caller.stranger or not caller.roles or caller.roles == ("worker",):
            return
        place = await self._place(caller.owner)
        request = tickets.GetTicketRequest(name=place.ticket.name)
        ticket = (await self.world.client(caller).tickets.GetTicket(request)).ticket
        found = {each.command: ErrorReason.Name(each.reason).removeprefix("ERROR_REASON_") for each in ticket.actions}
        for command, reason in found.items():
            wanted = action(self.status, self.situation, command, caller)
            if reason != wanted:
                self.wrong.append(f"  Ticket.actions for {name}: {command} is {reason}, not {wanted}")
        self.wrong.extend(
            f"  Ticket.actions for {name}: {each.command} is allowed, though {each.reason}"
            for each in ticket.actions
            if each.allowed != (found[each.command] == "UNSPECIFIED")
        )

    async def _place(self, owner: str | None) -> Place:
        if owner not in self._places:
            await self.check_silent()
            self._places[owner] = await self.world.place(self.status, self.situation, owner)
            self._counts = await counts(self.world.tenant)
        return self._places[owner]

    def _metadata(
        self, place: Place, caller: Caller, command: str, request: Message, expected: Refused
    ) -> Mapping[str, str]:
        tenant, ticket = self.world.tenant, place.ticket
        resource = _named(request)
        if missing(self.situation, command) and not caller.stranger:
            if command == "AddContact by claim":
                resource = f"{ticket.name}/contacts/{place.claim}"
            elif command == "AssignTicket to a stranger":
                resource = tenant.agent_name("nobody")
        values = {
            "ticket": ticket.name,
            "review": ticket.review,
            "assignee": ticket.assignee,
            "recovery": ticket.recovery,
            "agent": tenant.agent_name("dora"),
            "method": METHODS[method(command)],
            "resource": resource,
        }
        return dict(expected.keys) | {name: values[name] for name in expected.names}


async def _call(client: CareClient, request: Message) -> Message | CareError:
    try:
        with care_errors():
            return await send(client, request)
    except CareError as error:
        return error


def _named(request: Message) -> str:
    """Returns the name or the parent in a request."""
    if isinstance(request, tickets.UpdateTicketRequest):
        return request.ticket.name
    name: str = getattr(request, "name", "") or getattr(request, "parent", "")
    return name
