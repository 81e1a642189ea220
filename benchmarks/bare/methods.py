"""Registers methods at a gRPC server under the names of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

Context: TypeAlias = "grpc.aio.ServicerContext[Message, Message]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


def unary(method: Callable[[Request, Context], Awaitable[Response]], request: type[Request]) -> Handler:
    """Returns the handler of a method with one response."""
    return grpc.unary_unary_rpc_method_handler(method, request.FromString, _serialize)


def stream(method: Callable[[Request, Context], AsyncIterator[Response]], request: type[Request]) -> Handler:
    """Returns the handler of a method with a stream of responses."""
    return grpc.unary_stream_rpc_method_handler(method, request.FromString, _serialize)


def add_service(server: grpc.aio.Server, service: str, handlers: Mapping[str, Handler]) -> None:
    """Registers the methods of a service, by name. Its other methods are UNIMPLEMENTED."""
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, dict(handlers)),))


def _serialize(response: Message) -> bytes:
    return response.SerializeToString()
