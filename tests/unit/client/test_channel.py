"""The channel with a real server: the token and deadline that it adds to calls, and when it may send the token."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest
from grpc.aio import Metadata

from care_client.channel import DEFAULT_DEADLINE, open_channel
from care_client.errors import Unavailable


@dataclass
class Seen:
    authorization: list[str | bytes]
    seconds_left: float | None
    user_agent: str


class Recorder(grpc.GenericRpcHandler):
    """Serves any method, as a stream if its name ends in `Stream`. Records the metadata and the deadline of calls."""

    def __init__(self) -> None:
        self.calls: list[Seen] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if handler_call_details.method.endswith("Stream"):
            return grpc.unary_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(self.unary)

    async def unary(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        self._record(context)
        return request

    async def stream(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
        self._record(context)
        yield request
        yield request

    def _record(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        metadata = context.invocation_metadata() or ()
        tokens = [value for key, value in metadata if key == "authorization"]
        (agent,) = [str(value) for key, value in metadata if key == "user-agent"]
        self.calls.append(Seen(tokens, context.time_remaining(), agent))


@asynccontextmanager
async def connect_recorder(
    token: str | None, *, deadline: float | None = DEFAULT_DEADLINE, user_agent: str = ""
) -> AsyncIterator[tuple[Recorder, grpc.aio.Channel]]:
    recorder = Recorder()
    server = grpc.aio.server(handlers=[recorder])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with open_channel(f"127.0.0.1:{port}", token, deadline=deadline, user_agent=user_agent) as channel:
            yield recorder, channel
    finally:
        await server.stop(grace=None)


def unary(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary("/x/Unary")


def stream(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[bytes, bytes]:
    return channel.unary_stream("/x/Stream")


async def test_token_is_sent_with_unary_calls_and_streams() -> None:
    async with connect_recorder("abc") as (recorder, channel):
        assert await unary(channel)(b"1") == b"1"
        assert [part async for part in stream(channel)(b"2")] == [b"2", b"2"]
    assert [call.authorization for call in recorder.calls] == [["Bearer abc"], ["Bearer abc"]]


async def test_without_a_token_no_token_is_sent() -> None:
    async with connect_recorder(None) as (recorder, channel):
        await unary(channel)(b"1")
    assert recorder.calls[0].authorization == []


async def test_metadata_of_the_caller_is_kept_and_unchanged() -> None:
    metadata = Metadata(("x-trace", "1"))
    async with connect_recorder("abc") as (recorder, channel):
        for _ in range(2):
            await unary(channel)(b"1", metadata=metadata)
    assert [call.authorization for call in recorder.calls] == [["Bearer abc"]] * 2
    assert list(metadata) == [("x-trace", "1")]


async def test_unary_calls_have_a_deadline_and_streams_none() -> None:
    async with connect_recorder("abc") as (recorder, channel):
        await unary(channel)(b"1")
        await unary(channel)(b"1", timeout=1000)
        async for _ in stream(channel)(b"2"):
            pass
    default, own, endless = [call.seconds_left for call in recorder.calls]
    assert default is not None
    assert default < 2 * DEFAULT_DEADLINE  # gRPC's clocks agree only roughly
    assert own is not None
    assert own > 2 * DEFAULT_DEADLINE
    assert endless is None or endless > 10**6  # gRPC's value for "infinite"


async def test_deadline_of_the_channel_replaces_the_default() -> None:
    async with connect_recorder(None, deadline=1000) as (recorder, channel):
        await unary(channel)(b"1")
    own = recorder.calls[0].seconds_left
    assert own is not None
    assert own > 2 * DEFAULT_DEADLINE


async def test_call_fails_before_its_deadline_while_nothing_listens() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # accepts no connection
        async with open_channel(f"127.0.0.1:{deaf.getsockname()[1]}", deadline=1000) as channel:
            with pytest.raises(Unavailable):
                await unary(channel)(b"1")


async def test_program_and_client_are_named() -> None:
    async with connect_recorder(None, user_agent="billing/7") as (recorder, channel):
        await unary(channel)(b"1")
    assert recorder.calls[0].user_agent.startswith("billing/7 care-client/")


@pytest.mark.parametrize(
    "address",
    ["care.example:50051", "10.0.0.7:50051", "[2001:db8::1]:50051", "dns:///care.example:50051", "localhost.example:1"],
)
def test_token_is_not_sent_unencrypted_to_another_machine(address: str) -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        open_channel(address, "abc")


@pytest.mark.parametrize(
    "address",
    ["localhost:1", "127.8.8.8:1", "[::1]:1", "dns:///localhost:1", "ipv4:127.0.0.1:1", "unix:/x"],
)
async def test_token_may_be_sent_unencrypted_on_this_machine(address: str) -> None:
    await open_channel(address, "abc").close()


async def test_plaintext_is_allowed_on_request_and_always_without_a_token() -> None:
    await open_channel("care.example:50051", "abc", allow_plaintext_token=True).close()
    await open_channel("care.example:50051").close()
