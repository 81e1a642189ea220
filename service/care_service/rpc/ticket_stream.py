"""TicketService.WatchTickets: a stream of activities, which a client can resume."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from functools import lru_cache
from typing import Final

from care.v1 import ticket_service_pb2 as pb
from care.v1.ticket_pb2 import Ticket
from care_rules import names
from care_rules.callers import Caller
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_service.rpc import convert, page_tokens
from care_service.rpc.fields import Fields
from care_service.rpc.parents import check_ticket, list_parent
from care_service.rpc.placeholders import NO_TICKET
from care_service.rpc.ticket_for_caller import basic_ticket, full_ticket
from care_service.usecases.feed import Change, FeedFilter, FeedPage, FeedPosition
from care_service.usecases.ports.feed import Feed
from care_service.usecases.ports.reader import MessageView, Reader, TicketView
from care_service.usecases.subscriptions import Subscriptions

_BATCH: Final = 100
_PAGES: Final = 32
"""How many converted pages are cached. Streams that wait for the same change read the same page within moments."""


async def watch_tickets(
    feed: Feed, subscriptions: Subscriptions, reader: Reader, request: pb.WatchTicketsRequest, caller: Caller
) -> AsyncGenerator[pb.WatchTicketsResponse, None]:
    """Yields the activities of the tickets that the request asks for: after the resume token, or else from now on.

    Refuses with INVALID_PAGE_TOKEN if the resume token is not valid.
    """
    fields = Fields()
    is_full = fields.is_full(request.view)
    follow = await _follow(reader, fields, request, caller)
    scope = f"watch {request.parent}"
    place = page_tokens.read_token(request.resume_token, scope, _place)

    async with subscriptions.subscribe(follow.organization, follow.ticket) as subscription:
        through = await feed.end()
        if place is None:
            place = through
            # Sent at once, so that a client that loses its connection before the first change can resume.
            yield pb.WatchTicketsResponse(resume_token=_token(scope, place))
        elif place > through:
            # After the token was made, the database was restored from a dump, which starts its transaction ids again.
            raise page_tokens.invalid_page_token()
        while not subscription.has_ended:
            if place < through:
                seen = await subscriptions.changes(follow, place, through, _BATCH)
                responses = await _full_responses(seen, scope, reader, caller) if is_full else _responses(seen, scope)
                for response in responses:
                    yield response
                    subscription.mark_sent()
                place = seen.position
            if subscription.is_silent:
                yield pb.WatchTicketsResponse(resume_token=_token(scope, place))
                subscription.mark_sent()
            if place >= through and await subscription.wait():
                through = max(through, subscription.through or through)


async def _follow(reader: Reader, fields: Fields, request: pb.WatchTicketsRequest, caller: Caller) -> FeedFilter:
    condition = read_filter(request.filter, TICKET_FIELDS)
    if "/tickets/" not in request.parent:
        return FeedFilter(list_parent(fields, request.parent, caller), None, condition)
    name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
    fields.check()
    await check_ticket(reader, caller, name)
    return FeedFilter(name.organization, name.number, condition)


def _place(key: list[str | int]) -> FeedPosition:
    transaction, position = page_tokens.number(key[0]), page_tokens.number(key[1])
    if min(transaction, position) < 0:
        raise ValueError("not a place in the feed")
    return FeedPosition(transaction, position)


@lru_cache(_PAGES)
def _responses(page: FeedPage, scope: str) -> tuple[pb.WatchTicketsResponse, ...]:
    """Converts a page with tickets in the BASIC view, once for all streams that read the page."""
    return tuple(
        _response(change, basic_ticket(TicketView(change.ticket, change.contact)), _token(scope, change.position))
        for change in page.changes
    )


async def _full_responses(
    page: FeedPage, scope: str, reader: Reader, caller: Caller
) -> Iterable[pb.WatchTicketsResponse]:
    """Converts a page with tickets in the FULL view, which depends on the caller."""
    own = None
    if page.changes and caller.is_agent:
        # An agent belongs to one organization, so the caller's entry is the same for all tickets of the page.
        own = await reader.agent(page.changes[0].ticket.organization, caller.id)
    return (
        _response(
            change, full_ticket(TicketView(change.ticket, change.contact), caller, own), _token(scope, change.position)
        )
        for change in page.changes
    )


def _token(scope: str, place: FeedPosition) -> str:
    return page_tokens.make_token(scope, place.transaction, place.sequence)


def _response(change: Change, ticket: Ticket, token: str) -> pb.WatchTicketsResponse:
    view = MessageView(change.message, None, change.delivery) if change.message else None
    return pb.WatchTicketsResponse(
        activity=convert.activity_message(change.activity),
        ticket=ticket,
        message=convert.thread_message(view) if view else None,
        resume_token=token,
    )
