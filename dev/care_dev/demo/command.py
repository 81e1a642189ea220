"""The command `care demo`: finds or starts a stack, runs the walkthrough on it, and prints the result."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from care.v1.activity_pb2 import ActivityType, ActorKind
from care.v1.message_pb2 import MessageKind
from care.v1.recovery_pb2 import RecoveryState
from care.v1.ticket_pb2 import TicketStatus
from care_client.errors import CareError
from care_dev.data.reviews import ReviewsInvalid, load_reviews
from care_dev.demo.walkthrough import Result, run_walkthrough
from care_dev.stack.errors import StackError
from care_dev.stack.ports import Ports
from care_dev.stack.stack import Stack, start


def demo(home: Path, first_port: int | None, reviews: Path | None, console: Console, *, keep: bool) -> None:
    """Runs the demo. With `keep`, a stack that the demo started runs until a signal. Raises StackError on failure."""
    try:
        demo_reviews = load_reviews(reviews)
    except ReviewsInvalid as error:
        raise StackError(f"the file of reviews is not valid: {error}") from error
    with ExitStack() as opened:
        stack = Stack.running(home)
        own = stack is None or stack.ports != Ports.plan(first_port)
        if stack is None or own:
            stack = opened.enter_context(start(home, first_port, console))
        else:
            _line(console, f"Using the stack that runs in {home} (pid {stack.pid})")
        try:
            result = asyncio.run(run_walkthrough(stack, demo_reviews, lambda text: _line(console, f"• {text}")))
        except (CareError, httpx.HTTPError) as error:
            message = getattr(error, "message", "")
            raise StackError(f"a step failed: {error} {message}".rstrip()) from error
        _show(result, console)
        if own and keep:
            _line(console, "The stack keeps running. Press Ctrl-C to stop it.")
            _wait_for_signal()


def _wait_for_signal() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _show(result: Result, console: Console) -> None:
    ticket = result.ticket
    thread = Table("Time (UTC)", "Kind", "Author", "Text", title=f"Thread of {ticket.name}", expand=console.is_terminal)
    for message in result.thread:
        state = RecoveryState.Name(message.recovery_state).removeprefix("RECOVERY_STATE_")
        thread.add_row(
            message.create_time.ToDatetime().isoformat(" ", "seconds"),
            MessageKind.Name(message.kind).removeprefix("MESSAGE_KIND_"),
            message.author_display_name,
            message.text or f"outcome: {state}",
        )
    log = Table("No.", "Time (UTC)", "Type", "Actor", "Changes", title="Activities", expand=console.is_terminal)
    for activity in result.activities:
        changes = ", ".join(
            f"{change.field}: {_value(change.before)} → {_value(change.after)}"
            for change in activity.changes
            if change.field in {"status", "priority", "assignee", "contact_state"}
        )
        kind = ActorKind.Name(activity.actor_kind).removeprefix("ACTOR_KIND_").lower()
        log.add_row(
            activity.name.rpartition("/")[2],
            activity.create_time.ToDatetime().isoformat(" ", "milliseconds"),
            ActivityType.Name(activity.type).removeprefix("ACTIVITY_TYPE_"),
            activity.actor.rpartition("/")[2] or kind,
            changes,
        )
    console.print(thread, markup=False)
    console.print(log, markup=False)
    status = TicketStatus.Name(ticket.status).removeprefix("TICKET_STATUS_")
    _line(console, f"Ticket {ticket.number} is {status}, after {ticket.etag} activities.")
    for label, link in result.links.items():
        _line(console, f"{label}: {link}")


def _value(text: str) -> str:
    """Returns the id at the end of a resource name, other texts unchanged, and a dash for an empty text."""
    return text.rpartition("/")[2] or "–"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
