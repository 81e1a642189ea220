"""Calls of `CareClient`: retries, request ids, renewed tokens, deadlines and errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import grpc
import pytest
from grpc.aio import ClientCallDetails, UnaryUnaryCall, UnaryUnaryClientInterceptor

from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import (
    BatchCloseTicketsRequest,
    CloseTicketRequest,
    GetTicketRequest,
    TakeTicketRequest,
    TakeTicketResponse,
)
from care.v1.worker_service_pb2 import BeginPostingRequest
from care_client.channel import open_channel
from care_client.client import CareClient
from care_client.errors import CareError, DeadlineExceeded, IllegalTransition, Unauthenticated, Unavailable
from care_client.tokens import Token
from tests.unit.client.scripted import Failure, Script, Silence, serving

TICKET = "organizations/acme/tickets/17"
AWAY = Failure(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
EXPIRED = Failure(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
INVALID = Failure(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@asynccontextmanager
async def client(script: Script, token: Token | None = None, deadline: float | None = 60) -> AsyncIterator[CareClient]:
    async with serving(script) as address, CareClient.connect(address, token, deadline=deadline) as care:
        yield care


def taken_tickets(script: Script) -> list[TakeTicketRequest]:
    return [TakeTicketRequest.FromString(call.body) for call in script.calls]


class Tokens:
    """A provider with the tokens t1, t2, and so on."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"t{self.given}"

    async def later(self) -> str:
        return self()


# --- retries and request ids ------------------------------------------------------------------------------------------


async def test_a_short_outage_of_the_service_is_not_noticed() -> None:
    script = Script(AWAY, AWAY, TakeTicketResponse(ticket=Ticket(name=TICKET)))
    async with client(script) as care:
        answer = await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
    assert answer.ticket.name == TICKET
    first, second, third = taken_tickets(script)
    assert first.request_id == second.request_id == third.request_id
    assert str(UUID(first.request_id)) == first.request_id


async def test_calls_of_workers_are_retried_too() -> None:
    script = Script(AWAY)
    async with client(script) as care:
        await care.workers.BeginPosting(BeginPostingRequest(name=f"{TICKET}/recoveries/r"))
    assert [call.method for call in script.calls] == ["BeginPosting", "BeginPosting"]


async def test_retries_end_with_an_error_that_says_why() -> None:
    script = Script(*[AWAY] * 10)
    async with client(script) as care:
        with pytest.raises(Unavailable) as caught:
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert caught.value.reason == "DATABASE_UNAVAILABLE"
    assert len(script.calls) == 5


@pytest.mark.parametrize("code", sorted({code.name for code in grpc.StatusCode} - {"OK", "UNAVAILABLE", "CANCELLED"}))
async def test_other_errors_are_not_retried(code: str) -> None:
    script = Script(Failure(grpc.StatusCode[code]))
    async with client(script) as care:
        with pytest.raises(CareError, match=code):
            await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
    assert len(script.calls) == 1


async def test_each_call_has_its_own_request_id_and_the_request_of_the_caller_is_unchanged() -> None:
    script, request = Script(), TakeTicketRequest(name=TICKET, etag="4")
    async with client(script) as care:
        await care.tickets.TakeTicket(request)
        await care.tickets.TakeTicket(request)
    first, second = taken_tickets(script)
    assert first.request_id != second.request_id
    assert (first.name, first.etag) == (TICKET, "4")
    assert request == TakeTicketRequest(name=TICKET, etag="4")


async def test_a_request_id_from_the_caller_is_kept() -> None:
    script = Script()
    async with client(script) as care:
        await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET, request_id="mine"))
    assert taken_tickets(script)[0].request_id == "mine"


async def test_a_batch_gets_one_id_for_all_its_items() -> None:
    script = Script()
    async with client(script) as care:
        request = BatchCloseTicketsRequest(parent="organizations/acme", requests=[CloseTicketRequest(name=TICKET)])
        await care.tickets.BatchCloseTickets(request)
    sent = BatchCloseTicketsRequest.FromString(script.calls[0].body)
    assert sent.request_id
    assert sent.requests[0].request_id == ""


async def test_reading_needs_no_request_id() -> None:
    script = Script()
    async with client(script) as care:
        await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert GetTicketRequest.FromString(script.calls[0].body) == GetTicketRequest(name=TICKET)


# --- deadlines and errors ---------------------------------------------------------------------------------------------


async def test_a_call_that_takes_too_long_fails_by_its_deadline() -> None:
    script = Script(Silence(), Silence())
    async with client(script, deadline=0.5) as care:
        with pytest.raises(DeadlineExceeded):
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert len(script.calls) == 1


