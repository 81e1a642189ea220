"""The command `care demo`: finds or starts a stack, plays the story on it, and prints what came of it."""

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
from care_dev.demo.story import Outcome, play
from care_dev.stack.errors import StackError
from care_dev.stack.ports import Ports
from care_dev.stack.stack import Stack, start


def demo(home: Path, first_port: int | None, reviews: Path | None, console: Console, *, keep: bool) -> None:
    """Plays the demo; raises StackError where it can't go on."""
    try:
        given = load_reviews(reviews)
    except ReviewsInvalid as error:
        raise StackError(f"the reviews can't be used: {error}") from error
    with ExitStack() as opened:
        stack = Stack.running(home)
        own = stack is None or stack.ports != Ports.plan(first_port)
        if stack is None or own:
            stack = opened.enter_context(start(home, first_port, console))
        else:
            _line(console, f"Using the stack that runs in {home} (pid {stack.pid})")
        try:
            outcome = asyncio.run(play(stack, given, lambda words: _line(console, f"• {words}")))
        except (CareError, httpx.HTTPError) as error:
            message = getattr(error, "message", "")
            raise StackError(f"a step was refused: {error} {message}".rstrip()) from error
        _show(outcome, console)
        if own and keep:
            _line(console, "The stack keeps running; Ctrl-C stops it.")
            _wait_for_signal()


def _wait_for_signal() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _show(outcome: Outcome, console: Console) -> None:
    ticket = outcome.ticket
    thread = Table("Time (UTC)", "Kind", "Author", "Text", title=f"Thread of {ticket.name}", expand=console.is_terminal)
    for message in outcome.thread:
        state = RecoveryState.Name(message.recovery_state).removeprefix("RECOVERY_STATE_")
        thread.add_row(
            message.create_time.ToDatetime().isoformat(" ", "seconds"),
            MessageKind.Name(message.kind).removeprefix("MESSAGE_KIND_"),
            message.author_display_name,
            message.text or f"outcome: {state}",
        )
    log = Table("No.", "Time (UTC)", "What", "Who", "Changes", title="Activities", expand=console.is_terminal)
    for activity in outcome.activities:
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
    for words, link in outcome.links.items():
        _line(console, f"{words}: {link}")


def _value(text: str) -> str:
    """A name is cut to its id."""
    return text.rpartition("/")[2] or "–"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
