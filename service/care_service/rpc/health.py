"""The health that clients and load balancers ask for (grpc.health.v1), per service and of the server as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from care_service.metrics import Metrics

WHOLE: Final = ""
"""Stands for the server as a whole."""


class Health(health.aio.HealthServicer):
    """The statuses of `services`; those that need the database change together, with the server's own."""

    def __init__(self, services: Collection[str], without_database: Collection[str], metrics: Metrics) -> None:
        super().__init__()
        self._services = [WHOLE, *services]
        self._dependent = [name for name in self._services if name not in without_database]
        self._metrics = metrics
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Says SERVING for all."""
        await self._tell(self._services, is_serving=True)

    async def database(self, *, is_there: bool) -> None:
        """Says for all that need the database whether they serve."""
        if not self._over.is_set():
            await self._tell(self._dependent, is_serving=is_there)

    async def drain(self) -> None:
        """Says NOT_SERVING for all, for good, and ends the watches: the server would wait for them."""
        for name in self._services:
            self._metrics.serving(name, is_serving=False)
        await self.enter_graceful_shutdown()
        self._over.set()

    async def Watch(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]
    ) -> None:
        """See grpc.health.v1; ends with the server."""
        watch, over = asyncio.ensure_future(super().Watch(request, context)), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({watch, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        await context.write(HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING))

    async def _tell(self, names: Collection[str], *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for name in names:
            await self.set(name, status)
            self._metrics.serving(name, is_serving=is_serving)
