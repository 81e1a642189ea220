"""Requests that provocations send."""

from __future__ import annotations

from typing import Final

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import REPLY, Tenant

REQUEST_ID: Final = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"


def get(name: str) -> tickets.GetTicketRequest:
    return tickets.GetTicketRequest(name=name)


def start(ticket: Ticket, **more: str) -> tickets.StartTicketRequest:
    return tickets.StartTicketRequest(name=ticket.name, **more)


def take(ticket: Ticket) -> tickets.TakeTicketRequest:
    return tickets.TakeTicketRequest(name=ticket.name)


def create(tenant: Tenant, ticket: Ticket) -> tickets.CreateTicketRequest:
    return tickets.CreateTicketRequest(parent=tenant.name, ticket=ticket)


def send_form(ticket: Ticket) -> conversations.SendRecoveryFormRequest:
    return conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=REPLY)


def submit(tenant: Tenant, recovery: Recovery, **more: str) -> customers.SubmitContactRequest:
    given = {"email": "robin@example.com"} | more
    return customers.SubmitContactRequest(token=tenant.form_token(recovery), consent=True, **given)
