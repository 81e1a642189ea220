"""A method that returns its request. Calls of this method measure the cost of gRPC alone."""

from __future__ import annotations

from typing import Final

import grpc

from benchmarks.bare.methods import Context, add_service, unary
from care.v1.ticket_service_pb2 import GetTicketRequest

_SERVICE: Final = "benchmarks.Echo"
METHOD: Final = f"/{_SERVICE}/Echo"


async def _echo(request: GetTicketRequest, _: Context) -> GetTicketRequest:
    return request


def add_echo(server: grpc.aio.Server) -> None:
    """Registers the method."""
    add_service(server, _SERVICE, {"Echo": unary(_echo, GetTicketRequest)})
