"""The mailbox as a process keeps its emails when it is killed, stops on request, and says why it cannot start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from care_dev.listening import CannotStart
from care_dev.mailbox.main import run
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.integration.mailbox.messages import message

PROGRAM = """
import logging, sys
from pathlib import Path
from care_dev.mailbox.main import run
logging.basicConfig(level=logging.INFO, format="%(message)s")
run("127.0.0.1:0", "127.0.0.1:0", Path(sys.argv[1]))
print("returned", flush=True)
"""


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], SmtpEmail, str]]:
    """Runs the mailbox as a process on free ports. Yields the process, an adapter, and the URL of the page."""
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        try:
            said = next(
                found
                for line in process.stderr
                if (found := re.search(r"on 127\.0\.0\.1:(\d+) and shows them on (http://\S+)/", line))
            )
            server = SmtpServer("127.0.0.1", int(said[1]), "care@example.com", security="none")
            yield process, SmtpEmail(server), said[2]
        finally:
            process.kill()


def emails(url: str) -> list[str]:
    answer = httpx.get(f"{url}/v1/emails", trust_env=False).json()
    return [email["messageId"] for email in answer["emails"]]


async def test_a_killed_mailbox_has_everything_after_its_restart(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mailbox"
    with running(folder) as (process, adapter, url):
        await adapter.send(message(key="k1"))
        process.kill()
        process.wait()
    with running(folder) as (process, adapter, url):
        assert emails(url) == ["<k1@example.com>"]
        await adapter.send(message(key="k2"))
        assert emails(url) == ["<k2@example.com>", "<k1@example.com>"]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_mailbox_stops_on_request(tmp_path: Path, asked: signal.Signals) -> None:
    with running(tmp_path / "mailbox") as (process, _, url):
        assert emails(url) == []
        process.send_signal(asked)
        output, errors = process.communicate()
        assert (process.returncode, output) == (0, "returned\n")
        assert "Traceback" not in errors


async def test_nothing_of_an_email_is_logged(tmp_path: Path) -> None:
    with running(tmp_path / "mailbox") as (process, adapter, url):
        await adapter.send(message("a private text"))
        assert len(emails(url)) == 1
        process.terminate()
        _, errors = process.communicate()
    assert "kim@example.org" not in errors
    assert "private" not in errors


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for addresses in ((address, "127.0.0.1:0"), ("127.0.0.1:0", address)):
            with pytest.raises(CannotStart, match=f"Cannot listen on {address}: .*Choose another"):
                run(*addresses, tmp_path / "mailbox")


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CannotStart, match=r"Cannot store emails in .*file/mailbox: .*Choose another folder"):
        run("127.0.0.1:0", "127.0.0.1:0", tmp_path / "file" / "mailbox")
