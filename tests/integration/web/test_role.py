"""`care web` as a process reads its environment, logs no personal data, and stops on request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from google.rpc import code_pb2

from tests.integration.web.customer_service import CustomerService, serve
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

TOKEN = "token-of-a-link"
PRIVATE = {
    "email": "jane.private@example.com",
    "phone": "+44 20 7946 0958",
    "display_name": "Jane Private",
    "message": "Cold soup, privately.",
    "consent": "yes",
}


@dataclass
class Role:
    """A running `care web`."""

    process: Process
    url: str
    lines: list[str] = field(default_factory=list)
    """The lines that the role has logged so far."""

    async def stop(self) -> int:
        """Stops the role. Returns its exit status when the process and its log have ended."""
        self.process.send_signal(signal.SIGTERM)
        return await self.rest()

    async def rest(self) -> int:
        assert self.process.stderr
        self.lines += (await self.process.stderr.read()).decode().splitlines()
        return await self.process.wait()


async def start(variables: Mapping[str, str]) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARE_")}
    script = "import sys; from care_web.main import main; sys.exit(main())"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env=environment | dict(variables), stderr=PIPE
    )


@asynccontextmanager
async def running(service_address: str, log_format: str = "json") -> AsyncIterator[Role]:
    """Runs the role on a free port, which its first log line contains."""
    process = await start(
        {
            "CARE_SERVICE_ADDRESS": service_address,
            "CARE_WEB_ADDRESS": "127.0.0.1:0",
            "CARE_LOG_FORMAT": log_format,
        }
    )
    assert process.stderr
    try:
        first = (await process.stderr.readline()).decode()
        yield Role(process, f"http://{json.loads(first)['address']}", [first])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_role_serves_logs_no_personal_data_and_stops(service: CustomerService) -> None:
    service.add(TOKEN)
    async with serve(service) as address, running(address) as role:
        async with httpx.AsyncClient(base_url=role.url, trust_env=False) as browser:
            assert (await browser.get("/healthz")).text == "ok\n"
            form = await browser.get(f"/f/{TOKEN}")
            assert "server" not in form.headers
            values = Page(form).values | PRIVATE
            assert (await browser.post(f"/f/{TOKEN}", data=values | {"email": "private@"})).status_code == 422
            service.failure = Failure(code_pb2.INTERNAL, "")
            assert (await browser.post(f"/f/{TOKEN}", data=values)).status_code == 503
            assert (await browser.get(f"/f/{TOKEN}")).status_code == 503
            service.failure = None
            assert (await browser.post(f"/f/{TOKEN}", data=values)).status_code == 303
            assert (await browser.post(f"/f/{TOKEN}", content=b"{}")).status_code == 415
            assert (await browser.get(f"/f/{TOKEN}/nowhere")).status_code == 404
        assert await role.stop() == 0
    events = [json.loads(line) for line in role.lines]
    failures = [event for event in events if event["event"] == "service call failed"]
    assert [(event["method"], event["code"]) for event in failures] == [
        ("SubmitContact", "INTERNAL"),
        ("GetContactForm", "INTERNAL"),
    ], "operators learn of failures"
    log = "\n".join(role.lines)
    # The service's message quotes an address on purpose.
    for private in (TOKEN, "/f/", "jane", "private@", *list(PRIVATE.values())[:-1]):
        assert private not in log


async def test_the_role_finishes_a_running_request_before_it_ends(service: CustomerService) -> None:
    link = service.add(TOKEN)
    service.held = asyncio.Event()
    async with serve(service) as address, running(address) as role:
        async with httpx.AsyncClient(base_url=role.url, trust_env=False) as browser:
            sending = asyncio.create_task(browser.post(f"/f/{TOKEN}", data=PRIVATE))
            await service.arrived.wait()
            stopping = asyncio.create_task(role.stop())
            while True:  # until it accepts no connection
                try:
                    _, writer = await asyncio.open_connection(*role.url.removeprefix("http://").split(":"))
                except OSError:
                    break
                writer.close()
            service.held.set()
            assert (await sending).status_code == 303
        assert await stopping == 0
    assert len(link.claims) == 1


async def test_open_streams_end_at_a_stop_and_no_personal_data_is_logged(service: CustomerService) -> None:
    chat = service.add_chat(TOKEN)
    await chat.say(PRIVATE["message"])
    async with serve(service) as address, running(address) as role:
        async with httpx.AsyncClient(base_url=role.url, trust_env=False) as browser:
            page = Page(await browser.get(f"/c/{TOKEN}"))
            assert (await browser.post(f"/c/{TOKEN}", data=page.values | PRIVATE)).status_code == 422
            assert (await browser.post(f"/c/{TOKEN}", data={"text": PRIVATE["message"]})).status_code == 303
            async with browser.stream("GET", f"/c/{TOKEN}/events") as stream:
                lines = stream.aiter_lines()
                assert [await anext(lines) for _ in range(4)][2:] == ["event: state", "data: open"]
                stopping = asyncio.create_task(role.stop())
                async for _ in lines:
                    pass  # the stream ends regularly, and the connection is not broken
        assert await stopping == 0
    log = "\n".join(role.lines)
    assert "Cancel" not in log
    for private in (TOKEN, "/c/", *list(PRIVATE.values())[:-1]):
        assert private not in log


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CARE_SERVICE_ADDRESS": "nonsense"}, "CARE_SERVICE_ADDRESS must be host:port"),
        ({"CARE_WEB_ADRESS": "127.0.0.1:1"}, "did you mean CARE_WEB_ADDRESS?"),
        ({"CARE_WEB_ADDRESS": "192.0.2.1:0"}, "set CARE_WEB_ADDRESS to another address or port"),
    ],
)
async def test_a_wrong_configuration_ends_the_role_with_one_line(variables: Mapping[str, str], expected: str) -> None:
    process = await start(variables)
    _, errors = await process.communicate()
    [line] = errors.decode().splitlines()
    assert process.returncode == 2
    assert line.startswith("care web: ")
    assert expected in line


async def test_an_address_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await start({"CARE_WEB_ADDRESS": address})
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert f"cannot listen on {address}" in errors.decode()