async def test_a_refusal_is_an_exception_with_all_details() -> None:
    metadata = {"machine": "status", "state": "OPEN", "allowed": "start,resolve,close,auto_close"}
    script = Script(Failure(grpc.StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION", metadata))
    async with client(script) as care:
        with pytest.raises(IllegalTransition) as caught:
            await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
    assert (caught.value.reason, caught.value.state) == ("ILLEGAL_TRANSITION", "OPEN")
    assert caught.value.allowed == ("start", "resolve", "close", "auto_close")
    assert caught.value.message == "refused by the script"


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_provider_is_asked_once_and_again_when_its_token_has_expired(kind: str) -> None:
    script, tokens = Script(), Tokens()
    async with client(script, tokens if kind == "plain" else tokens.later) as care:
        assert tokens.given == 0, "not before a call needs it"
        await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
        script.answers = [EXPIRED]
        await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
        await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
    assert [call.authorization for call in script.calls] == [
        ("Bearer t1",),
        ("Bearer t1",),
        ("Bearer t2",),
        ("Bearer t2",),
    ]
    _, refused, repeated, _ = taken_tickets(script)
    assert refused == repeated, "the retry is the same call"


@pytest.mark.parametrize("answer", [EXPIRED, INVALID], ids=["expired", "of another key"])
async def test_a_second_refused_token_ends_the_call(answer: Failure) -> None:
    script = Script(answer, answer, answer)
    async with client(script, Tokens()) as care:
        with pytest.raises(Unauthenticated) as caught:
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert caught.value.reason == answer.reason
    assert [call.authorization for call in script.calls] == [("Bearer t1",), ("Bearer t2",)]


@pytest.mark.parametrize("token", ["same", lambda: "same"], ids=["fixed", "provided"])
async def test_the_same_token_is_not_tried_twice(token: Token) -> None:
    script = Script(EXPIRED)
    async with client(script, token) as care:
        with pytest.raises(Unauthenticated):
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert len(script.calls) == 1


async def test_a_token_that_the_caller_sends_with_a_call_takes_precedence() -> None:
    script = Script(EXPIRED)
    async with client(script, Tokens()) as care:
        with pytest.raises(Unauthenticated):
            await care.tickets.GetTicket(
                GetTicketRequest(name=TICKET), metadata=grpc.aio.Metadata(("authorization", "Bearer own"))
            )
    assert [call.authorization for call in script.calls] == [("Bearer own",)]


async def test_a_provider_without_a_token_fails_before_anything_is_sent() -> None:
    script = Script()
    async with client(script, lambda: "Bearer abc") as care:
        with pytest.raises(ValueError, match="token provider"):
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert script.calls == []


async def test_what_a_provider_raises_reaches_the_caller() -> None:
    def fail() -> str:
        raise LookupError("no identity")

    script = Script()
    async with client(script, fail) as care:
        with pytest.raises(LookupError, match="no identity"):
            await care.tickets.GetTicket(GetTicketRequest(name=TICKET))
    assert script.calls == []


# --- streams ----------------------------------------------------------------------------------------------------------


def watch(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[TakeTicketRequest, TakeTicketResponse]:
    return channel.unary_stream(
        "/care.v1.TicketService/WatchTickets", TakeTicketRequest.SerializeToString, TakeTicketResponse.FromString
    )


FIRST, SECOND = (TakeTicketResponse(ticket=Ticket(number=number)) for number in (1, 2))


async def test_a_stream_that_is_refused_at_its_start_is_retried_with_another_token() -> None:
    script = Script(EXPIRED, FIRST, SECOND)
    async with serving(script) as address, open_channel(address, Tokens()) as channel:
        seen = [answer.ticket.number async for answer in watch(channel)(TakeTicketRequest())]
    assert seen == [1, 2]
    assert [call.authorization for call in script.calls] == [("Bearer t1",), ("Bearer t2",)]


async def test_a_stream_that_ends_later_raises_an_error_and_is_not_retried() -> None:
    script = Script(FIRST, EXPIRED, SECOND)
    async with serving(script) as address, open_channel(address, Tokens()) as channel:
        answers = aiter(watch(channel)(TakeTicketRequest()))
        assert (await anext(answers)).ticket.number == 1
        with pytest.raises(Unauthenticated) as caught:
            await anext(answers)
    assert (caught.value.reason, len(script.calls)) == ("TOKEN_EXPIRED", 1)


# --- interceptors -----------------------------------------------------------------------------------------------------


Q = TypeVar("Q")
A = TypeVar("A")


class Spy(UnaryUnaryClientInterceptor):
    """Adds metadata, and records the requests."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Q], Awaitable[UnaryUnaryCall[Q, A]]],
        client_call_details: ClientCallDetails,
        request: Q,
    ) -> UnaryUnaryCall[Q, A]:
        self.requests.append(request)
        return await continuation(client_call_details, request)


async def test_additional_interceptors_see_the_requests_as_they_are_sent() -> None:
    script, spy = Script(EXPIRED), Spy()
    async with serving(script) as address, CareClient.connect(address, Tokens(), interceptors=[spy]) as care:
        await care.tickets.TakeTicket(TakeTicketRequest(name=TICKET))
    assert spy.requests == taken_tickets(script)
    assert len(spy.requests) == 2
