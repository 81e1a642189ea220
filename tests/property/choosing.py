"""Draws the next action of an example from all possible actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final
from uuid import UUID

from tests.property.model.actions import AGENTS, BY_LINK, CUSTOMER, SERVICE, WORKER, Action
from tests.property.model.refusals import refusal
from tests.property.model.state import Model
from tests.property.model.tickets import FORM_LIVE, Recovery, Ticket
from tests.property.world import World
from tests.support.tenant import REPLY

_EMAILS = ("kim@example.com", "robin@example.com", "sam@example.com")
_OF_A_TICKET = ("TakeTicket", "ReleaseTicket", "StartTicket", "ResolveTicket", "CloseTicket", "ReopenTicket")
_STEPS = ("POST", "READ", "RETRACT")
_RECORDS = ("RecordPosted", "RecordRefused", "RecordRetracted")

_WEIGHTS: Final = {
    "SendRecoveryForm": 4,
    "BeginPosting": 4,
    "RecordPosted": 2,
    "SubmitContact": 2,
    "UnlockChat": 2,
    "GetChat": 2,
    "PostMessage": 2,
    "AssignTicket": 0.5,
    "CreateTicket": 0.5,
    "ReleaseTicket": 0.5,
    "UpdateTicket": 0.5,
}
"""Relative weights of methods; 1 for the others. Methods that advance a recovery are chosen more often."""
_EFFECTIVE: Final = 0.65
"""The probability that the chosen action changes something, unless a concurrent action prevents this."""
_REUSED: Final = 0.05
"""The probability that an action gets a request id that its caller has already used for another request."""


def draw_action(
    chance: Random, model: Model, world: World, callers: tuple[str, ...], ticket: int | None = None
) -> Action | None:
    """Draws an action of one of `callers`, mostly one that changes something. Returns None if there is none."""
    everything = [
        each
        for each in possible_actions(model)
        if (ticket is None or each.ticket == ticket) and (each.caller != CUSTOMER or world.link_is_usable(each))
    ]
    options = [each for each in everything if each.caller in callers]
    if chance.random() < _EFFECTIVE:
        # If these callers can change nothing, another caller does.
        effective = [each for each in everything if not refusal(model, each) and _changes_something(model, each)]
        options = [each for each in effective if each.caller in callers] or effective
    else:
        # First choose a method and its outcome, so that rare refusals are as likely as frequent ones.
        by_outcome: dict[tuple[str, str], list[Action]] = {}
        for each in options:
            outcome = refusal(model, each) or ("done" if _changes_something(model, each) else "nothing")
            by_outcome.setdefault((each.method, outcome), []).append(each)
        options = by_outcome[chance.choice(sorted(by_outcome))] if by_outcome else []
    if not options:
        return None
    # First choose a method, so that methods with few possible requests are as likely as others.
    methods = sorted({each.method for each in options})
    (method,) = chance.choices(methods, [_WEIGHTS.get(each, 1) for each in methods])
    action = chance.choice([each for each in options if each.method == method])
    return _with_etag_and_request_id(chance, model, action)


def _with_etag_and_request_id(chance: Random, model: Model, action: Action) -> Action:
    """Returns the action with the current etag, a stale one or none, and with a new request id, a used one or none."""
    if action.caller == WORKER:
        return action
    if action.method == "GetChat":
        return action
    if action.method not in {"CreateTicket", *BY_LINK}:
        now = int(model.tickets[action.ticket].etag)
        (etag,) = chance.choices(["", str(now), str(max(1, now - 1))], [5, 4, 1])
        action = replace(action, etag=etag)
    used = sorted({kept.action.request_id for kept in model.kept.values() if kept.action.caller == action.caller})
    if used and chance.random() < _REUSED:
        return replace(action, request_id=chance.choice(used))
    fresh = str(UUID(int=chance.getrandbits(128), version=4))
    return replace(action, request_id=chance.choice([fresh, fresh, ""]))


def _changes_something(model: Model, action: Action) -> bool:
    """Returns whether an action would change something if it is not refused."""
    match action.method:
        case "TakeTicket" | "AssignTicket":
            owner = action.caller if action.method == "TakeTicket" else action.text
            return model.tickets[action.ticket].assignee != owner
        case "GetChat":
            recovery = model.recovery(action)
            first = recovery.contact is not None and not recovery.contact.verified
            return first and recovery.ticket.status != "CLOSED"
        case "UpdateTicket":
            return model.tickets[action.ticket].subject != action.text
        case "BeginPosting":
            recovery = model.recovery(action)
            wanted = {
                "POST": recovery.state == "FORM_REQUESTED",
                "READ": recovery.state == "AWAITING_CONTACT" or recovery.reply_state in {"POSTING", "MAYBE"},
                "RETRACT": not recovery.live and recovery.reply_state in {"POSTED", "RETRACTING"},
            }
            return wanted[action.text]
        case "RecordPosted" | "RecordRefused" | "RecordRetracted":
            return action.attempt == model.recovery(action).attempt
        case "UnlockChat":
            return model.recovery(action).state == "CONTACT_RECEIVED"
        case "ExpireForm":
            recovery = model.recovery(action)
            return recovery.state in FORM_LIVE and bool(recovery.expire_time and recovery.expire_time <= model.now)
        case _:
            return True


def possible_actions(model: Model) -> Iterator[Action]:
    """Yields all actions, including those that would be refused."""
    for review in range(len(model.reviews)):
        for caller in (SERVICE, "alice"):
            yield Action("CreateTicket", caller, review=review, text="Cold soup")
    for number, ticket in enumerate(model.tickets):
        if ticket.name:
            yield from _on_ticket(model, number, ticket)
            for index, recovery in enumerate(ticket.recoveries):
                if recovery.name:
                    yield from _on_recovery(number, index, recovery)


def _on_ticket(model: Model, number: int, ticket: Ticket) -> Iterator[Action]:
    claims = [each.id for each in ticket.contacts if each.id]
    yield Action("CloseTicket", SERVICE, number)
    for caller in (*AGENTS, SERVICE):
        for text in (*_EMAILS[:2], *claims):
            yield Action("AddContact", caller, number, text=text)
    for caller in AGENTS:
        for method in _OF_A_TICKET:
            yield Action(method, caller, number)
        for agent in AGENTS:
            yield Action("AssignTicket", caller, number, text=agent)
        for subject in ("Cold soup", "Colder soup"):
            yield Action("UpdateTicket", caller, number, text=subject)
        yield Action("AddNote", caller, number, text="Called twice, nobody home")
        yield Action("SendMessage", caller, number, text="We looked into it")
        yield Action("SendRecoveryForm", caller, number, text=REPLY)


def _on_recovery(number: int, index: int, recovery: Recovery) -> Iterator[Action]:
    for caller in AGENTS:
        yield Action("WithdrawRecoveryForm", caller, number, index)
        yield Action("RejectContact", caller, number, index)
    for step in _STEPS:
        yield Action("BeginPosting", WORKER, number, index, step)
    for method in _RECORDS:
        for attempt in {recovery.attempt or 1, max(1, recovery.attempt - 1), recovery.attempt + 1}:
            yield Action(method, WORKER, number, index, attempt=attempt)
    yield Action("UnlockChat", WORKER, number, index)
    yield Action("ExpireForm", WORKER, number, index)
    if recovery.contact is not None and recovery.contact.id:
        yield Action("GetChat", CUSTOMER, number, index)
        # The first use of a link is a separate commit. GetChat makes this commit, so that each action is one commit.
        if recovery.contact.verified or recovery.ticket.status == "CLOSED" or recovery.state == "REJECTED":
            for text in ("Thank you", "One more thing"):
                yield Action("PostMessage", CUSTOMER, number, index, text)
    if recovery.kind == "FORM":
        for email in _EMAILS:
            for text in ("", "Call me"):
                yield Action("SubmitContact", CUSTOMER, number, index, f"{email}|{text}")
