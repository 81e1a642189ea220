"""The embedded PostgreSQL: data survives kill -9 of the server and of its owner, in any home."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import asyncpg
import pytest

from care_dev.stack import launch, postgres
from care_dev.stack.errors import StackError
from care_dev.stack.processes import Supervisor
from tests.integration.stack.conditions import Recorder, is_alive, program, until

OWNS_A_SERVER = """
import sys
from pathlib import Path
from care_dev.stack.postgres import postgres
with postgres(Path(sys.argv[1])) as server:
    print("healthy", flush=True)
    sys.stdin.read()
"""


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def server_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


async def test_a_row_survives_kill_9_of_the_server_again_and_again(tmp_path: Path) -> None:
    recorder = Recorder()
    async with postgres.running(tmp_path, recorder) as server:
        await execute(server.url, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)")
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        await recorder.healthy_again("postgres")
        assert await fetch(server.url, "SELECT count(*) FROM kept") == 1
        await execute(server.url, "INSERT INTO kept VALUES (2)")
    async with postgres.running(tmp_path) as server:
        assert await fetch(server.url, "SELECT count(*) FROM kept") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_a_row_survives_kill_9_of_the_owner_and_the_server_goes_with_it(tmp_path: Path) -> None:
    async with program(sys.executable, "-c", OWNS_A_SERVER, str(tmp_path)) as owner:
        await execute(postgres.server(tmp_path).url, "CREATE TABLE kept AS SELECT 1 AS id")
        pid = server_pid(tmp_path)
        owner.kill()
        # The test does not wait for the server's end: the next start must do that.
    async with postgres.running(tmp_path) as server:
        assert not is_alive(pid)
        assert await fetch(server.url, "SELECT id FROM kept") == 1


async def test_a_lock_file_with_the_id_of_an_unrelated_process_is_stale(tmp_path: Path) -> None:
    async with postgres.running(tmp_path):
        pass
    # The bystander runs as the server's account, because PostgreSQL ignores processes of other accounts.
    waits = [sys.executable, "-c", "import sys; print('there', flush=True); sys.stdin.read()"]
    async with program(*launch.command(waits, account=postgres.part(tmp_path).account)) as bystander:
        (tmp_path / "postgres" / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n")
        async with postgres.running(tmp_path) as server:
            assert await fetch(server.url, "SELECT 1") == 1
        assert is_alive(bystander.pid)


async def test_an_interrupted_initdb_is_started_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    async with postgres.running(tmp_path) as server:
        assert await fetch(server.url, "SELECT 1") == 1
    assert not unfinished.exists()


async def test_a_home_too_deep_for_a_socket_gets_a_private_folder_elsewhere_and_keeps_it(tmp_path: Path) -> None:
    home = tmp_path.joinpath(*["deep"] * 25)
    async with postgres.running(home) as server:
        directory = server.socket_directory
        assert await fetch(server.url, "SELECT 1") == 1
        assert not directory.is_relative_to(home)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    try:
        assert postgres.server(home).socket_directory == directory
        directory.chmod(0o755)
        replacement = postgres.server(home).socket_directory
        assert replacement != directory, "a folder that others may enter is not to be trusted"
        replacement.rmdir()
    finally:
        directory.rmdir()


async def test_databases_have_any_name_and_are_made_once(tmp_path: Path) -> None:
    name = """o'brien "x" {1}"""
    with postgres.postgres(tmp_path / "a home") as server:
        first = server.create_database(name)
        assert server.create_database(name) == first
        assert await fetch(first, "SELECT current_database()") == name
        assert first != server.url


async def test_the_server_is_durable_and_has_no_tcp_port(tmp_path: Path) -> None:
    async with postgres.running(tmp_path) as server:
        assert await fetch(server.url, "SHOW fsync") == "on"
        assert await fetch(server.url, "SHOW listen_addresses") == ""
        assert await fetch(server.url, "SELECT current_setting('server_version_num')::int / 10000") == 18
        assert await fetch(server.url, "SHOW server_encoding") == "UTF8"


async def test_another_server_on_the_same_data_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_PREVIOUS_SERVER_DEADLINE", 0.0)
    async with postgres.running(tmp_path):
        pid = server_pid(tmp_path)
        async with Supervisor(tmp_path / "other logs") as supervisor:
            with pytest.raises(StackError, match=rf"kill -INT {pid}"):
                await supervisor.start(postgres.part(tmp_path))
        assert is_alive(pid)
    await until(lambda: not is_alive(pid))
