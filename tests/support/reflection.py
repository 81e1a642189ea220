"""A client that knows only an address. It gets services, messages and options by server reflection.

It does not use the generated `care.v1`: the descriptors are in a separate pool.
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
"""The two versions have the same messages. New clients use the first."""

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Reflected:
    """A server and the descriptors that it returned by reflection."""

    channel: grpc.aio.Channel
    pool: DescriptorPool
    services: tuple[ServiceDescriptor, ...]

    @cached_property
    def methods(self) -> dict[str, MethodDescriptor]:
        """All methods by full name, such as `care.v1.TicketService/GetTicket`."""
        return {f"{each.full_name}/{method.name}": method for each in self.services for method in each.methods}

    def request(self, method: str) -> Message:
        """Returns an empty request of a method."""
        return GetMessageClass(self.methods[method].input_type)()

    def message(self, name: str) -> type[Message]:
        """Returns the class of the message with this full name."""
        return GetMessageClass(self.pool.FindMessageTypeByName(name))

    def response_class(self, method: str) -> type[Message]:
        """Returns the class of a method's response."""
        return GetMessageClass(self.methods[method].output_type)

    async def send(self, method: str, body: bytes, metadata: Metadata) -> bytes:
        """Calls the function `send` with the server's channel."""
        return await send(self.channel, method, body, metadata, streams=bool(self.methods[method].server_streaming))


async def send(
    channel: grpc.aio.Channel, method: str, body: bytes, metadata: Metadata, *, streams: bool = False
) -> bytes:
    """Calls a method with these bytes and metadata, and returns the response, or the first message of a stream.

    Raises grpc.aio.AioRpcError if the call fails.
    """
    if streams:
        stream = channel.unary_stream(
            f"/{method}", request_serializer=lambda data: data, response_deserializer=lambda data: data
        )(body, metadata=list(metadata), timeout=60)
        async for first in stream:
            stream.cancel()
            return bytes(first)
        raise AssertionError(f"{method} ended without a message")
    call = channel.unary_unary(
        f"/{method}", request_serializer=lambda data: data, response_deserializer=lambda data: data
    )
    response: bytes = await call(body, metadata=list(metadata), timeout=60)
    return response


@asynccontextmanager
async def reflected(address: str, version: str = VERSIONS[0]) -> AsyncIterator[Reflected]:
    """Connects to a server, and reads all its services with their descriptors."""
    async with grpc.aio.insecure_channel(address) as channel:
        pool, known = DescriptorPool(), set[str]()
        (listing,) = await ask(channel, version, [reflection_pb2.ServerReflectionRequest(list_services="")])
        names = [service.name for service in listing.list_services_response.service]
        requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
        for response in await ask(channel, version, requests):
            _add(pool, known, response.file_descriptor_response.file_descriptor_proto)
        services = tuple(pool.FindServiceByName(name) for name in names)
        yield Reflected(channel, pool, services)


async def ask(
    channel: grpc.aio.Channel, version: str, requests: Iterable[reflection_pb2.ServerReflectionRequest]
) -> list[reflection_pb2.ServerReflectionResponse]:
    """Sends requests to the reflection service and returns its responses, none of which may be an error."""
    method = channel.stream_stream(
        f"/{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    responses = [response async for response in method(iter(requests))]
    for response in responses:
        assert not response.HasField("error_response"), response
    return responses


def _add(pool: DescriptorPool, known: set[str], files: Iterable[bytes]) -> None:
    """Adds files to the pool, each after its imports. The files may be in any order."""
    waiting = {file.name: file for file in map(FileDescriptorProto.FromString, files)}

    def add(name: str) -> None:
        if name not in known:
            known.add(name)
            for dependency in waiting[name].dependency:
                add(dependency)
            pool.AddSerializedFile(waiting[name].SerializeToString())

    for name in waiting:
        add(name)
