"""TicketService: the commands on tickets, their lists and their activity log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict
from typing import Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message

from care.v1 import ticket_pb2, ticket_service_pb2_grpc
from care.v1 import ticket_service_pb2 as pb
from care_rules import commands, names
from care_rules.entities.ticket import Priority
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.names import Child, ReviewName, TicketName
from care_rules.queries import TicketQuery, TotalSize
from care_rules.refusals import Violation, invalid
from care_rules.snapshot import TicketSnapshot
from care_service.rpc import convert, enums, list_queries, page_tokens
from care_service.rpc.batches import Batch, serve_each, ticket_belongs_to
from care_service.rpc.call import current_call
from care_service.rpc.fields import DISPLAY_NAME, EXTERNAL_REFERENCE, LONG_TEXT, SUBJECT, Fields
from care_service.rpc.parents import check_ticket, list_parent
from care_service.rpc.placeholders import NO_CHILD, NO_TICKET
from care_service.rpc.responses import Repeatable, Responder
from care_service.rpc.ticket_for_caller import basic_ticket, full_ticket, ticket_for
from care_service.rpc.ticket_stream import watch_tickets
from care_service.usecases import tickets
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.feed import Feed
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Request
from care_service.usecases.subscriptions import Subscriptions
from care_service.usecases.tickets import NewTicket

_DETAILS: Final = ("subject", "description", "priority", "labels", "external_reference")
_VERBS: Final = {
    "status": "StartTicket, ResolveTicket, CloseTicket or ReopenTicket",
    "close_reason": "CloseTicket",
    "resolve_time": "ResolveTicket",
    "close_time": "CloseTicket",
    "location": "CreateTicket",
    "review": "CreateTicket",
    "reporter": "CreateTicket",
    "assignee": "TakeTicket, AssignTicket or ReleaseTicket",
    "contact_state": "SendRecoveryForm, AddContact or RejectContact",
    "customer": "AddContact",
    "recovery": "SendRecoveryForm or AddContact",
    "follow_up_of": "CustomerService.SubmitContact",
    "follow_up": "CustomerService.SubmitContact",
}

Context = grpc.aio.ServicerContext[Message, Message]
TicketResponseT = TypeVar(
    "TicketResponseT",
    pb.CreateTicketResponse,
    pb.UpdateTicketResponse,
    pb.TakeTicketResponse,
    pb.AssignTicketResponse,
    pb.ReleaseTicketResponse,
    pb.StartTicketResponse,
    pb.ResolveTicketResponse,
    pb.CloseTicketResponse,
    pb.ReopenTicketResponse,
)
VerbT = TypeVar("VerbT", pb.AssignTicketRequest, pb.ResolveTicketRequest, pb.CloseTicketRequest)
TicketResponse = pb.AssignTicketResponse | pb.ResolveTicketResponse | pb.CloseTicketResponse
TicketCommand: TypeAlias = Callable[[TicketStore, TicketName, Request[TicketSnapshot]], Awaitable[tickets.Outcome]]


class VerbRequest(Repeatable, Protocol):
    """The request of a method on a ticket."""

    name: str
    etag: str


class TicketHandlers(ticket_service_pb2_grpc.TicketServiceServicer):
    """Serves TicketService."""

    def __init__(
        self, store: TicketStore, reader: Reader, directory: Directory, feed: Feed, subscriptions: Subscriptions
    ) -> None:
        self._store = store
        self._reader = reader
        self._directory = directory
        self._feed = feed
        self._subscriptions = subscriptions

    async def CreateTicket(self, request: pb.CreateTicketRequest, context: Context) -> pb.CreateTicketResponse:
        """See the contract."""
        fields, given = Fields(), request.ticket
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        review = location = None
        if given.review:
            review = fields.name("ticket.review", given.review, names.parse_review, None)
        if given.location:
            location = fields.name("ticket.location", given.location, names.parse_location, None)
        elif not given.review:
            fields.reject("ticket.location", "is required if there is no review")
        new = _new_ticket(fields, organization, request, review, location)
        fields.check()
        for field, child in (("ticket.review", review), ("ticket.location", location)):
            _check_same_organization(field, child, organization)
        responder = self._responder(request, request_id, pb.CreateTicketResponse)
        created = await tickets.create_ticket(self._store, self._directory, new, responder.request)
        return responder.respond(created)

    async def GetTicket(self, request: pb.GetTicketRequest, context: Context) -> pb.GetTicketResponse:
        """See the contract."""
        fields, caller = Fields(), current_call().caller
        name = fields.name("name", request.name, names.parse_ticket, NO_TICKET)
        fields.check()
        view = await tickets.get_ticket(self._reader, name, caller)
        return pb.GetTicketResponse(ticket=full_ticket(view, caller, view.agent))

    async def ListTickets(self, request: pb.ListTicketsRequest, context: Context) -> pb.ListTicketsResponse:
        """See the contract."""
        caller, fields = current_call().caller, Fields()
        size, order = fields.page_size(request.page_size), list_queries.read_order(fields, request.order_by)
        is_full = fields.is_full(request.view)
        organization = list_parent(fields, request.parent, caller)
        condition = read_filter(request.filter, TICKET_FIELDS)
        scope = list_queries.scope("tickets", request.parent, request.filter, request.order_by)
        after = list_queries.read_ticket_token(request.page_token, scope, order)
        query = TicketQuery(organization, size + 1, condition, order, after)
        views = await self._reader.tickets(query)
        total = TotalSize(0, is_exact=False)
        if request.include_total_size:
            total = await self._reader.total_size(organization, condition)
        own = None
        if is_full and caller.is_agent and organization is not None:
            own = await self._reader.agent(organization, caller.id)
        page, token = page_tokens.make_page(
            views,
            size,
            lambda view: full_ticket(view, caller, own) if is_full else basic_ticket(view),
            lambda view: list_queries.ticket_token(scope, order, view.ticket),
        )
        return pb.ListTicketsResponse(
            tickets=page, next_page_token=token, total_size=total.tickets, total_size_exact=total.is_exact
        )

    async def CountTickets(self, request: pb.CountTicketsRequest, context: Context) -> pb.CountTicketsResponse:
        """See the contract."""
        organization = list_parent(Fields(), request.parent, current_call().caller)
        counts = await self._reader.count_tickets(organization, read_filter(request.filter, TICKET_FIELDS))
        return pb.CountTicketsResponse(**asdict(counts))

    async def UpdateTicket(self, request: pb.UpdateTicketRequest, context: Context) -> pb.UpdateTicketResponse:
        """See the contract."""
        fields, given = Fields(), request.ticket
        name = fields.name("ticket.name", given.name, names.parse_ticket, NO_TICKET)
        request_id = fields.request_id(request.request_id)
        filled = [field for field in _DETAILS if getattr(given, field)]
        paths = fields.mask(request.update_mask.paths, _DETAILS, _VERBS, filled)
        command = commands.UpdateTicket(
            subject=_subject(fields, given.subject, required=True) if "subject" in paths else None,
            description=_description(fields, given.description) if "description" in paths else None,
            priority=_priority(fields, given) if "priority" in paths else None,
            labels=fields.labels("ticket.labels", given.labels) if "labels" in paths else None,
            external_reference=_external_reference(fields, given) if "external_reference" in paths else None,
        )
        fields.check()
        responder = self._responder(request, request_id, pb.UpdateTicketResponse, request.etag or given.etag)
        return responder.respond(await tickets.update_ticket(self._store, name, command, responder.request))

    async def TakeTicket(self, request: pb.TakeTicketRequest, context: Context) -> pb.TakeTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.take_ticket, pb.TakeTicketResponse)

    async def AssignTicket(self, request: pb.AssignTicketRequest, context: Context) -> pb.AssignTicketResponse:
        """See the contract."""
        fields = Fields()
        agent = fields.name("assignee", request.assignee, names.parse_agent, NO_CHILD)
        name = fields.name("name", request.name, names.parse_ticket, NO_TICKET)
        fields.check()
        _check_same_organization("assignee", agent, name.organization)
        return await self._serve(
            request,
            lambda store, name, request: tickets.assign_ticket(store, name, agent.id, request),
            pb.AssignTicketResponse,
        )

    async def ReleaseTicket(self, request: pb.ReleaseTicketRequest, context: Context) -> pb.ReleaseTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.release_ticket, pb.ReleaseTicketResponse)

    async def StartTicket(self, request: pb.StartTicketRequest, context: Context) -> pb.StartTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.start_ticket, pb.StartTicketResponse)

    async def ResolveTicket(self, request: pb.ResolveTicketRequest, context: Context) -> pb.ResolveTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.resolve_ticket, pb.ResolveTicketResponse)

    async def CloseTicket(self, request: pb.CloseTicketRequest, context: Context) -> pb.CloseTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.close_ticket, pb.CloseTicketResponse)

    async def ReopenTicket(self, request: pb.ReopenTicketRequest, context: Context) -> pb.ReopenTicketResponse:
        """See the contract."""
        return await self._serve(request, tickets.reopen_ticket, pb.ReopenTicketResponse)

    async def BatchAssignTickets(
        self, request: pb.BatchAssignTicketsRequest, context: Context
    ) -> pb.BatchAssignTicketsResponse:
        """See the contract."""
        results = await self._batch(request, lambda item: self.AssignTicket(item, context))
        return pb.BatchAssignTicketsResponse(results=results)

    async def BatchResolveTickets(
        self, request: pb.BatchResolveTicketsRequest, context: Context
    ) -> pb.BatchResolveTicketsResponse:
        """See the contract."""
        results = await self._batch(request, lambda item: self.ResolveTicket(item, context))
        return pb.BatchResolveTicketsResponse(results=results)

    async def BatchCloseTickets(
        self, request: pb.BatchCloseTicketsRequest, context: Context
    ) -> pb.BatchCloseTicketsResponse:
        """See the contract."""
        results = await self._batch(request, lambda item: self.CloseTicket(item, context))
        return pb.BatchCloseTicketsResponse(results=results)

    async def _batch(
        self, batch: Batch[VerbT], serve: Callable[[VerbT], Awaitable[TicketResponse]]
    ) -> list[pb.BatchTicketResult]:
        served = await serve_each(
            batch, current_call(), lambda item, parent: ticket_belongs_to(item.name, parent), serve
        )
        return [
            pb.BatchTicketResult(name=item.name, status=status, ticket=response.ticket if response else None)
            for item, (status, response) in zip(batch.requests, served, strict=True)
        ]

    def WatchTickets(
        self, request: pb.WatchTicketsRequest, context: Context
    ) -> AsyncGenerator[pb.WatchTicketsResponse, None]:
        """See the contract."""
        return watch_tickets(self._feed, self._subscriptions, self._reader, request, current_call().caller)

    async def ListActivities(self, request: pb.ListActivitiesRequest, context: Context) -> pb.ListActivitiesResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        size = fields.page_size(request.page_size)
        fields.check()
        await check_ticket(self._reader, current_call().caller, name)
        scope = f"activities {name}"
        after = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        rows = await self._reader.activities(name, after, size + 1)
        activities, token = page_tokens.make_page(
            rows, size, convert.activity_message, lambda row: page_tokens.make_token(scope, row.number)
        )
        return pb.ListActivitiesResponse(activities=activities, next_page_token=token)

    async def _serve(
        self, request: VerbRequest, command: TicketCommand, response_type: type[TicketResponseT]
    ) -> TicketResponseT:
        """Serves a method whose request names a ticket, and whose response is the ticket."""
        fields = Fields()
        name = fields.name("name", request.name, names.parse_ticket, NO_TICKET)
        request_id = fields.request_id(request.request_id)
        fields.check()
        responder = self._responder(request, request_id, response_type, request.etag)
        return responder.respond(await command(self._store, name, responder.request))

    def _responder(
        self, request: Repeatable, request_id: UUID | None, response_type: type[TicketResponseT], etag: str = ""
    ) -> Responder[TicketSnapshot, TicketResponseT]:
        call = current_call()

        def convert_ticket(snapshot: TicketSnapshot) -> TicketResponseT:
            return response_type(ticket=ticket_for(snapshot, call.caller))

        return Responder(call, request, request_id, response_type, convert_ticket, etag)


def _check_same_organization(field: str, child: Child | ReviewName | None, organization: str) -> None:
    if child is not None and child.organization != organization:
        raise invalid(Violation(field, "must belong to the organization of the ticket"))


def _subject(fields: Fields, subject: str, *, required: bool) -> str:
    return fields.text("ticket.subject", subject, SUBJECT, required=required, line=True)


def _description(fields: Fields, description: str) -> str:
    return fields.text("ticket.description", description, LONG_TEXT)


def _external_reference(fields: Fields, given: ticket_pb2.Ticket) -> str:
    return fields.text("ticket.external_reference", given.external_reference, EXTERNAL_REFERENCE, line=True)


def _priority(fields: Fields, given: ticket_pb2.Ticket) -> Priority:
    priority = enums.PRIORITY.from_contract(given.priority)
    if priority is None:
        fields.reject("ticket.priority", f"must be {enums.PRIORITY.choices}")
        return Priority.NORMAL
    return priority


def _new_ticket(
    fields: Fields,
    organization: str,
    request: pb.CreateTicketRequest,
    review: ReviewName | None,
    location: Child | None,
) -> NewTicket:
    given, contact = request.ticket, request.contact
    if request.HasField("contact"):
        fields.require_one(contact.email, contact.phone, "contact.")
    return NewTicket(
        organization=organization,
        review=review.id if review else None,
        location=location.id if location else "",
        subject=_subject(fields, given.subject, required=not given.review),
        description=_description(fields, given.description),
        priority=_priority(fields, given) if given.priority else None,
        labels=fields.labels("ticket.labels", given.labels),
        external_reference=_external_reference(fields, given),
        email=fields.email("contact.email", contact.email),
        phone=fields.phone("contact.phone", contact.phone),
        display_name=fields.text("contact.display_name", contact.display_name, DISPLAY_NAME, line=True),
    )
