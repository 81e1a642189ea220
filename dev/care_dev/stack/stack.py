"""The composition of the stack: its parts, their configuration, and the order in which they start."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from care_dev.stack import environment, health, postgres, secrets, temporal
from care_dev.stack import home as homes
from care_dev.stack.blocking import blocking
from care_dev.stack.errors import StackError
from care_dev.stack.ports import HOST, Ports
from care_dev.stack.processes import Part, Reporter, Supervisor

if TYPE_CHECKING:
    from rich.console import Console

_STOP_DEADLINE: Final = 90.0
"""How long, in seconds, the stack of another process may take to stop. Its parts end one after the other."""


@dataclass(frozen=True)
class Urls:
    """The addresses of a stack's parts."""

    grpc: str
    """host:port of the gRPC service."""
    web: str
    temporal: str
    """host:port of Temporal's gRPC API."""
    temporal_ui: str
    review_site: str
    metrics: str
    """The service's metrics, for Prometheus."""
    worker_metrics: str
    mailbox: str
    """The page of the local mailbox, which receives every email."""


@dataclass(frozen=True)
class Stack:
    """A healthy stack: of this process, or of another process that `Stack.running` found."""

    home: Path
    ports: Ports
    pid: int
    """The id of the process that runs the stack."""
    _close: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def running(cls, home: Path) -> Stack | None:
        """Returns the healthy stack that runs in `home`, no matter who started it; None if there is none."""
        state = homes.state(home)
        return cls(home.absolute(), state.ports, state.pid) if state else None

    @property
    def urls(self) -> Urls:
        """The addresses of the stack's parts."""
        return Urls(
            grpc=f"{HOST}:{self.ports.grpc}",
            web=f"http://{HOST}:{self.ports.web}",
            temporal=f"{HOST}:{self.ports.temporal}",
            temporal_ui=f"http://{HOST}:{self.ports.temporal_ui}",
            review_site=f"http://{HOST}:{self.ports.review_site}",
            metrics=f"http://{HOST}:{self.ports.metrics}/metrics",
            worker_metrics=f"http://{HOST}:{self.ports.worker_metrics}/metrics",
            mailbox=f"http://{HOST}:{self.ports.mailbox}",
        )

    @property
    def environment(self) -> Mapping[str, Mapping[str, str]]:
        """The CARE_* and TEMPORAL_* variables of each role: `serve`, `work`, `web`, `review-site`, `mailbox`."""
        return environment.settings(self.home, self.ports, self.database_url)

    @property
    def database_url(self) -> str:
        """The URL of the service's database."""
        return postgres.server(self.home).database_url(postgres.DATABASE)

    def token(self, org: str | None = None, agent: str | None = None, role: secrets.Role = secrets.Role.AGENT) -> str:
        """Returns a development bearer token that this stack accepts, see `secrets.mint`."""
        return secrets.mint(self.home, org, agent, role)

    def stop(self) -> None:
        """Stops all parts and waits until they have ended, even if another process runs the stack.

        Raises StackError within the block of `running`, because the end of the block stops the stack. Also raises
        StackError if another process does not stop the stack in time.
        """
        if self._close:
            self._close()
            return
        if self.pid == os.getpid():
            raise StackError("this process runs the stack in an `async with` block: leave that block to stop it")
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_DEADLINE
        while homes.is_held(self.home):
            if time.monotonic() > deadline:
                raise StackError(f"the stack in {self.home} does not stop: run: kill -KILL {self.pid}")
            time.sleep(0.05)


@asynccontextmanager
async def running(home: Path, first_port: int | None = None, reporter: Reporter | None = None) -> AsyncIterator[Stack]:
    """Runs a stack with all its data below `home` until the end of the block.

    The block begins when all parts are healthy. If the start fails, stops everything and raises StackError.
    """
    environment.require_known()
    ports = Ports.plan(first_port)
    with homes.hold(home) as held:
        ports.require_free()
        stack = Stack(held, ports, os.getpid())
        async with Supervisor(held / "logs", reporter) as supervisor:
            await supervisor.start(postgres.part(held), _temporal(stack))
            await anyio.to_thread.run_sync(postgres.server(held).create_database, postgres.DATABASE)
            variables = stack.environment
            # The service comes first, because it migrates the database, and the other roles call it at once.
            await supervisor.start(_service(stack, variables["serve"]))
            await supervisor.start(
                _worker(stack, variables["work"]),
                _web(stack, variables["web"]),
                _review_site(stack),
                _mailbox(stack),
            )
            homes.publish(held, ports)
            yield stack


@contextmanager
def start(home: Path, first_port: int | None = None, console: Console | None = None) -> Iterator[Stack]:
    """Works like `running`, for synchronous code. Shows the progress on `console`, if there is one."""
    from care_dev.stack.progress import ConsoleReporter

    reporter = ConsoleReporter(console) if console else None
    with ExitStack() as resources:
        if reporter:
            resources.callback(reporter.stop_spinners)
        stack = resources.enter_context(blocking(running(home, first_port, reporter)))
        if reporter:
            reporter.stop_spinners()
        yield Stack(stack.home, stack.ports, stack.pid, resources.close)


def _temporal(stack: Stack) -> Part:
    from care_workflows.search_attributes import SEARCH_ATTRIBUTES

    return temporal.part(
        stack.home,
        port=stack.ports.temporal,
        ui_port=stack.ports.temporal_ui,
        http_port=stack.ports.temporal_http,
        metrics_port=stack.ports.temporal_metrics,
        search_attributes=SEARCH_ATTRIBUTES,
    )


def _service(stack: Stack, variables: Mapping[str, str]) -> Part:
    return _role("serve", "gRPC service", variables, partial(health.grpc_serving, stack.urls.grpc))


def _worker(stack: Stack, variables: Mapping[str, str]) -> Part:
    healthy = partial(health.worker_polling, stack.urls.temporal, temporal.NAMESPACE, environment.task_queue())
    return _role("work", "Temporal worker", variables, healthy)


def _web(stack: Stack, variables: Mapping[str, str]) -> Part:
    return _role("web", "Customer's pages", variables, partial(health.http_ok, f"{stack.urls.web}/healthz"))


def _review_site(stack: Stack) -> Part:
    database = stack.home / "review-site" / "reviews.db"
    options = [
        *("--address", f"{HOST}:{stack.ports.review_site}"),
        *("--database", str(database)),
    ]
    healthy = partial(health.http_ok, f"{stack.urls.review_site}/")
    return _role("review-site", "Local review site", {}, healthy, *options, data=database)


def _mailbox(stack: Stack) -> Part:
    options = [
        *("--address", f"{HOST}:{stack.ports.mailbox}"),
        *("--smtp-address", f"{HOST}:{stack.ports.mailbox_smtp}"),
        *("--folder", str(stack.home / "mailbox")),
    ]
    # The page responds only when the SMTP server listens.
    healthy = partial(health.http_ok, f"{stack.urls.mailbox}/")
    return _role("mailbox", "Local mailbox", {}, healthy, *options)


def _role(
    command: str,
    title: str,
    variables: Mapping[str, str],
    healthy: Callable[[], Awaitable[None]],
    *options: str,
    data: Path | None = None,
) -> Part:
    """Returns the part for a role. The part runs this installation with this Python, without code from `.`."""
    return Part(
        name=command,
        title=title,
        command=[sys.executable, "-P", "-m", "care_cli", command, *options],
        environment=variables,
        healthy=healthy,
        data=data,
    )
