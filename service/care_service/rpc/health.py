"""The health that clients and load balancers ask for (grpc.health.v1), per service and of the server as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from care_service.metrics import Metrics

WHOLE: Final = ""
"""Stands for the server as a whole."""
_UNKNOWN: Final = HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)


class Health(health.aio.HealthServicer):
    """The statuses of `services`; those that need the database change together, with the server's own."""

    def __init__(self, services: Collection[str], without_database: Collection[str], metrics: Metrics) -> None:
        super().__init__()
        self._services = [WHOLE, *services]
        self._dependent = [name for name in self._services if name not in without_database]
        self._metrics = metrics
        self._answers: dict[str, HealthCheckResponse] = {}
        self._changed = asyncio.Event()
        """Set by the next change, which puts another one in its place."""
        self._over = False

    async def start(self) -> None:
        """Says SERVING for all."""
        await self._tell(self._services, is_serving=True)

    async def database(self, *, is_there: bool) -> None:
        """Says for all that need the database whether they serve."""
        if not self._over:
            await self._tell(self._dependent, is_serving=is_there)

    async def drain(self) -> None:
        """Says NOT_SERVING for all, for good, and ends the watches: the server would wait for them."""
        self._over = True
        await self._tell(self._services, is_serving=False)

    async def Watch(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]
    ) -> None:
        """See grpc.health.v1; ends with the server, which grpcio's own goes on beyond."""
        last = None
        while True:
            changed = self._changed
            answer = self._answers.get(request.service, _UNKNOWN)
            if answer != last:
                await context.write(answer)
                last = answer
            if self._over:
                return
            await changed.wait()

    async def _tell(self, names: Collection[str], *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for name in names:
            self._answers[name] = HealthCheckResponse(status=status)
            await self.set(name, status)
            self._metrics.set_serving(name, is_serving=is_serving)
        self._changed.set()
        self._changed = asyncio.Event()
