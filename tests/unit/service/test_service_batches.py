"""Batches: some failures belong to one item, others end the batch."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest

from care.v1 import ticket_service_pb2 as tickets
from care_rules.callers import Caller, Role
from care_rules.entities.activity import ActorKind
from care_rules.refusals import Reason, Refusal
from care_service.rpc.batches import serve_each
from care_service.rpc.call import Call
from care_service.rpc.errors import CODES

CALLER = Caller(ActorKind.AGENT, "alice", "acme", frozenset({Role.AGENT}), "Alice")
BATCH = tickets.BatchCloseTicketsRequest(
    parent="organizations/acme",
    requests=[tickets.CloseTicketRequest(name=f"organizations/acme/tickets/{number}") for number in (1, 2, 3)],
)


@pytest.mark.parametrize("reason", list(Reason))
async def test_a_failure_that_affects_all_items_ends_the_batch(reason: Reason) -> None:
    served: list[str] = []

    async def serve(item: tickets.CloseTicketRequest) -> tickets.CloseTicketResponse:
        served.append(item.name)
        if len(served) == 2:
            raise Refusal(reason, "for a reason")
        return tickets.CloseTicketResponse()

    call = Call("care.v1.TicketService/BatchCloseTickets", CALLER, datetime.now(UTC))
    if CODES[reason] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        with pytest.raises(Refusal) as caught:
            await serve_each(BATCH, call, lambda _, __: True, serve)
        assert (caught.value.reason, len(served)) == (reason, 2)
    else:
        outcomes = await serve_each(BATCH, call, lambda _, __: True, serve)
        assert [status.code for status, _ in outcomes] == [0, CODES[reason].value[0], 0]
