"""Requests that are refused for what they contain, who sends them, or the state of their ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.every_reason.place import Place, Provocation, Provoked
from tests.integration.service.every_reason.requests import REQUEST_ID, create, get, send_form, start, submit, take


async def invalid_field(at: Place) -> Provoked:
    request = tickets.CreateTicketRequest(parent="acme", ticket=Ticket(subject="two\nlines"), request_id="7")
    fields = {"parent", "request_id", "ticket.subject", "ticket.location"}
    return at.by("alice", request, fields=fields)


async def invalid_page_token(at: Place) -> Provoked:
    request = tickets.ListTicketsRequest(parent=at.tenant.name, page_token="bm9uZQ")
    return at.by("alice", request)


async def invalid_filter(at: Place) -> Provoked:
    # The unknown field starts after 14 characters.
    request = tickets.ListTicketsRequest(parent=at.tenant.name, filter='"🍲 é" AND NOT colour = RED')
    return at.by("alice", request, {"position": "14", "field": "colour"}, fields=["filter"])


async def token_missing(at: Place) -> Provoked:
    return Provoked(at.tenant.care, None, get(f"{at.tenant.name}/tickets/1"))


async def token_invalid(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="two words", org=at.tenant.id, roles=["agent"])
    return Provoked(at.tenant.care, token, get(f"{at.tenant.name}/tickets/1"), {"claim": "sub"})


async def token_expired(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="alice", org=at.tenant.id, roles=["agent"], exp=1)
    return Provoked(at.tenant.care, token, get(f"{at.tenant.name}/tickets/1"))


async def role_not_allowed(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="both", org=at.tenant.id, roles=["worker", "service"])
    ticket = await at.tenant.ticket(None)
    metadata = {
        "method": "care.v1.TicketService/TakeTicket",
        "roles": "service,worker",
        "allowed": "agent,supervisor",
    }
    return Provoked(at.tenant.care, token, take(ticket), metadata)


async def not_assignee(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    metadata = {"ticket": ticket.name, "assignee": at.tenant.agent_name("alice")}
    return at.by("bob", start(ticket), metadata)


async def not_assignable(at: Place) -> Provoked:
    await at.tenant.toggle("bob", can_be_assignee=False)
    ticket = await at.tenant.ticket(None)
    return at.by("bob", take(ticket), {"ticket": ticket.name, "agent": at.tenant.agent_name("bob")})


async def reporter_not_allowed(at: Place) -> Provoked:
    await at.tenant.toggle("bob", can_be_reporter=False)
    given = Ticket(subject="Cold soup", location=f"{at.tenant.name}/locations/soho")
    return at.by("bob", create(at.tenant, given), {"agent": at.tenant.agent_name("bob")})


async def resource_not_found(at: Place) -> Provoked:
    name = f"{at.tenant.name}/tickets/999"
    return at.by("alice", get(name), {"resource": name})


async def link_unknown(at: Place) -> Provoked:
    request = customers.GetContactFormRequest(token="k1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA")
    return Provoked(at.tenant.care, None, request)


async def request_id_reused(at: Place) -> Provoked:
    first, second = await at.tenant.ticket(), await at.tenant.ticket()
    await at.tenant.agent("alice").tickets.StartTicket(start(first, request_id=REQUEST_ID))
    return at.by("alice", start(second, request_id=REQUEST_ID), {"request_id": REQUEST_ID})


async def ticket_exists(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    metadata = {"ticket": ticket.name, "review": ticket.review}
    return at.by("alice", create(at.tenant, Ticket(review=ticket.review)), metadata)


async def illegal_transition(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("RESOLVED")
    machine = {"machine": "status", "state": "RESOLVED", "allowed": "auto_close,close,reopen"}
    return at.by("alice", start(ticket), machine | {"ticket": ticket.name, "trigger": "start"})


async def unassigned(at: Place) -> Provoked:
    ticket = await at.tenant.ticket(None)
    return at.by("alice", start(ticket), {"ticket": ticket.name})


async def already_assigned(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    await at.tenant.meet("bob")
    metadata = {"ticket": ticket.name, "assignee": at.tenant.agent_name("alice")}
    return at.by("bob", take(ticket), metadata)


async def ticket_closed(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("CLOSED")
    metadata = {"machine": "status", "state": "CLOSED", "allowed": "", "ticket": ticket.name}
    return at.by("alice", start(ticket), metadata)


async def no_review(at: Place) -> Provoked:
    ticket = await at.tenant.ticket(with_review=False)
    return at.by("alice", send_form(ticket), {"ticket": ticket.name})


async def form_live(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    recovery = await at.tenant.in_recovery_state(ticket, "AWAITING_CONTACT")
    triggers = "expire_form,record_refused,replace_form,submit_contact,ticket_closed,withdraw_form"
    machine = {"machine": "recovery", "state": "AWAITING_CONTACT", "allowed": triggers}
    return at.by("alice", send_form(ticket), machine | {"ticket": ticket.name, "recovery": recovery.name})


async def chat_locked(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    machine = {"machine": "recovery", "state": "NO_CONTACT", "allowed": "request_form,add_contact"}
    request = conversations.SendMessageRequest(parent=ticket.name, text="Hello")
    return at.by("alice", request, machine | {"ticket": ticket.name})


async def link_expired(at: Place) -> Provoked:
    recovery = await at.timed.form(await at.timed.ticket())
    at.hours_later(24 * 366)
    return Provoked(at.timed.care, None, submit(at.timed, recovery))


async def link_withdrawn(at: Place) -> Provoked:
    recovery = await at.tenant.in_recovery_state(await at.tenant.ticket(), "WITHDRAWN")
    return Provoked(at.tenant.care, None, submit(at.tenant, recovery))


async def etag_mismatch(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("IN_PROGRESS")  # created, taken, started: version 3
    return at.by("alice", start(ticket, etag="2"), {"ticket": ticket.name, "etag": "3"})


REFUSALS: Final[Mapping[str, Provocation]] = {
    "INVALID_FIELD": invalid_field,
    "INVALID_PAGE_TOKEN": invalid_page_token,
    "INVALID_FILTER": invalid_filter,
    "TOKEN_MISSING": token_missing,
    "TOKEN_INVALID": token_invalid,
    "TOKEN_EXPIRED": token_expired,
    "ROLE_NOT_ALLOWED": role_not_allowed,
    "NOT_ASSIGNEE": not_assignee,
    "NOT_ASSIGNABLE": not_assignable,
    "REPORTER_NOT_ALLOWED": reporter_not_allowed,
    "RESOURCE_NOT_FOUND": resource_not_found,
    "LINK_UNKNOWN": link_unknown,
    "REQUEST_ID_REUSED": request_id_reused,
    "TICKET_EXISTS": ticket_exists,
    "ILLEGAL_TRANSITION": illegal_transition,
    "UNASSIGNED": unassigned,
    "ALREADY_ASSIGNED": already_assigned,
    "TICKET_CLOSED": ticket_closed,
    "NO_REVIEW": no_review,
    "FORM_LIVE": form_live,
    "CHAT_LOCKED": chat_locked,
    "LINK_EXPIRED": link_expired,
    "LINK_WITHDRAWN": link_withdrawn,
    "ETAG_MISMATCH": etag_mismatch,
}
