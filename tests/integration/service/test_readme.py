"""The examples of the README and of docs/ work unchanged."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from care.v1.message_pb2 import Message
from care.v1.review_pb2 import Review
from care.v1.review_service_pb2 import IngestReviewRequest
from care.v1.ticket_service_pb2 import WatchTicketsRequest
from tests.support.tenant import Tenant, timestamp

_ROOT = Path(__file__).parents[3]


def example(mark: str, tenant: Tenant, folder: Path, document: str = "README.md") -> Path:
    """Writes the example after a mark as a script, with the address and organization of the test. Returns its path."""
    found = re.search(
        rf"<!-- {mark} -->\n```python\n(.*?)```", (_ROOT / document).read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    source = found[1].replace("127.0.0.1:50051", tenant.care.address).replace("organizations/acme", tenant.name)
    script = folder / "example.py"
    script.write_text(source, encoding="utf-8")
    return script


def environment(tenant: Tenant, **more: str) -> dict[str, str]:
    token = tenant.care.token(sub="alice", org=tenant.id, roles=["agent"], name="Alice")
    return {**os.environ, "CARE_TOKEN": token, **more}


async def test_an_example_runs_unchanged(tenant: Tenant, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        example("example", tenant, tmp_path),
        env=environment(tenant),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    refused, started, listed = output.decode().splitlines()
    assert process.returncode == 0
    assert refused == "UNASSIGNED"
    assert started.startswith(f"{tenant.name}/tickets/1 ")
    assert "'ResolveTicket'" in started
    assert "'StartTicket'" not in started
    assert listed == f"{tenant.name}/tickets/1 Cold soup"


async def test_the_example_of_settings_shows_effective_values_and_their_sources(tenant: Tenant, tmp_path: Path) -> None:
    await tenant.service.reviews.IngestReview(IngestReviewRequest(parent=tenant.name, review=at(tenant, "harbor")))
    token = tenant.care.token(sub="sue", org=tenant.id, roles=["agent", "supervisor"])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        example("settings example", tenant, tmp_path, "docs/settings.md"),
        env={**os.environ, "CARE_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    place = f"{tenant.name}/locations/harbor/settings"
    fields = ("auto_assign", "inactivity_days", "ticket_creation")
    assert output.decode().splitlines() == ["14 7", str([f"{field}: {place}" for field in fields])]


def at(tenant: Tenant, location: str) -> Review:
    """Returns a review of a location. Its ingestion creates the location."""
    review = Review(site="local", external_id="r-1", location=f"{tenant.name}/locations/{location}", stars=3)
    review.create_time.CopyFrom(timestamp(datetime(2026, 3, 1, tzinfo=UTC)))
    return review


async def test_the_example_of_a_live_stream_shows_each_change_and_resumes_after_a_restart(
    tenant: Tenant, tmp_path: Path
) -> None:
    await tenant.meet("alice")
    watching = tenant.agent("alice").tickets.WatchTickets(WatchTicketsRequest(parent=tenant.name))
    token = (await anext(aiter(watching))).resume_token
    watching.cancel()
    ticket = await tenant.ticket()
    script = example("watching example", tenant, tmp_path)
    for expected in ("CREATED", "TAKEN"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, env=environment(tenant, RESUME_TOKEN=token), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            name, what, token = (await process.stdout.readline()).decode().split()
        finally:
            process.kill()
            await process.communicate()
        assert (name, what) == (ticket.name, f"ACTIVITY_TYPE_{expected}")


def answering(greeting: Message, text: str, *headers: str) -> bytes:
    """Returns an email that answers a greeting, as the bytes that a mail server passes on."""
    lines = [
        "Message-ID: <1@mail.example.com>",
        "From: Robin P. <robin@example.com>",
        "Subject: Re: Your message",
        f"References: <chat-{greeting.contact}@care.example.com>",
        f"In-Reply-To: <{greeting.name.rpartition('/')[2]}@care.example.com>",
        *headers,
        "",
        text,
    ]
    return "\r\n".join(lines).encode()


async def test_the_example_of_an_intake_ingests_an_email_once(tenant: Tenant, tmp_path: Path) -> None:
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
    token = tenant.care.token(sub="intake", org=tenant.id, roles=["service"])
    script = example("intake example", tenant, tmp_path, "docs/intake.md")
    away = answering(greeting, "I am away", "Auto-Submitted: auto-replied").replace(b"<1@", b"<2@")
    for email, outcome in ((answering(greeting, "Thank you"), "ACCEPTED"), (away, "RECORDED")):
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                script,
                env={**os.environ, "CARE_TOKEN": token},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate(email)
            assert output.decode().split() == [f"INGEST_OUTCOME_{outcome}", ticket.name]
    said = [entry.text.strip() for entry in await tenant.thread(ticket, "CUSTOMER_MESSAGE")]
    assert said == ["Thank you", "I am away"]
