"""TicketService."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import ticket_pb2, ticket_service_pb2_grpc
from care.v1 import ticket_service_pb2 as pb
from care_rules import commands, names
from care_rules.create import CreationSnapshot, create_ticket
from care_rules.deadlines import keep_time
from care_rules.decide import situation
from care_rules.decision import Decision
from care_rules.entities import Priority
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.finding import TicketQuery
from care_rules.names import Child, ReviewName, TicketName
from care_rules.refusals import Refusal, Violation, invalid, not_found
from care_rules.snapshot import TicketSnapshot
from care_service.rpc import convert, enums, list_queries, page_tokens
from care_service.rpc.batches import Batch, serve_each, ticket_of
from care_service.rpc.call import Call, current_call
from care_service.rpc.execute import Repeat, execute, until_committed
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, SUBJECT, Fields
from care_service.rpc.parents import enter_ticket, list_parent
from care_service.rpc.raising import auto_assigned
from care_service.rpc.ticket_stream import Watches
from care_service.usecases.ports import Directory, Feed, Reader, TicketStore, TicketView
from care_service.usecases.streams import Followers

_NOBODY = TicketName("", 0)
_DETAILS = ("subject", "description", "priority", "labels")
_VERBS = {
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
ResponseT = TypeVar("ResponseT", bound=Message)
VerbT = TypeVar("VerbT", pb.AssignTicketRequest, pb.ResolveTicketRequest, pb.CloseTicketRequest)
TicketResponse = pb.AssignTicketResponse | pb.ResolveTicketResponse | pb.CloseTicketResponse


class Verb(Protocol):
    """A request of a verb on a ticket."""

    name: str
    request_id: str
    etag: str


def show(snapshot: TicketSnapshot, call: Call) -> ticket_pb2.Ticket:
    """Converts a case's ticket for the caller."""
    bits = situation(snapshot.ticket, snapshot.ticket.contact_state, call.caller, snapshot.agent)
    return convert.ticket_message(snapshot.ticket, snapshot.contact, bits)


