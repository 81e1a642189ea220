"""Compares the tickets of the service with the model, and checks invariants that hold in every state."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Literal

from care.v1 import activity_pb2, message_pb2, recovery_pb2
from care.v1.recovery_pb2 import Recovery as RecoverySeen
from tests.property.model.actions import AGENTS, Action, Mismatch
from tests.property.model.refusals import refusal
from tests.property.model.state import Model
from tests.property.model.tickets import Recovery, Ticket
from tests.property.world import ObservedTicket, shown_ticket, time


def check_tickets(model: Model, seen: dict[str, ObservedTicket]) -> None:
    """Raises Mismatch if the tickets differ from the model. Gives the model the names that it does not know yet."""
    for ticket in model.tickets:
        if not ticket.name and ticket.follow_up_of is not None:
            # The customer's response does not contain the name of a follow-up. The ticket that it follows does.
            ticket.name = seen[ticket.follow_up_of.name].ticket.follow_up
    names = [ticket.name for ticket in model.tickets]
    if sorted(names) != sorted(seen):
        raise Mismatch(f"there are {sorted(seen)}, not {sorted(names)}")
    for ticket in model.tickets:
        check_ticket(model, ticket, seen[ticket.name])


def check_ticket(model: Model, ticket: Ticket, seen: ObservedTicket) -> None:
    """Raises Mismatch if anything about a ticket differs from the model."""
    where = f"ticket {model.tickets.index(ticket)}"
    _recoveries(model, ticket, seen, where)
    model.check_ticket(ticket, shown_ticket(seen.ticket), where)
    _log(ticket, seen, where)
    _thread(ticket, seen, where)
    _contacts(ticket, seen, where)
    _check_invariants(seen, where)


def _check_equal(where: str, found: object, expected: object) -> None:
    if found != expected:
        raise Mismatch(f"{where}: {found}, not {expected}")


def _time_or_none(recovery: RecoverySeen, name: Literal["post_time", "expire_time", "end_time"]) -> datetime | None:
    return time(getattr(recovery, name)) if recovery.HasField(name) else None


def _recoveries(model: Model, ticket: Ticket, seen: ObservedTicket, where: str) -> None:
    listed = seen.recoveries[::-1]
    _check_equal(f"{where}'s number of recoveries", len(listed), len(ticket.recoveries))
    for recovery, found in zip(ticket.recoveries, listed, strict=True):
        _check_equal(f"{where}'s recoveries", found.name, model.bind(recovery, found.name))
        _recovery(recovery, found, f"{where}'s {recovery.state} recovery")


def _recovery(recovery: Recovery, found: RecoverySeen, where: str) -> None:
    _check_equal(
        where,
        {
            "kind": recovery_pb2.RecoveryKind.Name(found.kind).removeprefix("RECOVERY_KIND_"),
            "state": recovery_pb2.RecoveryState.Name(found.state).removeprefix("RECOVERY_STATE_"),
            "contact": (found.contact.email, found.contact.message),
            "claims": sorted((each.email, each.message) for each in found.claims),
            "creator": found.creator.rpartition("/")[2],
            "create_time": time(found.create_time),
            "post_time": _time_or_none(found, "post_time"),
            "expire_time": _time_or_none(found, "expire_time"),
            "end_time": _time_or_none(found, "end_time"),
        },
        {
            "kind": recovery.kind,
            "state": recovery.state,
            "contact": (recovery.contact.email, recovery.contact.message) if recovery.contact else ("", ""),
            "claims": sorted(
                (each.email, each.message)
                for each in recovery.ticket.contacts
                if each.recovery is recovery and each is not recovery.contact
            ),
            "creator": recovery.creator,
            "create_time": recovery.create_time,
            "post_time": recovery.post_time,
            "expire_time": recovery.expire_time,
            "end_time": recovery.end_time,
        },
    )


def _log(ticket: Ticket, seen: ObservedTicket, where: str) -> None:
    found = [
        (
            entry.name,
            activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_"),
            activity_pb2.ActorKind.Name(entry.actor_kind).removeprefix("ACTOR_KIND_"),
            entry.actor.rpartition("/")[2],
            entry.request_id,
            entry.recovery,
            time(entry.create_time),
        )
        for entry in seen.log[::-1]
    ]
    expected = [
        (
            f"{ticket.name}/activities/{number}",
            entry.type,
            entry.actor_kind,
            entry.actor,
            entry.request_id,
            entry.recovery.name if entry.recovery else "",
            entry.time,
        )
        for number, entry in enumerate(ticket.log, 1)
    ]
    _check_equal(f"{where}'s number of activities", len(found), len(expected))
    for one, other in zip(found, expected, strict=True):
        _check_equal(f"{where}'s log", one, other)


def _thread(ticket: Ticket, seen: ObservedTicket, where: str) -> None:
    found = [
        (
            message_pb2.MessageKind.Name(entry.kind).removeprefix("MESSAGE_KIND_"),
            entry.author.rpartition("/")[2],
            entry.text,
            entry.recovery,
            recovery_pb2.RecoveryState.Name(entry.recovery_state).removeprefix("RECOVERY_STATE_"),
        )
        for entry in seen.thread
    ]
    expected = [
        (
            entry.kind,
            entry.author,
            entry.text,
            entry.recovery.name if entry.recovery else "",
            entry.recovery.state if entry.recovery and entry.kind == "RECOVERY_FORM" else "UNSPECIFIED",
        )
        for entry in ticket.thread
    ]
    _check_equal(f"{where}'s thread", found, expected)


def _contacts(ticket: Ticket, seen: ObservedTicket, where: str) -> None:
    # Contacts with the same time are in no defined order.
    found = sorted((each.email, each.message, each.recovery, each.id) for each in seen.contacts)
    expected = sorted(((each.email, each.message, each.recovery.name), each.id) for each in ticket.contacts)
    _check_equal(f"{where}'s contacts", [each[:3] for each in found], [each for each, _ in expected])
    ids = {each[3] for each in found}
    unbound = sorted(ids - {each.id for each in ticket.contacts})
    for contact in ticket.contacts:
        same = [each for each in found if each[:3] == (contact.email, contact.message, contact.recovery.name)]
        if contact.id:
            _check_equal(f"{where}'s contacts", contact.id in {each[3] for each in same}, True)
        else:
            contact.id = next(each[3] for each in same if each[3] in unbound)
            unbound.remove(contact.id)
    times = [time(each.create_time) for each in seen.contacts]
    _check_equal(f"{where}'s contacts are listed by time", times, sorted(times))


def _check_invariants(seen: ObservedTicket, where: str) -> None:
    """Checks what holds in every state, without the model."""
    live = [each for each in seen.recoveries if not each.HasField("end_time")]
    _check_equal(f"{where} has at most one live recovery", len(live) <= 1, True)
    closed = shown_ticket(seen.ticket).status == "CLOSED"
    _check_equal(f"{where} is CLOSED and has a live recovery", closed and bool(live), False)
    _check_equal(f"{where}'s version is its last activity", seen.ticket.etag, str(len(seen.log)))
    used = [each.contact.id for each in seen.recoveries if each.HasField("contact")]
    _check_equal(f"{where}: a contact is used by two recoveries", len(used), len(set(used)))
    # The log alone determines the ticket: the value before each change is the value after the previous change.
    values: dict[str, str] = {}
    for entry in seen.log[::-1]:
        for change in entry.changes:
            if change.field == "recovery.state":
                continue
            if change.field in {"subject", "description"}:
                # A text: the log says only that it changed.
                _check_equal(f"{where}: {entry.name} holds text", (change.before, change.after), ("", ""))
                continue
            _check_equal(
                f"{where}: {entry.name} changes {change.field} from", change.before, values.get(change.field, "")
            )
            values[change.field] = change.after
    shown = shown_ticket(seen.ticket)
    for field, value in (
        ("status", shown.status),
        ("contact_state", shown.contact_state),
        ("assignee", seen.ticket.assignee),
        ("recovery", shown.recovery),
        ("close_reason", shown.close_reason.replace("UNSPECIFIED", "")),
    ):
        _check_equal(f"{where}: the log ends with another {field}", values.get(field, ""), value)


def check_wakes(model: Model, rows: dict[str, int]) -> None:
    """Raises Mismatch if a commit changed a recovery's state without writing an outbox row for its workflow."""
    for ticket in model.tickets:
        for recovery in ticket.recoveries:
            waiting = rows.get(recovery.name.rpartition("/")[2], 0)
            if waiting < recovery.wakes:
                raise Mismatch(
                    f"a {recovery.state} recovery needs {recovery.wakes} wakes, but has {waiting} outbox rows"
                )


def check_counts(model: Model, counts: dict[str, int]) -> None:
    """Raises Mismatch if the counts of tickets differ from the tickets. No ticket of the model closes automatically."""
    _check_equal("the counts of tickets", counts, dict(Counter(ticket.status.lower() for ticket in model.tickets)))


def check_actions(model: Model, ticket: Ticket, caller: str, found: dict[str, str]) -> None:
    """Raises Mismatch if the ticket's `actions` for `caller` differ from the rules."""
    number = model.tickets.index(ticket)
    for command, reason in found.items():
        if command in {"WithdrawRecoveryForm", "RejectContact"}:
            # These commands refer to the live recovery. Without one, the last recovery has ended and accepts neither.
            index = ticket.recoveries.index(ticket.live) if ticket.live else len(ticket.recoveries) - 1
            if index < 0:
                continue
            action = Action(command, caller, number, index)
        else:
            # AssignTicket is allowed if at least one agent can be an assignee.
            assignee = next(agent for agent in AGENTS if agent not in model.barred)
            action = Action(command, caller, number, text=assignee)
        _check_equal(f"ticket {number}'s actions for {caller}: {command}", reason, refusal(model, action))
