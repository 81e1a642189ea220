"""The HTTP server of the roles: it serves while its block is open, and ends when it is stopped."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from care_roles import http_server
from care_roles.fields import Address
from care_roles.http_server import HttpServer

APP: Final = PlainTextResponse("hello")


async def test_an_app_is_served_with_a_date_until_the_block_ends() -> None:
    listener = http_server.listen(Address("127.0.0.1", 0), "CARE_WEB_ADDRESS")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with httpx.AsyncClient() as client, http_server.serving(APP, listener) as task:
        response = await client.get(url)
        assert (response.status_code, response.text) == (200, "hello")
        assert response.headers["date"].endswith("GMT")
        assert not task.done()
    assert task.done()
    assert listener.fileno() == -1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_server(number: signal.Signals) -> None:
    listener = http_server.listen(Address("127.0.0.1", 0), "CARE_WEB_ADDRESS")
    server = HttpServer(uvicorn.Config(APP, log_config=None, lifespan="off"))
    with listener:
        task = asyncio.create_task(server._serve([listener]))
        async with httpx.AsyncClient() as client:
            await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        server.handle_exit(number, None)
        await task
    assert server.should_exit
    assert not server.force_exit


async def test_a_server_that_is_stopped_before_it_runs_ends_at_once() -> None:
    server = HttpServer(uvicorn.Config(APP, log_config=None, lifespan="off"))
    server.handle_exit(signal.SIGTERM, None)
    listener = http_server.listen(Address("127.0.0.1", 0), "CARE_WEB_ADDRESS")
    with listener:
        await server._serve([listener])
