"""Measures django-helpdesk (BSD-3-Clause) with one gunicorn worker, on the PostgreSQL of Care's stack.

    python -m benchmarks.peers.django_helpdesk

Installs the packages from the package index into a temporary virtual environment, which is deleted afterwards. So the
run needs access to a package index. The figures are calls per second, and CPU of the worker per call. One worker serves
one call at a time.

A status change is the request that the kanban board sends. A create is a call of the REST API. A read through the REST
API costs more with every ticket of the site, because it reads all tickets. So a read of the staff's page is measured
too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

import httpx
import psutil

from benchmarks import load
from benchmarks.measure import Figure, cpu_seconds
from care_dev.stack import health, postgres
from care_dev.stack.processes import inherited_environment
from tools import ports

_PACKAGES: Final = ("django-helpdesk", "gunicorn", "psycopg[binary]")
_SITE: Final = Path(__file__).resolve().parent / "helpdesk_site"
_DATABASE: Final = "helpdesk"
_ROUNDS: Final = 5
_CALLS: Final = 200
"""Calls per round."""
_TICKETS: Final = 64
_CONCURRENCY: Final = 4
"""Calls in flight: enough to keep the worker busy."""
_STATUSES: Final = (1, 3)
"""The numbers of django-helpdesk for open and resolved."""

Call = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


async def _read_by_api(http: httpx.AsyncClient, index: int) -> httpx.Response:
    return await http.get(f"/api/tickets/{index % _TICKETS + 1}/")


async def _read_page(http: httpx.AsyncClient, index: int) -> httpx.Response:
    return await http.get(f"/tickets/{index % _TICKETS + 1}/")


async def _change_status(http: httpx.AsyncClient, index: int) -> httpx.Response:
    status = _STATUSES[(index // _TICKETS + 1) % 2]
    return await http.post(f"/tickets/{index % _TICKETS + 1}/kanban-update/", json={"status": status})


async def _create(http: httpx.AsyncClient, _: int) -> httpx.Response:
    ticket = {"queue": 1, "title": "Cold soup", "description": "It was cold.", "submitter_email": "a@example.com"}
    return await http.post("/api/tickets/", json=ticket | {"status": 1, "priority": 3})


_METHODS: Final[dict[str, Call]] = {
    "reads by the API": _read_by_api,
    "reads of the page": _read_page,
    "status changes": _change_status,
    "creates": _create,
}


def _install(folder: Path) -> Path:
    """Creates the virtual environment and the Django project. Returns the folder of the environment's programs."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    programs = environment / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([*pip, *_PACKAGES], check=True)
    except subprocess.CalledProcessError:
        sys.exit("The packages can't be installed: this benchmark needs access to a Python package index.")
    for name in ("settings", "urls", "prepare"):
        text = (_SITE / f"{name}.txt").read_text(encoding="utf-8")
        (folder / f"site_{name}.py").write_text(text, encoding="utf-8")
    return programs


def _variables(server: postgres.Server) -> dict[str, str]:
    return inherited_environment() | {
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "SITE_SECRET_KEY": secrets.token_urlsafe(32),
        "SITE_DATABASE_HOST": str(server.socket_directory),
        "SITE_DATABASE_NAME": _DATABASE,
        "SITE_DATABASE_USER": postgres.USER,
    }


@asynccontextmanager
async def _serve(programs: Path, folder: Path, variables: dict[str, str]) -> AsyncIterator[tuple[str, int]]:
    """Yields the URL of the site and the process id of its worker."""
    address = f"127.0.0.1:{ports.first_free(1)}"
    process = await asyncio.create_subprocess_exec(
        *(str(programs / "gunicorn"), "--workers", "1", "--bind", address, "django.core.wsgi:get_wsgi_application()"),
        cwd=folder,
        env=variables,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        url = f"http://{address}"
        await health.http_ok(f"{url}/admin/login/")
        [worker] = psutil.Process(process.pid).children()
        yield url, worker.pid
    finally:
        process.terminate()
        await process.wait()


async def _measure(http: httpx.AsyncClient, worker: int) -> None:
    for name, method in _METHODS.items():
        indices = count()

        async def call(index: int, method: Call = method) -> None:
            (await method(http, index)).raise_for_status()

        await load.run(call, indices, _CALLS // 4, _CONCURRENCY)
        rates: list[float] = []
        times: list[float] = []
        for _ in range(_ROUNDS):
            before, start = cpu_seconds(worker), perf_counter()
            await load.run(call, indices, _CALLS, _CONCURRENCY)
            rates.append(_CALLS / (perf_counter() - start))
            times.append((cpu_seconds(worker) - before) / _CALLS * 1e6)
        rate, cpu = Figure.of(rates), Figure.of(times)
        print(
            f"{name:18} {rate.median:6.0f} per second ({rate.low:.0f}–{rate.high:.0f}),"
            f" {cpu.median:7,.0f} µs of CPU per call ({cpu.low:,.0f}–{cpu.high:,.0f})"
        )


def _prepare(programs: Path, folder: Path, variables: dict[str, str]) -> str:
    """Creates the tables and the tickets. Returns the session key of a member of the staff."""
    command = [str(programs / "python"), "site_prepare.py", str(_TICKETS)]
    done = subprocess.run(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()[-1]


async def _run(folder: Path, programs: Path) -> None:
    async with postgres.running(folder) as server:
        server.create_database(_DATABASE)
        variables = _variables(server)
        token = secrets.token_hex(16)
        cookies = {"sessionid": _prepare(programs, folder, variables), "csrftoken": token}
        async with (
            _serve(programs, folder, variables) as (url, worker),
            httpx.AsyncClient(
                base_url=url, cookies=cookies, headers={"X-CSRFToken": token}, trust_env=False, timeout=60
            ) as http,
        ):
            await _measure(http, worker)


def main() -> None:
    """Runs the benchmark."""
    with tempfile.TemporaryDirectory(prefix="care-peer-") as folder:
        Path(folder).chmod(0o711)  # if this account is root, PostgreSQL runs as another one
        programs = _install(Path(folder))
        asyncio.run(_run(Path(folder), programs))
    print(f"Load generator: httpx on Python, {_CONCURRENCY} calls in flight; one worker on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
