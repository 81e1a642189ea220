"""What could be done next: the actions that a step is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final
from uuid import UUID

from tests.property.model import (
    AGENTS,
    BY_LINK,
    CUSTOMER,
    FORM_LIVE,
    SERVICE,
    WORKER,
    Action,
    Model,
    Recovery,
    Ticket,
)
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
"""What leads further is chosen more often than what leads back; 1 for the others."""
_LIKELY: Final = 0.65
"""How often an action is one that changes something, if nothing comes in between."""
_REUSED: Final = 0.05
"""How often a request id is one that the caller used for another request."""


def drawn(
    chance: Random, model: Model, world: World, callers: tuple[str, ...], ticket: int | None = None
) -> Action | None:
    """Draws an action of one of `callers`, mostly one that changes something; None where there is none."""
    everything = [
        each
        for each in possible(model)
        if (ticket is None or each.ticket == ticket) and (each.caller != CUSTOMER or world.may_come(each))
    ]
    options = [each for each in everything if each.caller in callers]
    if chance.random() < _LIKELY:
        # Where these callers can move nothing, somebody else does.
        likely = [each for each in everything if not model.refusal(each) and _moves(model, each)]
        options = [each for each in likely if each.caller in callers] or likely
    else:
        # By what will come of which method: rare refusals are as likely as the others.
        ends: dict[tuple[str, str], list[Action]] = {}
        for each in options:
            end = model.refusal(each) or ("done" if _moves(model, each) else "nothing")
            ends.setdefault((each.method, end), []).append(each)
        options = ends[chance.choice(sorted(ends))] if ends else []
    if not options:
        return None
    # By method first: those that can be sent in few ways are as likely as the others.
    methods = sorted({each.method for each in options})
    (method,) = chance.choices(methods, [_WEIGHTS.get(each, 1) for each in methods])
    action = chance.choice([each for each in options if each.method == method])
    return _addressed(chance, model, action)


def _addressed(chance: Random, model: Model, action: Action) -> Action:
    """Adds an etag, right or stale, and a request id, new or used before."""
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


def _moves(model: Model, action: Action) -> bool:
    """Whether an action that is not refused is about to change something."""
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


def possible(model: Model) -> Iterator[Action]:
    """Every action, whether it will be refused or not."""
    for review in range(len(model.reviews)):
        for caller in (SERVICE, "alice"):
            yield Action("CreateTicket", caller, review=review, text="Cold soup")
    for number, ticket in enumerate(model.tickets):
        if ticket.name:
            yield from _on_ticket(model, number, ticket)
            for place, recovery in enumerate(ticket.recoveries):
                if recovery.name:
                    yield from _on_recovery(number, place, recovery)


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


def _on_recovery(number: int, place: int, recovery: Recovery) -> Iterator[Action]:
    for caller in AGENTS:
        yield Action("WithdrawRecoveryForm", caller, number, place)
        yield Action("RejectContact", caller, number, place)
    for step in _STEPS:
        yield Action("BeginPosting", WORKER, number, place, step)
    for method in _RECORDS:
        for attempt in {recovery.attempt or 1, max(1, recovery.attempt - 1), recovery.attempt + 1}:
            yield Action(method, WORKER, number, place, attempt=attempt)
    yield Action("UnlockChat", WORKER, number, place)
    yield Action("ExpireForm", WORKER, number, place)
    if recovery.contact is not None and recovery.contact.id:
        yield Action("GetChat", CUSTOMER, number, place)
        # The first use of a link is a commit of its own: it comes by GetChat, so that every action is one.
        if recovery.contact.verified or recovery.ticket.status == "CLOSED" or recovery.state == "REJECTED":
            for words in ("Thank you", "One more thing"):
                yield Action("PostMessage", CUSTOMER, number, place, words)
    if recovery.kind == "FORM":
        for email in _EMAILS:
            for words in ("", "Call me"):
                yield Action("SubmitContact", CUSTOMER, number, place, f"{email}|{words}")
