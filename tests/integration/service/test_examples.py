"""The examples run in their own processes with the real service, a Temporal server and a review site."""

from __future__ import annotations

import ast
import asyncio
import inspect
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from temporalio.client import Client

from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_dev.review_site.app import create_app
from care_dev.review_site.store import ReviewStore
from care_dev.stack import postgres
from care_dev.stack.processes import inherited_environment
from care_workflows import embedding
from examples.compensation import Compensation
from examples.own_review_site import ShopSite
from tests.e2e.site import SiteReview
from tests.support import temporal
from tests.support.care import care
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve
from tests.support.system import eventually
from tests.support.tenant import Tenant

ROOT: Final = Path(__file__).resolve().parents[3]
MOST_LINES: Final = 15


@dataclass
class Team:
    """The systems of a platform team: Care, Temporal, a review site, and variables with their addresses."""

    tenant: Tenant
    client: Client
    site: str
    http: httpx.AsyncClient
    variables: Mapping[str, str]

    async def form(self, external_id: str) -> tuple[Recovery, SiteReview]:
        """Creates a review of the site `shop` and a form of alice. Returns the form and the review."""
        site = SiteReview(self.http, self.site, self.tenant.id, external_id)
        await site.publish("Robin P.", "Cold soup.")
        given = await self.tenant.review(site="shop", external_id=external_id)
        request = tickets.CreateTicketRequest(parent=self.tenant.name, ticket=Ticket(review=given.name))
        ticket = (await self.tenant.service.tickets.CreateTicket(request)).ticket
        await self.tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        return await self.tenant.form(ticket), site

    async def posted(self, site: SiteReview, recovery: Recovery) -> str:
        """Waits until the service has recorded the reply as posted. Returns the public text."""

        async def known() -> bool:
            return (await self.tenant.recovery(recovery)).HasField("post_time")

        await eventually("the public reply", known)
        return await site.get_reply() or ""


@pytest.fixture(scope="module")
async def team(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    with closing(ReviewStore(Path(tmp_path_factory.mktemp("site")) / "site.db")) as store:
        async with (
            temporal.dev_server() as environment,
            care(server.create_database("examples"), temporal=environment.client) as service,
            serve(create_app(store)) as site,
            httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http,
        ):
            tenant = Tenant(service, "acme")
            variables = {
                "CARE_SERVICE_ADDRESS": service.address,
                "CARE_TOKEN": service.token(sub="worker", roles=["worker"]),
                "SHOP_SITE_URL": site,
                "TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
                "PYTHONPATH": str(ROOT),
            }
            yield Team(tenant, environment.client, site, http, variables)


@asynccontextmanager
async def run_example(module: str, variables: Mapping[str, str]) -> AsyncIterator[None]:
    """Runs an example until the block exits, then stops it as a container is stopped."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        cwd=ROOT,
        env={**inherited_environment(), **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def vouchers(folder: Path) -> dict[str, str]:
    """Returns all issued vouchers by the names of their files."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


async def test_the_example_of_a_review_site_posts_the_reply_of_the_real_service(team: Team) -> None:
    async with run_example("examples.own_review_site", team.variables):
        recovery, site = await team.form("shop-1")
        assert f"{team.tenant.care.settings.web_url}/f/" in await team.posted(site, recovery)


async def test_a_voucher_is_issued_once_the_chat_is_open(team: Team, tmp_path: Path) -> None:
    async with run_example("examples.compensation_worker", {**team.variables, "VOUCHERS": str(tmp_path)}):
        recovery, site = await team.form("shop-2")
        handle = await team.client.start_workflow(
            Compensation.run,
            recovery.name,
            id=f"compensation/{recovery.name}",
            task_queue="care",
            search_attributes=embedding.search_attributes(recovery.name),
        )
        await team.posted(site, recovery)
        assert vouchers(tmp_path) == {}
        await team.tenant.submit(recovery)
        assert await handle.result()
    assert list(vouchers(tmp_path)) == [recovery.name.rpartition("/")[2]]


def test_the_adapter_is_short() -> None:
    """Counts the lines from the decorator to the last line, without docstrings and blank lines."""
    source = inspect.getsource(ShopSite)
    [adapter] = ast.parse(source).body
    docstrings = [
        node.body[0]
        for node in ast.walk(adapter)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node)
    ]
    in_docstrings = {number for node in docstrings for number in range(node.lineno, (node.end_lineno or 0) + 1)}
    code = [
        line for number, line in enumerate(source.splitlines(), start=1) if line.strip() and number not in in_docstrings
    ]
    assert len(code) <= MOST_LINES
