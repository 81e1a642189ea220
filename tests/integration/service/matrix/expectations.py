"""The expected outcome of every cell of the matrix.

A cell is a command, sent by a caller, to a ticket in a status and with a recovery in a situation. `expect` applies the
order of refusals, then the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.service.matrix.axes import ANYBODY, ROLES, WORKER, Caller, method, recovery_state
from tests.integration.service.matrix.tables import (
    ACTIVITIES,
    DELIVERY,
    OWNERSHIP,
    RECOVERY,
    RECOVERY_TRIGGERS,
    STATUS,
    STATUS_TRIGGERS,
    SUBMIT_AFTER_CLOSE,
    WITH_CHAT,
    WORKER_COLUMNS,
    WORKER_TABLE,
)
from tests.support.design_tables import LIVE_STATES, machine_keys


@dataclass(frozen=True)
class Refused:
    """A refusal, which changes nothing. `keys` has the metadata with fixed values."""

    reason: str
    keys: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """Metadata keys whose values depend on the ticket and the request, for example the name of the ticket."""


@dataclass(frozen=True)
class Done:
    """A success with one activity and these values afterwards. None: the value does not change."""

    activity: str
    status: str | None = None
    contact_state: str | None = None
    named: str | None = None
    """The state of the recovery that the situation describes."""
    assignee: str | None = None
    """The id of an agent, empty for an unassigned ticket."""


@dataclass(frozen=True)
class Nothing:
    """A success that changes nothing."""


@dataclass(frozen=True)
class Hidden:
    """A success that no method shows: the granted step or the time of the read is stored."""


@dataclass(frozen=True)
class Created:
    """A success that creates another ticket, if `followed` a follow-up. The old ticket changes only in `follow_up`."""

    followed: bool


@dataclass(frozen=True)
class Unmatched:
    """A success that does not change the ticket, because no open chat receives the message."""


@dataclass(frozen=True)
class Remembered:
    """A success that no method shows: the time until which the workflow of the ticket sleeps is stored."""


Expected = Refused | Done | Nothing | Hidden | Created | Unmatched | Remembered


def expect(status: str, situation: str, command: str, caller: Caller) -> Expected:
    """Returns the expected outcome of a cell."""
    name = method(command)
    roles = ROLES[name]
    if roles != ANYBODY:
        if not caller.roles:
            return Refused("TOKEN_MISSING")
        if not roles & set(caller.roles):
            lists = (("roles", ",".join(caller.roles)), ("allowed", ",".join(sorted(roles))))
            return Refused("ROLE_NOT_ALLOWED", lists, ("method",))
        if caller.stranger:
            return Refused("RESOURCE_NOT_FOUND", names=("resource",))
    if missing(situation, command):
        return Refused("RESOURCE_NOT_FOUND", names=("resource",))
    if command in DELIVERY or name in DELIVERY:
        return _delivery(situation, command)
    if roles == WORKER:
        return _report(situation, command)
    if name == "SubmitContact":
        return _submit(status, situation)
    if name == "PostMessage":
        return _write(status, situation, automatic=False) or Refused("LINK_UNKNOWN")
    if name == "IngestMessage":
        return _write(status, situation, automatic=command.endswith("machine")) or Unmatched()
    if name == "CreateTicket":
        return Created(followed=False) if status == "CLOSED" else Refused("TICKET_EXISTS", names=("ticket", "review"))
    if status == "CLOSED":
        return _refused("TICKET_CLOSED", "status", status)
    single = name.removeprefix("Batch").removesuffix("s") if name.startswith("Batch") else name
    return _owned(single, command, caller) or _moved(status, situation, single, command, caller)


def action(status: str, situation: str, command: str, caller: Caller) -> str:
    """Returns the reason that `Ticket.actions` must give for a command, UNSPECIFIED if the caller may send it.

    Actions are about the live recovery: a ticket whose recovery has ended is like one that never had one. AssignTicket
    is allowed as long as there is an agent to assign.
    """
    if not ROLES[command] & set(caller.roles):
        return "ROLE_NOT_ALLOWED"
    if status == "CLOSED":
        return "TICKET_CLOSED"
    expected = _owned(command, command, caller) or _moved(
        status, contact_state(status, situation), command, command, caller
    )
    return expected.reason if isinstance(expected, Refused) else "UNSPECIFIED"


def missing(situation: str, command: str) -> bool:
    """Returns whether a command names a recovery, a claim or an agent that does not exist."""
    if command == "AddContact by claim":
        return situation not in {"CONTACT_RECEIVED", "CHAT_UNLOCKED", "REJECTED", "REPLACED", "ENDED_BY_CLOSE"}
    if command == "AssignTicket to a stranger":
        return True
    if method(command) in {"BeginDelivery", "RecordDelivered", "RecordFailed"}:
        return situation not in WITH_CHAT | {"REJECTED"}
    if command in {"GetNextDeadline", "FireDeadline"}:
        return False
    names_one = method(command) in {"WithdrawRecoveryForm", "RejectContact"} or ROLES[method(command)] == WORKER
    return situation == "NO_CONTACT" and names_one


def contact_state(status: str, situation: str) -> str:
    """Returns the contact state of the ticket in a situation."""
    if status != "CLOSED" and situation == "REPLACED":
        return "CONTACT_RECEIVED"
    return situation if situation in LIVE_STATES else "NO_CONTACT"


def _refused(reason: str, machine: str, state: str, trigger: str = "", names: tuple[str, ...] = ()) -> Refused:
    keys = machine_keys(machine, state) | ({"trigger": trigger} if trigger else {})
    return Refused(reason, tuple(keys.items()), ("ticket", *names))


def _owned(name: str, command: str, caller: Caller) -> Expected | None:
    if "service" in caller.roles:
        return None
    whose = "own" if caller.owns else "nobody's" if caller.owner is None else "other's"
    kind = "supervisor" if caller.supervises else "agent"
    row = OWNERSHIP.get(name, OWNERSHIP["(every-other)"])
    match row["own" if caller.owns else f"{kind},{whose}"]:
        case "nothing":
            return Nothing()
        case "yes":
            pass
        case "UNASSIGNED":
            return Refused("UNASSIGNED", names=("ticket",))
        case reason:
            return Refused(reason, names=("ticket", "assignee"))
    if (name == "TakeTicket" and caller.barred) or command == "AssignTicket to a barred agent":
        return Refused("NOT_ASSIGNABLE", names=("ticket", "agent"))
    return None


def _moved(status: str, situation: str, name: str, command: str, caller: Caller) -> Expected:
    if command in {"UpdateTicket to what it is", "AssignTicket to the assignee"}:
        return Nothing()
    if name == "AssignTicket":
        return Done("ASSIGNED" if caller.owns else "ASSIGNED_BY_OVERRIDE", assignee="bob")
    activity = ACTIVITIES[name]
    if name == "SendMessage" and situation != "CHAT_UNLOCKED":
        return _refused("CHAT_LOCKED", "recovery", contact_state(status, situation))
    if name == "TakeTicket":
        return Done(activity, assignee="sue" if caller.supervises else "bob")
    if name == "ReleaseTicket":
        return Done(activity, assignee="")
    if name in STATUS:
        after = STATUS[name][status]
        if after == "ILLEGAL":
            return _refused("ILLEGAL_TRANSITION", "status", status, STATUS_TRIGGERS[name])
        if after != "CLOSED":
            return Done(activity, status=after)
        ended = "ENDED_BY_CLOSE" if situation in LIVE_STATES else None
        return Done(activity, status=after, contact_state="NO_CONTACT", named=ended)
    if name not in RECOVERY_TRIGGERS:
        return Done(activity)
    after = RECOVERY[situation][name]
    names_one = name in {"WithdrawRecoveryForm", "RejectContact"}
    state = situation if names_one else contact_state(status, situation)
    if after == "ILLEGAL":
        return _refused("ILLEGAL_TRANSITION", "recovery", state, RECOVERY_TRIGGERS[name])
    if after == "FORM_LIVE":
        return _refused("FORM_LIVE", "recovery", state, names=("recovery",))
    if names_one:
        return Done(activity, contact_state="NO_CONTACT", named=after)
    replaced = name == "AddContact" and situation in {"FORM_REQUESTED", "AWAITING_CONTACT"}
    return Done(activity, contact_state=after, named="REPLACED" if replaced else None)


def _submit(status: str, situation: str) -> Expected:
    after = (
        SUBMIT_AFTER_CLOSE[recovery_state(situation)] if status == "CLOSED" else RECOVERY[situation]["SubmitContact"]
    )
    if after == "follow-up":
        return Created(followed=True)
    if after == "claimed":
        return Done("CONTACT_CLAIMED")
    if after != "CONTACT_RECEIVED":
        return Refused(after)
    reopened = "IN_PROGRESS" if status == "RESOLVED" else None
    return Done("CONTACT_SUBMITTED", status=reopened, contact_state=after, named=after)


def _write(status: str, situation: str, *, automatic: bool) -> Expected | None:
    """Returns the outcome of a customer's message, None if the contact has no chat."""
    if situation not in WITH_CHAT:
        return None
    if status == "CLOSED":
        return Unmatched() if automatic else Created(followed=True)
    reopened = "IN_PROGRESS" if status == "RESOLVED" and not automatic else None
    return Done("MESSAGE_RECEIVED", status=reopened)


def _delivery(situation: str, command: str) -> Expected:
    after = "-" if situation == "REJECTED" or command.endswith("of another attempt") else DELIVERY[command]
    match after:
        case "-":
            return Nothing()
        case "hidden":
            return Hidden()
        case _:
            return Done(after)


def _report(situation: str, command: str) -> Expected:
    if command in {"GetNextDeadline", "FireDeadline"}:
        return Remembered()  # no deadline passes, because everything here happens within minutes
    if command.endswith("of another attempt") or command == "ExpireForm too early":
        return Nothing()
    name = method(command)
    after = WORKER_TABLE[recovery_state(situation)][WORKER_COLUMNS.get(command, name)]
    match after:
        case "-":
            return Nothing()
        case "hidden":
            return Hidden()
        case "logged":
            return Done("RETRACTION_REFUSED" if name == "RecordRefused" else ACTIVITIES[name])
        case _:
            contact = after if after in LIVE_STATES else "NO_CONTACT"
            return Done(ACTIVITIES[name], contact_state=contact, named=after)
