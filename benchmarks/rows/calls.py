"""The CPU time of single calls, in Care and in the bare stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Final

import grpc

from benchmarks import load
from benchmarks.bare.echo import METHOD
from benchmarks.bench import Bench, Figures
from benchmarks.catalog import BARE, CALLS, CARE
from benchmarks.measure import Round, alternate
from benchmarks.rows.tickets import Team, open_bare, open_care
from benchmarks.servers import Server, serve_bare, serve_care
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import TICKET_PRIORITY_HIGH, TICKET_PRIORITY_NORMAL, Ticket
from care.v1.ticket_service_pb2 import GetTicketRequest

_TICKETS: Final = 64
"""More tickets than calls in flight, so that no two calls change the same ticket at the same time."""
_PAGE: Final = 25
_WARM_UP: Final = 4
"""A round's calls divided by this number run before the first round, to warm the server up."""

Method = Callable[[Team, int], Awaitable[object]]


async def _get(team: Team, index: int) -> None:
    response = await team.agent.tickets.GetTicket(tickets.GetTicketRequest(name=team.taken[index % _TICKETS]))
    assert response.ticket.subject == "Cold soup"


async def _list(team: Team, _: int) -> None:
    request = tickets.ListTicketsRequest(parent=team.parent, page_size=_PAGE)
    response = await team.agent.tickets.ListTickets(request)
    assert len(response.tickets) == _PAGE


async def _update(team: Team, index: int) -> None:
    # Each call changes the ticket.
    priority = (TICKET_PRIORITY_HIGH, TICKET_PRIORITY_NORMAL)[index // _TICKETS % 2]
    request = tickets.UpdateTicketRequest(ticket=Ticket(name=team.taken[index % _TICKETS], priority=priority))
    request.update_mask.paths.append("priority")
    assert (await team.agent.tickets.UpdateTicket(request)).ticket.priority == priority


async def _add_note(team: Team, index: int) -> None:
    request = conversations.AddNoteRequest(parent=team.taken[index % _TICKETS], text="Called back.")
    assert (await team.agent.conversations.AddNote(request)).message.text == "Called back."


async def _send_message(team: Team, index: int) -> None:
    request = conversations.SendMessageRequest(parent=team.taken[index % _TICKETS], text="A table is yours.")
    assert (await team.agent.conversations.SendMessage(request)).message.text == "A table is yours."


async def _create(team: Team, _: int) -> None:
    assert (await team.create()).subject == "Cold soup"


async def _take(team: Team, index: int) -> None:
    response = await team.agent.tickets.TakeTicket(tickets.TakeTicketRequest(name=team.unassigned[index]))
    assert response.ticket.assignee.endswith("/agents/alice")


_METHODS: Final[dict[str, Method]] = {
    "get_ticket": _get,
    "list_tickets": _list,
    "update_ticket": _update,
    "add_note": _add_note,
    "send_message": _send_message,
    "take_ticket": _take,
    "create_ticket": _create,
}


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Measures the rows of single calls."""
    if not bench.wants(*(row.key for row in CALLS)):
        return
    bench.say("Single calls")
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(serve_bare(bench.postgres.create_database("calls_bare")))
        care = await stack.enter_async_context(serve_care(bench.postgres.create_database("calls"), bench.keys))
        teams = {
            CARE: (care, await stack.enter_async_context(open_care(care, bench.keys))),
            BARE: (bare, await stack.enter_async_context(open_bare(bare))),
        }
        for _, team in teams.values():
            await team.prepare(_TICKETS)
        for key, method in _METHODS.items():
            if bench.wants(key):
                yield key, await _compare(bench, key, method, teams)
        if bench.wants("grpc_echo"):
            yield "grpc_echo", await _measure_echo(bench, bare)


async def _compare(bench: Bench, key: str, method: Method, teams: dict[str, tuple[Server, Team]]) -> Figures:
    calls = bench.effort.calls
    if key == "take_ticket":  # each ticket can be taken once
        for _, team in teams.values():
            await team.create_unassigned(calls // _WARM_UP + bench.effort.rounds * calls)

    async def begin(server: Server, team: Team) -> Round:
        async def call(index: int) -> object:
            return await method(team, index)

        indices = count()
        await load.run(call, indices, calls // _WARM_UP)
        return lambda: load.cpu_per_call([server.pid], call, indices, calls)

    return await alternate(bench.effort.rounds, {side: await begin(*found) for side, found in teams.items()})


async def _measure_echo(bench: Bench, bare: Server) -> Figures:
    async with grpc.aio.insecure_channel(bare.address) as channel:
        echo = channel.unary_unary(METHOD, GetTicketRequest.SerializeToString, GetTicketRequest.FromString)
        request = GetTicketRequest(name="organizations/bench/tickets/1")

        async def call(_: int) -> None:
            assert await echo(request) == request

        await load.run(call, count(), bench.effort.calls // _WARM_UP)
        measured = {BARE: lambda: load.cpu_per_call([bare.pid], call, count(), bench.effort.calls)}
        return await alternate(bench.effort.rounds, measured)
