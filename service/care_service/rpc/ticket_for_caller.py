"""Converts tickets for a caller: the actions depend on the ticket and on the caller."""

from __future__ import annotations

from care.v1 import ticket_pb2
from care_rules.callers import Caller
from care_rules.decide import situation_of
from care_rules.entities.agent import Agent
from care_rules.snapshot import TicketSnapshot
from care_service.rpc import convert
from care_service.usecases.ports.reader import TicketView


def ticket_for(snapshot: TicketSnapshot, caller: Caller) -> ticket_pb2.Ticket:
    """Converts the ticket of a snapshot. The snapshot's `agent` must be the caller's directory entry."""
    return full_ticket(TicketView(snapshot.ticket, snapshot.contact), caller, snapshot.agent)


def basic_ticket(view: TicketView) -> ticket_pb2.Ticket:
    """Converts a ticket without its actions: the BASIC view (AIP-157)."""
    return convert.ticket_message(view.ticket, view.contact, None)


def full_ticket(view: TicketView, caller: Caller, agent: Agent | None) -> ticket_pb2.Ticket:
    """Converts a ticket with its actions: the FULL view (AIP-157). `agent` is the caller's directory entry."""
    ticket = view.ticket
    return convert.ticket_message(ticket, view.contact, situation_of(ticket, ticket.contact_state, caller, agent))
