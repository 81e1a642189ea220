"""`care demo` as a program: on its own stack, again on the same data, and on a running stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.program import run_care
from tests.support.private_folder import make_private
from tests.support.system import System, own_ports

TIMEOUT: Final = 100.0
"""The limit for a whole run, including start and end of a stack, in seconds."""


def ticket(output: str) -> int:
    """Returns the number of the ticket that the demo played to CLOSED."""
    [number] = re.findall(r"^Ticket (\d+) is CLOSED", output, re.MULTILINE)
    return int(number)


@pytest.mark.timeout(240)
async def test_the_demo_plays_a_ticket_to_closed_and_again_on_the_same_data(tmp_path: Path) -> None:
    # As in a clone below root's home: PostgreSQL runs under another account, which may not enter the folder.
    private = tmp_path / "private"
    variables = {"PYTHONPATH": str(make_private(private))}
    with own_ports() as first:
        arguments = ("demo", "--home", str(private / "home"), "--first-port", str(first))
        played = [await run_care(*arguments, variables=variables, timeout=TIMEOUT) for _ in range(2)]
    assert [(run.status, run.errors) for run in played] == [(0, "")] * 2
    assert ticket(played[1].output) == ticket(played[0].output) + 1
    for kind in (
        *("FORM_REQUESTED", "FORM_POSTED", "CONTACT_SUBMITTED", "CHAT_UNLOCKED", "CONTACT_VERIFIED"),
        *("MESSAGE_RECEIVED", "MESSAGE_SENT", "DELIVERY_SENT", "CLOSED", "REPLY_RETRACTED"),
    ):
        assert all(f" {kind} " in run.output for run in played), kind


async def test_the_demo_uses_a_running_stack(system: System) -> None:
    first = str(system.stack.ports.grpc)
    played = await run_care("demo", "--home", str(system.stack.home), "--first-port", first, timeout=TIMEOUT)
    assert (played.status, played.errors) == (0, "")
    assert ticket(played.output) > 0
    assert "Using the stack that runs in" in played.output
    assert f"{system.stack.urls.temporal_ui}/namespaces/default/workflows/" in played.output
    assert "PostgreSQL: starting" not in played.output


async def test_the_demo_names_a_mistake_in_a_file_of_reviews(tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.json"
    reviews.write_text('{"reviews": [{"reviewId": "r1"}]}', encoding="utf-8")
    with own_ports() as first:
        run = await run_care(
            "demo", "--home", str(tmp_path / "home"), "--first-port", str(first), "--reviews", str(reviews)
        )
    run.assert_refused("reviews[0]", str(reviews))