class Tickets(Watches, ticket_service_pb2_grpc.TicketServiceServicer):
    """Converts, calls the core, converts."""

    def __init__(
        self, store: TicketStore, reader: Reader, directory: Directory, feed: Feed, followers: Followers
    ) -> None:
        super().__init__(feed, followers, reader)
        self._store = store
        self._reader = reader
        self._directory = directory

    async def CreateTicket(self, request: pb.CreateTicketRequest, context: Context) -> pb.CreateTicketResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.ticket
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        review = location = None
        if given.review:
            review = fields.name("ticket.review", given.review, names.parse_review, None)
        if given.location:
            location = fields.name("ticket.location", given.location, names.parse_location, None)
        elif not given.review:
            fields.wrong("ticket.location", "is missing: name a location, or a review")
        command = _create_command(fields, given, location)
        fields.check()
        for field, child in (("ticket.review", review), ("ticket.location", location)):
            _same_organization(field, child, organization)
        call.enter(organization, request.parent)
        await self._directory.see_organization(organization, call.now)
        repeat = Repeat(call, organization, request, request_id)

        async def once(store: TicketStore) -> pb.CreateTicketResponse:
            snapshot, kept = await store.load_new(
                organization,
                review=review.id if review else None,
                location=location.id if location else None,
                agent=call.caller.id if call.caller.is_agent else None,
                request=repeat.key,
            )
            if review is not None and snapshot.review is None:
                raise not_found(given.review)
            if (answer := repeat.replay(kept, pb.CreateTicketResponse)) is not None:
                return answer
            # Decided before a number is taken, so that a refusal leaves no gap; then again, with the number.
            create_ticket(snapshot, 0, command, call.caller, call.now, request_id)
            number = await store.next_number(organization)
            decision = create_ticket(snapshot, number, command, call.caller, call.now, request_id)
            decision = await auto_assigned(store, snapshot.settings, decision)
            decision = keep_time(decision, snapshot.settings, decision.new_recovery)
            response = pb.CreateTicketResponse(ticket=show(_created(snapshot, decision), call))
            await store.commit_new(decision, repeat.record(response))
            return response

        return await until_committed(self._store, once, None)

    async def GetTicket(self, request: pb.GetTicketRequest, context: Context) -> pb.GetTicketResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("name", request.name, names.parse_ticket, _NOBODY)
        fields.check()
        call.enter(name.organization, request.name)
        own = call.caller.id if call.caller.is_agent else None
        loaded = await self._store.load(name, agent=own)
        if loaded is None:
            raise not_found(request.name)
        return pb.GetTicketResponse(ticket=show(loaded[0], call))

    async def ListTickets(self, request: pb.ListTicketsRequest, context: Context) -> pb.ListTicketsResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        size, order = fields.page_size(request.page_size), list_queries.read_order(fields, request.order_by)
        organization = list_parent(fields, request.parent, call)
        condition = read_filter(request.filter, TICKET_FIELDS)
        scope = list_queries.scope("tickets", request.parent, request.filter, request.order_by)
        after = list_queries.read_ticket_token(request.page_token, scope, order)
        query = TicketQuery(organization, size + 1, condition, order, after)
        views = await self._reader.tickets(query)
        total = 0
        if request.include_total_size:
            total = (await self._reader.count_tickets(organization, condition)).total
        own = None
        if call.caller.is_agent and organization is not None:
            own = await self._reader.agent(organization, call.caller.id)

        def message(view: TicketView) -> ticket_pb2.Ticket:
            bits = situation(view.ticket, view.ticket.contact_state, call.caller, own)
            return convert.ticket_message(view.ticket, view.contact, bits)

        tickets, token = page_tokens.cut(
            views, size, message, lambda view: list_queries.ticket_token(scope, order, view.ticket)
        )
        return pb.ListTicketsResponse(tickets=tickets, next_page_token=token, total_size=total)

    async def CountTickets(self, request: pb.CountTicketsRequest, context: Context) -> pb.CountTicketsResponse:
        """See the contract."""
        organization = list_parent(Fields(), request.parent, current_call())
        counts = await self._reader.count_tickets(organization, read_filter(request.filter, TICKET_FIELDS))
        return pb.CountTicketsResponse(**asdict(counts))

    async def UpdateTicket(self, request: pb.UpdateTicketRequest, context: Context) -> pb.UpdateTicketResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.ticket
        name = fields.name("ticket.name", given.name, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        filled = [field for field in _DETAILS if getattr(given, field)]
        paths = fields.mask(request.update_mask.paths, _DETAILS, _VERBS, filled)
        command = commands.UpdateTicket(
            subject=_subject(fields, given.subject, required=True) if "subject" in paths else None,
            description=_description(fields, given.description) if "description" in paths else None,
            priority=_priority(fields, given) if "priority" in paths else None,
            labels=fields.labels("ticket.labels", given.labels) if "labels" in paths else None,
        )
        fields.check()
        repeat = Repeat(call, name.organization, request, request_id, request.etag or given.etag)

        def respond(snapshot: TicketSnapshot, _: Decision | None) -> pb.UpdateTicketResponse:
            return pb.UpdateTicketResponse(ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, pb.UpdateTicketResponse)

    async def TakeTicket(self, request: pb.TakeTicketRequest, context: Context) -> pb.TakeTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.TakeTicket(), pb.TakeTicketResponse)

    async def AssignTicket(self, request: pb.AssignTicketRequest, context: Context) -> pb.AssignTicketResponse:
        """See the contract."""
        fields = Fields()
        agent = fields.name("assignee", request.assignee, names.parse_agent, Child("", ""))
        name = fields.name("name", request.name, names.parse_ticket, _NOBODY)
        fields.check()
        _same_organization("assignee", agent, name.organization)
        return await self._verb(request, commands.AssignTicket(agent.id), pb.AssignTicketResponse)

    async def ReleaseTicket(self, request: pb.ReleaseTicketRequest, context: Context) -> pb.ReleaseTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.ReleaseTicket(), pb.ReleaseTicketResponse)

    async def StartTicket(self, request: pb.StartTicketRequest, context: Context) -> pb.StartTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.StartTicket(), pb.StartTicketResponse)

    async def ResolveTicket(self, request: pb.ResolveTicketRequest, context: Context) -> pb.ResolveTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.ResolveTicket(), pb.ResolveTicketResponse)

    async def CloseTicket(self, request: pb.CloseTicketRequest, context: Context) -> pb.CloseTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.CloseTicket(), pb.CloseTicketResponse)

    async def ReopenTicket(self, request: pb.ReopenTicketRequest, context: Context) -> pb.ReopenTicketResponse:
        """See the contract."""
        return await self._verb(request, commands.ReopenTicket(), pb.ReopenTicketResponse)

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
        outcomes = await serve_each(batch, current_call(), lambda item, parent: ticket_of(item.name, parent), serve)
        return [
            pb.BatchTicketResult(name=item.name, status=status, ticket=answer.ticket if answer else None)
            for item, (status, answer) in zip(batch.requests, outcomes, strict=True)
        ]

    async def ListActivities(self, request: pb.ListActivitiesRequest, context: Context) -> pb.ListActivitiesResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        size = fields.page_size(request.page_size)
        fields.check()
        await enter_ticket(self._reader, call, name)
        scope = f"activities {name}"
        after = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        rows = await self._reader.activities(name, after, size + 1)
        activities, token = page_tokens.cut(
            rows, size, convert.activity_message, lambda row: page_tokens.make_token(scope, row.number)
        )
        return pb.ListActivitiesResponse(activities=activities, next_page_token=token)

    async def _verb(self, request: Verb, command: commands.AgentCommand, response_type: type[ResponseT]) -> ResponseT:
        """Serves a verb whose request has a name, and whose answer is the ticket."""
        call, fields = current_call(), Fields()
        name = fields.name("name", request.name, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        fields.check()
        if not isinstance(request, Message):
            raise TypeError(request)
        repeat = Repeat(call, name.organization, request, request_id, request.etag)

        def respond(snapshot: TicketSnapshot, _: Decision | None) -> ResponseT:
            return response_type(ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, response_type)


def _created(snapshot: CreationSnapshot, decision: Decision) -> TicketSnapshot:
    return TicketSnapshot(
        decision.ticket,
        snapshot.organization,
        snapshot.location,
        snapshot.review,
        decision.new_recovery,
        decision.contact,
        agent=snapshot.reporter,
    )


def _same_organization(field: str, child: Child | ReviewName | None, organization: str) -> None:
    if child is not None and child.organization != organization:
        raise _of_another_organization(field)


def _of_another_organization(field: str) -> Refusal:
    return invalid(Violation(field, "belongs to another organization than the ticket"))


def _subject(fields: Fields, subject: str, *, required: bool) -> str:
    return fields.text("ticket.subject", subject, SUBJECT, required=required, line=True)


def _description(fields: Fields, description: str) -> str:
    return fields.text("ticket.description", description, LONG_TEXT)


def _priority(fields: Fields, given: ticket_pb2.Ticket) -> Priority:
    priority = enums.PRIORITY.from_contract(given.priority)
    if priority is None:
        fields.wrong("ticket.priority", f"must be {enums.PRIORITY.choices}")
        return Priority.NORMAL
    return priority


def _create_command(fields: Fields, given: ticket_pb2.Ticket, location: Child | None) -> commands.CreateTicket:
    customer = given.customer
    return commands.CreateTicket(
        subject=_subject(fields, given.subject, required=not given.review),
        description=_description(fields, given.description),
        location=location.id if location else "",
        priority=_priority(fields, given) if given.priority else None,
        labels=fields.labels("ticket.labels", given.labels),
        email=fields.email("ticket.customer.email", customer.email),
        phone=fields.phone("ticket.customer.phone", customer.phone),
        display_name=fields.text("ticket.customer.display_name", customer.display_name, DISPLAY_NAME, line=True),
        recovery_id=uuid7(),
        contact_id=uuid7(),
        message_id=uuid7(),
    )
