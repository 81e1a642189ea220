"""The health status of each service and of the whole server, for clients and load balancers (grpc.health.v1)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from care_service.metrics import Metrics

WHOLE: Final = ""
"""The name of the whole server in the health protocol."""
_UNKNOWN: Final = HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)


class Health(health.aio.HealthServicer):
    """The health statuses of `services` and of the whole server.

    The services that need the database always have the same status as the whole server.
    """

    def __init__(self, services: Collection[str], without_database: Collection[str], metrics: Metrics) -> None:
        super().__init__()
        self._services = [WHOLE, *services]
        self._dependent = [name for name in self._services if name not in without_database]
        self._metrics = metrics
        self._responses: dict[str, HealthCheckResponse] = {}
        self._changed = asyncio.Event()
        """Set when a status changes, and then replaced by a new event."""
        self._is_draining = False

    async def start(self) -> None:
        """Sets all services to SERVING."""
        await self._set_all(self._services, is_serving=True)

    async def set_database_state(self, *, is_reachable: bool) -> None:
        """Sets the status of the whole server, and of the services that depend on the database.

        The status is SERVING if the database is reachable, and NOT_SERVING otherwise. Changes nothing during a drain.
        """
        if not self._is_draining:
            await self._set_all(self._dependent, is_serving=is_reachable)

    async def drain(self) -> None:
        """Sets all services to NOT_SERVING for good.

        Ends all Watch streams, because the server waits for open streams when it stops.
        """
        self._is_draining = True
        await self._set_all(self._services, is_serving=False)

    async def Watch(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]
    ) -> None:
        """See grpc.health.v1. Unlike in grpcio's implementation, the stream ends when the server drains."""
        last = None
        while True:
            changed = self._changed
            response = self._responses.get(request.service, _UNKNOWN)
            if response != last:
                await context.write(response)
                last = response
            if self._is_draining:
                return
            await changed.wait()

    async def _set_all(self, names: Collection[str], *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for name in names:
            self._responses[name] = HealthCheckResponse(status=status)
            await self.set(name, status)
            self._metrics.set_serving(name, is_serving=is_serving)
        self._changed.set()
        self._changed = asyncio.Event()
