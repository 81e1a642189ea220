"""The port plan, and the error for a port that another program uses."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_dev.stack.errors import StackError
from care_dev.stack.ports import Ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that is in use and low enough to be the first of a plan."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        assert port <= 65525, "the system hands out ports that no plan can begin with; run the test again"
        yield port


def test_without_a_first_port_each_part_has_its_default() -> None:
    ports = Ports.plan(None)
    assert (ports.grpc, ports.web, ports.temporal) == (50051, 8080, 7233)
    assert (ports.temporal_ui, ports.review_site, ports.metrics) == (8233, 8090, 9464)
    assert (ports.worker_metrics, ports.mailbox_smtp, ports.mailbox) == (9465, 1025, 8025)


def test_a_first_port_gives_consecutive_ones_in_the_documented_order() -> None:
    ports = Ports.plan(20000)
    assert (ports.grpc, ports.web, ports.temporal) == (20000, 20001, 20002)
    assert (ports.temporal_ui, ports.review_site, ports.metrics) == (20003, 20004, 20005)
    assert {ports.temporal_http, ports.temporal_metrics, ports.worker_metrics} == {20006, 20007, 20008}
    assert (ports.mailbox_smtp, ports.mailbox) == (20009, 20010)


@pytest.mark.parametrize("first_port", [-1, 0, 65526, 70000])
def test_a_first_port_that_is_too_high_is_refused(first_port: int) -> None:
    with pytest.raises(StackError, match=rf"--first-port {first_port} is out of range: give a number from 1 to 65525"):
        Ports.plan(first_port)


def test_the_highest_first_port_uses_the_highest_port() -> None:
    assert max(Ports.plan(65525).as_dict().values()) == 65535


def only(**wanted: int) -> Ports:
    """Returns a plan in which the other parts choose their ports."""
    return Ports(**(dict.fromkeys(Ports.plan(None).as_dict(), 0) | wanted))


def test_a_port_in_use_is_named_with_the_part_and_what_to_do(taken_port: int) -> None:
    with pytest.raises(StackError) as refused:
        only(web=taken_port).require_free()
    text = str(refused.value)
    assert f"port {taken_port} for the customer's pages is in use already" in text
    assert "--first-port" in text
    assert "\n" not in text


def test_care_up_reports_a_port_in_use_in_one_line_and_fails(taken_port: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "care_cli", "up", "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [*command, "--first-port", str(taken_port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"port {taken_port} for the gRPC service is in use already" in line
