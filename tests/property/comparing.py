"""Compares what is seen with the model, and with what must hold whatever happened (DESIGN section 3, 1 to 9)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from care.v1 import activity_pb2, message_pb2, recovery_pb2
from care.v1.recovery_pb2 import Recovery as RecoverySeen
from tests.property import model as rules
from tests.property.model import Model, Recovery, Ticket, Unlike
from tests.property.world import Seen, ticket_seen, time


def compare(model: Model, seen: dict[str, Seen]) -> None:
    """Raises Unlike where the tickets are not seen as the model has them. Binds the names that were not known."""
    for ticket in model.tickets:
        if not ticket.name and ticket.follow_up_of is not None:
            # Whoever raised it learned nothing of it: the ticket that it follows tells.
            ticket.name = seen[ticket.follow_up_of.name].ticket.follow_up
    names = [ticket.name for ticket in model.tickets]
    if sorted(names) != sorted(seen):
        raise Unlike(f"there are {sorted(seen)}, not {sorted(names)}")
    for ticket in model.tickets:
        compare_ticket(model, ticket, seen[ticket.name])


def compare_ticket(model: Model, ticket: Ticket, seen: Seen) -> None:
    """Raises Unlike where anything of a ticket is not seen as the model has it."""
    where = f"ticket {model.tickets.index(ticket)}"
    _recoveries(model, ticket, seen, where)
    model.compare(ticket, ticket_seen(seen.ticket), where)
    _log(ticket, seen, where)
    _thread(ticket, seen, where)
    _contacts(ticket, seen, where)
    _whatever_happened(seen, where)


def _same(where: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Unlike(f"{where}: {found}, not {wanted}")


def _moment(recovery: RecoverySeen, name: Literal["post_time", "expire_time", "end_time"]) -> datetime | None:
    return time(getattr(recovery, name)) if recovery.HasField(name) else None


def _recoveries(model: Model, ticket: Ticket, seen: Seen, where: str) -> None:
    listed = seen.recoveries[::-1]
    _same(f"{where}'s number of recoveries", len(listed), len(ticket.recoveries))
    for recovery, found in zip(ticket.recoveries, listed, strict=True):
        _same(f"{where}'s recoveries", found.name, model.bind(recovery, found.name))
        _recovery(recovery, found, f"{where}'s {recovery.state} recovery")


def _recovery(recovery: Recovery, found: RecoverySeen, where: str) -> None:
    _same(
        where,
        {
            "kind": recovery_pb2.RecoveryKind.Name(found.kind).removeprefix("RECOVERY_KIND_"),
            "state": recovery_pb2.RecoveryState.Name(found.state).removeprefix("RECOVERY_STATE_"),
            "contact": (found.contact.email, found.contact.message),
            "claims": sorted((each.email, each.message) for each in found.claims),
            "creator": found.creator.rpartition("/")[2],
            "create_time": time(found.create_time),
            "post_time": _moment(found, "post_time"),
            "expire_time": _moment(found, "expire_time"),
            "end_time": _moment(found, "end_time"),
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


def _log(ticket: Ticket, seen: Seen, where: str) -> None:
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
    wanted = [
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
    _same(f"{where}'s number of activities", len(found), len(wanted))
    for one, other in zip(found, wanted, strict=True):
        _same(f"{where}'s log", one, other)


def _thread(ticket: Ticket, seen: Seen, where: str) -> None:
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
    wanted = [
        (
            entry.kind,
            entry.author,
            entry.text,
            entry.recovery.name if entry.recovery else "",
            entry.recovery.state if entry.recovery and entry.kind == "RECOVERY_FORM" else "UNSPECIFIED",
        )
        for entry in ticket.thread
    ]
    _same(f"{where}'s thread", found, wanted)


def _contacts(ticket: Ticket, seen: Seen, where: str) -> None:
    # Those of one instant are in no order that a caller could know.
    found = sorted((each.email, each.message, each.recovery, each.id) for each in seen.contacts)
    wanted = sorted(((each.email, each.message, each.recovery.name), each.id) for each in ticket.contacts)
    _same(f"{where}'s contacts", [each[:3] for each in found], [each for each, _ in wanted])
    ids = {each[3] for each in found}
    unbound = sorted(ids - {each.id for each in ticket.contacts})
    for contact in ticket.contacts:
        same = [each for each in found if each[:3] == (contact.email, contact.message, contact.recovery.name)]
        if contact.id:
            _same(f"{where}'s contacts", contact.id in {each[3] for each in same}, True)
        else:
            contact.id = next(each[3] for each in same if each[3] in unbound)
            unbound.remove(contact.id)
    times = [time(each.create_time) for each in seen.contacts]
    _same(f"{where}'s contacts are listed by time", times, sorted(times))


def _whatever_happened(seen: Seen, where: str) -> None:
    """What holds in every state, without the model's help."""
    live = [each for each in seen.recoveries if not each.HasField("end_time")]
    _same(f"{where} has at most one live recovery", len(live) <= 1, True)
    closed = ticket_seen(seen.ticket).status == "CLOSED"
    _same(f"{where} is CLOSED and has a live recovery", closed and bool(live), False)
    _same(f"{where}'s version is its last activity", seen.ticket.etag, str(len(seen.log)))
    used = [each.contact.id for each in seen.recoveries if each.HasField("contact")]
    _same(f"{where}: a contact is used by two recoveries", len(used), len(set(used)))
    # The log alone tells what the ticket is: each change begins with what the one before ended with.
    values: dict[str, str] = {}
    for entry in seen.log[::-1]:
        for change in entry.changes:
            if change.field == "recovery.state":
                continue
            if change.field in {"subject", "description"}:
                # A text: the log says only that it changed.
                _same(f"{where}: {entry.name} holds text", (change.before, change.after), ("", ""))
                continue
            _same(f"{where}: {entry.name} changes {change.field} from", change.before, values.get(change.field, ""))
            values[change.field] = change.after
    shown = ticket_seen(seen.ticket)
    for field, value in (
        ("status", shown.status),
        ("contact_state", shown.contact_state),
        ("assignee", seen.ticket.assignee),
        ("recovery", shown.recovery),
        ("close_reason", shown.close_reason.replace("UNSPECIFIED", "")),
    ):
        _same(f"{where}: the log ends with another {field}", values.get(field, ""), value)


def compare_wakes(model: Model, rows: dict[str, int]) -> None:
    """Raises Unlike where a commit that changed a recovery's state left no row that wakes its workflow."""
    for ticket in model.tickets:
        for recovery in ticket.recoveries:
            waiting = rows.get(recovery.name.rpartition("/")[2], 0)
            if waiting < recovery.moves:
                raise Unlike(f"a {recovery.state} recovery moved {recovery.moves} times, but is woken {waiting} times")


def compare_actions(model: Model, ticket: Ticket, caller: str, found: dict[str, str]) -> None:
    """Raises Unlike where the ticket's own list of what `caller` could do is not what the rules give."""
    number = model.tickets.index(ticket)
    for command, reason in found.items():
        if command in {"WithdrawRecoveryForm", "RejectContact"}:
            # They are about the live recovery; without one, the last one has ended and takes neither.
            place = ticket.recoveries.index(ticket.live) if ticket.live else len(ticket.recoveries) - 1
            if place < 0:
                continue
            action = rules.Action(command, caller, number, place)
        else:
            # AssignTicket is open as long as somebody could be assigned.
            somebody = next(agent for agent in rules.AGENTS if agent not in model.barred)
            action = rules.Action(command, caller, number, text=somebody)
        _same(f"ticket {number}'s actions for {caller}: {command}", reason, model.refusal(action))
