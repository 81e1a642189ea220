"""While the database is down, the services that need it are NOT_SERVING. Afterwards they are SERVING again."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from tests.support.operations import check_health, watch_health
from tests.support.system import System, eventually

_LOOK: Final = 5.0
"""How long, in seconds, the test waits for the service to check its database, before it kills the database again."""


async def test_while_the_database_is_down_only_services_without_it_serve(system: System) -> None:
    address, healthz = system.stack.urls.grpc, system.stack.urls.metrics.replace("/metrics", "/healthz")
    http = await system.http()

    async def ready() -> bool:
        return (await http.get(healthz)).status_code == httpx.codes.OK

    await eventually("health before the test", ready)
    async with (
        watch_health(address, "care.v1.TicketService") as tickets,
        watch_health(address, "care.v1.LifecycleService") as lifecycle,
    ):
        assert await anext(tickets) == "SERVING"
        assert await anext(lifecycle) == "SERVING"
        heard = asyncio.ensure_future(anext(tickets))
        while not heard.done():
            # The supervisor restarts the database at once, perhaps before the service has checked it.
            system.processes.kill("postgres")
            await asyncio.wait({heard}, timeout=_LOOK)
            await system.processes.back()
        assert await heard == "NOT_SERVING"
        assert await anext(tickets) == "SERVING"
    assert await check_health(address, "care.v1.LifecycleService") == "SERVING"
    await eventually("health afterwards", ready)
    log = (system.logs / "serve.log").read_text()
    assert "database unreachable; not serving" in log
    assert "database reachable again; serving" in log
