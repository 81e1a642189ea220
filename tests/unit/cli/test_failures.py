"""A known failure of a program at its start is explained in one line, mostly with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from care_dev.stack import failures
from care_dev.stack.errors import StackError, convert_os_errors

DATA = Path("/home/me/.care/temporal/temporal.db")


@pytest.mark.parametrize(
    ("written", "what", "remedy"),
    [
        (
            '2026-11-30 09:46:24.144 UTC [93] FATAL:  could not extend file "base/1/2653": No space left on device',
            "the disk is full",
            "free some space",
        ),
        (
            (
                '2026-11-30 09:46:24 UTC [93] FATAL:  could not extend file "base/1/2": wrote only 4096 of 8192 bytes\n'
                "2026-11-30 09:46:24.144 UTC [93] HINT:  Check free disk space."
            ),
            "the disk is full",
            "free some space",
        ),
        (
            "Error: failed starting server: SaveClusterMetadata operation failed. Error: database or disk is full (13)",
            "the disk is full",
            "free some space",
        ),
        (
            "Error: can't set frontend port 7233: listen tcp 127.0.0.1:7233: bind: address already in use",
            "another program listens on 127.0.0.1:7233",
            "--first-port",
        ),
        (
            "care serve: CARE_GRPC_ADDRESS: can't listen on 127.0.0.1:50051 (Address already in use); if another …",
            "another program listens on 127.0.0.1:50051",
            "--first-port",
        ),
        (
            "Error: failed starting server: unable to create SQLite admin DB: file is not a database (26)",
            f"{DATA} is damaged",
            "delete it",
        ),
        (
            "Error: failed starting server: unable to create SQLite admin DB: unable to open database file (14)",
            f"this account cannot write {DATA}",
            "use the account that made it",
        ),
        (
            "Error: SaveClusterMetadata operation failed. Error: attempt to write a readonly database (8)",
            f"this account cannot write {DATA}",
            "use the account that made it",
        ),
        (
            "Traceback (most recent call last):\nModuleNotFoundError: No module named 'asyncpg'",
            "the package asyncpg is missing",
            "pip install",
        ),
        (
            (
                '2026-11-30 09:48:54 UTC [4] FATAL:  data directory "/data" has invalid permissions\n'
                "2026-11-30 09:48:54 UTC [4] DETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750)."
            ),
            'data directory "/data" has invalid permissions',
            "Permissions should be u=rwx (0700) or u=rwx,g=rx (0750)",
        ),
        (
            (
                'initdb: error: directory "/data" exists but is not empty\n'
                "initdb: hint: If you want to create a new database system, either remove or empty the directory."
            ),
            'directory "/data" exists but is not empty',
            "either remove or empty the directory",
        ),
        (
            "Error: failed starting server: SaveClusterMetadata operation failed. Error: interrupted (9)",
            "interrupted (9)",
            "",
        ),
        (
            "care: Cannot keep emails in /data: Not a directory. Choose another folder.",
            "Cannot keep emails in /data: Not a directory",
            "Choose another folder",
        ),
    ],
)
def test_a_known_failure_is_explained_in_one_line(written: str, what: str, remedy: str) -> None:
    said = failures.explain(["starting", *written.splitlines(), "stopped"], DATA)
    assert said
    assert what in said
    assert remedy in said
    assert "\n" not in said
    assert not said.endswith(".")


def test_an_unknown_failure_is_left_to_the_log() -> None:
    assert failures.explain(["starting", "no license: ask for one"], DATA) is None
    assert failures.explain([], DATA) is None


def test_a_program_that_could_not_write_its_log_is_explained_as_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failures.explain_silence(tmp_path) is None
    monkeypatch.setattr(failures, "_FULL", 2**80)
    said = failures.explain_silence(tmp_path)
    assert said
    assert "the disk is full" in said


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "use the account that made it"),
        (errno.ENOTDIR, "choose another folder with --home"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason_and_what_to_do(number: int, remedy: str) -> None:
    with pytest.raises(StackError) as failed, convert_os_errors(DATA):
        raise OSError(number, os.strerror(number))
    said = str(failed.value)
    assert said.startswith(f"{DATA} cannot be used ({os.strerror(number)}): ")
    assert remedy in said
    assert "\n" not in said
