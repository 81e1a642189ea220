"""`follow` and `watch_tickets`: when they resume a stream, when they raise, and how long they pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf.message import Message

from care.v1.activity_pb2 import Activity
from care.v1.customer_service_pb2 import ChatMessage, WatchChatRequest, WatchChatResponse
from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.client import CareClient
from care_client.errors import CareError, Unauthenticated
from care_client.tokens import Token
from care_client.watching import follow, watch_tickets
from tests.unit.client.scripted import End, Failure, Script, Silence, serving
from tests.unit.client.test_calls import Tokens

PARENT = "organizations/acme"
AWAY = Failure(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
EXPIRED = Failure(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
END = End()


def change(name: str) -> WatchTicketsResponse:
    return WatchTicketsResponse(activity=Activity(name=name), resume_token=f"after {name}")


def heartbeat(token: str) -> WatchTicketsResponse:
    return WatchTicketsResponse(resume_token=token)


@asynccontextmanager
async def client(script: Script, token: Token | None = None) -> AsyncIterator[CareClient]:
    async with serving(script) as address, CareClient.connect(address, token) as care:
        yield care


async def watch_names(script: Script, number: int, token: Token | None = None) -> list[str]:
    """Returns the names of the first `number` changes."""
    async with client(script, token) as care:
        request = WatchTicketsRequest(parent=PARENT)
        async with aclosing(watch_tickets(care.tickets, request, max_pause=0.001)) as changes:
            return [(await anext(changes)).activity.name for _ in range(number)]


def resume_tokens(script: Script) -> list[str]:
    """Returns the resume token of each stream."""
    return [WatchTicketsRequest.FromString(call.body).resume_token for call in script.calls]


@pytest.mark.parametrize(
    "end",
    [
        END,
        AWAY,
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after=timedelta(milliseconds=1)),
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
        Failure(grpc.StatusCode.UNAVAILABLE, "DRAINING", retry_after=timedelta(milliseconds=1)),
        Failure(grpc.StatusCode.DEADLINE_EXCEEDED, "TIME_LIMIT_EXCEEDED"),
        Failure(grpc.StatusCode.ABORTED, "CONTENDED"),
        Failure(grpc.StatusCode.UNAVAILABLE),
        Failure(grpc.StatusCode.CANCELLED),
        Failure(grpc.StatusCode.INTERNAL),
        Failure(grpc.StatusCode.UNKNOWN),
    ],
    ids=lambda end: f"{end}",
)
async def test_a_stream_that_ends_is_resumed_after_the_last_change(end: Failure | End) -> None:
    script = Script(heartbeat("now"), change("a"), change("b"), end, change("c"), end, change("d"), Silence())
    assert await watch_names(script, 4) == ["a", "b", "c", "d"]
    assert resume_tokens(script) == ["", "after b", "after c"]


async def test_a_silent_stream_is_cancelled_and_resumed() -> None:
    script = Script(change("a"), Silence(), heartbeat("later"), Silence(), change("b"), Silence())
    async with client(script) as care:
        request = WatchTicketsRequest(parent=PARENT)
        following = follow(care.tickets.WatchTickets, request, max_pause=0.001, max_silence=0.05)
        async with aclosing(following) as answers:
            assert [(await anext(answers)).resume_token for _ in range(3)] == ["after a", "later", "after b"]
    assert resume_tokens(script)[:3] == ["", "after a", "later"]


async def test_a_stream_is_resumed_after_the_last_heartbeat_too() -> None:
    script = Script(change("a"), heartbeat("later"), END, change("b"), Silence())
    assert await watch_names(script, 2) == ["a", "b"]
    assert resume_tokens(script) == ["", "later"]


async def test_watching_starts_where_the_request_says_and_leaves_the_request_unchanged() -> None:
    script = Script(change("b"), END, change("c"), Silence())
    request = WatchTicketsRequest(parent=PARENT, filter="status = OPEN", resume_token="after a")
    async with client(script) as care:
        changes = watch_tickets(care.tickets, request, max_pause=0.001)
        assert [(await anext(changes)).activity.name for _ in range(2)] == ["b", "c"]
    assert resume_tokens(script) == ["after a", "after b"]
    assert WatchTicketsRequest.FromString(script.calls[1].body).filter == "status = OPEN"
    assert request.resume_token == "after a"


async def test_streams_that_end_without_a_message_are_retried() -> None:
    # A unary call is not retried as many times.
    script = Script(*[AWAY] * 8, END, Failure(grpc.StatusCode.CANCELLED), change("a"), Silence())
    assert await watch_names(script, 1) == ["a"]
    assert set(resume_tokens(script)) == {""}


async def test_a_stream_whose_token_has_expired_continues_with_another() -> None:
    # The old token is tried once more: another call may have renewed it in the meantime.
    script = Script(change("a"), EXPIRED, EXPIRED, change("b"), Silence())
    assert await watch_names(script, 2, Tokens()) == ["a", "b"]
    assert [call.authorization for call in script.calls] == [("Bearer t1",), ("Bearer t1",), ("Bearer t2",)]
    assert resume_tokens(script) == ["", "after a", "after a"]


async def test_a_token_that_stays_expired_ends_the_watch() -> None:
    script = Script(change("a"), EXPIRED, EXPIRED, change("b"))
    async with client(script, "t1") as care:
        changes = watch_tickets(care.tickets, WatchTicketsRequest(parent=PARENT), max_pause=0.001)
        assert (await anext(changes)).activity.name == "a"
        with pytest.raises(Unauthenticated) as caught:
            await anext(changes)
    assert caught.value.reason == "TOKEN_EXPIRED"
    assert len(script.calls) == 2


GIVEN_UP: Sequence[Failure] = (
    Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FILTER"),
    Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN"),
    Failure(grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED"),
    Failure(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    Failure(grpc.StatusCode.NOT_FOUND, "LINK_UNKNOWN"),
    Failure(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
    Failure(grpc.StatusCode.UNIMPLEMENTED),
    Failure(grpc.StatusCode.RESOURCE_EXHAUSTED),  # a message that is too long for gRPC
)


@pytest.mark.parametrize("failure", GIVEN_UP, ids=str)
@pytest.mark.parametrize("before", [(), (change("a"),)], ids=["at the start", "later"])
async def test_a_refusal_is_raised(before: Sequence[Message], failure: Failure) -> None:
    script = Script(*before, failure, change("b"))
    with pytest.raises(CareError) as caught:
        await watch_names(script, 2)
    assert (caught.value.code, caught.value.reason) == (failure.code, failure.reason)
    assert len(script.calls) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_an_error_at_the_start_is_not_a_broken_connection(code: grpc.StatusCode) -> None:
    script = Script(change("a"), END, Failure(code), change("b"))
    with pytest.raises(CareError) as caught:
        await watch_names(script, 2)
    assert caught.value.code is code
    assert len(script.calls) == 2


async def test_the_stream_at_the_service_ends_when_the_caller_leaves() -> None:
    silence = Silence()
    script = Script(change("a"), silence)
    async with client(script) as care:
        changes = watch_tickets(care.tickets, WatchTicketsRequest(parent=PARENT))
        async with aclosing(changes):
            assert (await anext(changes)).activity.name == "a"
        async with asyncio.timeout(30):
            await silence.over.wait()


async def test_any_watch_method_is_followed_with_its_heartbeats() -> None:
    first, second = (
        WatchChatResponse(messages=[ChatMessage(id=name)], resume_token=f"after {name}") for name in ("a", "b")
    )
    idle = WatchChatResponse(resume_token="after b")
    script = Script(first, AWAY, second, idle, Silence())
    async with client(script) as care:
        answers = follow(care.customers.WatchChat, WatchChatRequest(token="t"), max_pause=0.001)
        assert [await anext(answers) for _ in range(3)] == [first, second, idle]
    assert [WatchChatRequest.FromString(call.body).resume_token for call in script.calls] == ["", "after a"]


# --- pauses -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the pauses instead of making them."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    # Only in this module: other tasks of the event loop really sleep.
    monkeypatch.setattr("care_client.watching.asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    return pauses


async def test_pauses_double_up_to_a_maximum_and_half_of_each_is_random(slept: list[float]) -> None:
    script = Script(*[END] * 6, change("a"), END, change("b"), Silence())
    async with client(script) as care:
        changes = watch_tickets(care.tickets, WatchTicketsRequest(parent=PARENT), max_pause=1.0)
        assert [(await anext(changes)).activity.name for _ in range(2)] == ["a", "b"]
    for pause, whole in zip(slept, [0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 0.2], strict=True):
        assert whole / 2 <= pause <= whole


async def test_the_service_sets_the_shortest_pause(slept: list[float]) -> None:
    busy = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=timedelta(seconds=7))
    script = Script(busy, change("a"), Silence())
    async with client(script) as care:
        changes = watch_tickets(care.tickets, WatchTicketsRequest(parent=PARENT))
        assert (await anext(changes)).activity.name == "a"
    (pause,) = slept
    assert 7 < pause <= 7.2


async def test_a_repeated_resume_token_does_not_reset_the_backoff(slept: list[float]) -> None:
    known = WatchChatResponse(resume_token="after a")
    script = Script(known, END, known, END, known, END, known, Silence())
    async with client(script) as care:
        answers = follow(care.customers.WatchChat, WatchChatRequest(token="t"))
        assert [await anext(answers) for _ in range(4)] == [known] * 4
    first, second, third = slept
    assert first <= 0.2 <= second <= 0.4 <= third
