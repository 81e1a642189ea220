"""A client that knows nothing but an address: services, messages and options come from the server's own reflection.

Nothing of the generated `care.v1` is used: the descriptors are in a pool of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2

VERSIONS: Final = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
"""Both have the same messages; a new client asks for the first."""

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Reflected:
    """A server as its reflection shows it."""

    channel: grpc.aio.Channel
    pool: DescriptorPool
    services: tuple[ServiceDescriptor, ...]

    @cached_property
    def methods(self) -> dict[str, MethodDescriptor]:
        """By full name: `care.v1.TicketService/GetTicket`."""
        return {f"{each.full_name}/{method.name}": method for each in self.services for method in each.methods}

    def request(self, method: str) -> Message:
        """An empty request."""
        return GetMessageClass(self.methods[method].input_type)()

    def message(self, name: str) -> type[Message]:
        """The class of the message with this full name."""
        return GetMessageClass(self.pool.FindMessageTypeByName(name))

    def answer(self, method: str) -> type[Message]:
        """The class of a method's answer."""
        return GetMessageClass(self.methods[method].output_type)

    async def send(self, method: str, body: bytes, metadata: Metadata) -> bytes:
        """See `send`."""
        return await send(self.channel, method, body, metadata, streams=bool(self.methods[method].server_streaming))


async def send(
    channel: grpc.aio.Channel, method: str, body: bytes, metadata: Metadata, *, streams: bool = False
) -> bytes:
    """Calls a method with bytes and metadata as they are; of a stream, returns the first answer.

    Raises grpc.aio.AioRpcError.
    """
    if streams:
        stream = channel.unary_stream(
            f"/{method}", request_serializer=lambda data: data, response_deserializer=lambda data: data
        )(body, metadata=list(metadata), timeout=60)
        async for first in stream:
            stream.cancel()
            return bytes(first)
        raise AssertionError(f"{method} ended without an answer")
    call = channel.unary_unary(
        f"/{method}", request_serializer=lambda data: data, response_deserializer=lambda data: data
    )
    answer: bytes = await call(body, metadata=list(metadata), timeout=60)
    return answer


@asynccontextmanager
async def reflected(address: str, version: str = VERSIONS[0]) -> AsyncIterator[Reflected]:
    """Connects and asks the server for everything that it has."""
    async with grpc.aio.insecure_channel(address) as channel:
        pool, known = DescriptorPool(), set[str]()
        (listing,) = await ask(channel, version, [reflection_pb2.ServerReflectionRequest(list_services="")])
        names = [service.name for service in listing.list_services_response.service]
        asked = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
        for answer in await ask(channel, version, asked):
            _add(pool, known, answer.file_descriptor_response.file_descriptor_proto)
        services = tuple(pool.FindServiceByName(name) for name in names)
        yield Reflected(channel, pool, services)


async def ask(
    channel: grpc.aio.Channel, version: str, questions: Iterable[reflection_pb2.ServerReflectionRequest]
) -> list[reflection_pb2.ServerReflectionResponse]:
    """Puts questions to the reflection service; none may be answered by an error."""
    method = channel.stream_stream(
        f"/{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    answers = [answer async for answer in method(iter(questions))]
    for answer in answers:
        assert not answer.HasField("error_response"), answer
    return answers


def _add(pool: DescriptorPool, known: set[str], files: Iterable[bytes]) -> None:
    """Adds files in whatever order they came: each after those that it imports."""
    waiting = {file.name: file for file in map(FileDescriptorProto.FromString, files)}

    def add(name: str) -> None:
        if name not in known:
            known.add(name)
            for dependency in waiting[name].dependency:
                add(dependency)
            pool.AddSerializedFile(waiting[name].SerializeToString())

    for name in waiting:
        add(name)
