"""TicketService.WatchTickets: a stream that goes on where its client left off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import grpc
from google.protobuf.message import Message

from care.v1 import ticket_service_pb2 as pb
from care_rules import names
from care_rules.decide import situation
from care_rules.entities import Agent
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.names import TicketName
from care_rules.permissions import Situation
from care_rules.refusals import not_found
from care_service.rpc import convert, page_tokens
from care_service.rpc.call import Call, current_call
from care_service.rpc.fields import Fields
from care_service.rpc.parents import list_parent
from care_service.usecases.feed import Change, Follow, Place
from care_service.usecases.ports import Feed, MessageView, Reader
from care_service.usecases.streams import Followers

Context = grpc.aio.ServicerContext[Message, Message]

_BATCH: Final = 100
_NOBODY: Final = TicketName("", 0)


class Watches:
    """Follows the feed for one client each."""

    def __init__(self, feed: Feed, followers: Followers, reader: Reader) -> None:
        self._feed = feed
        self._followers = followers
        self._watch_reader = reader

    async def WatchTickets(
        self, request: pb.WatchTicketsRequest, context: Context
    ) -> AsyncGenerator[pb.WatchTicketsResponse, None]:
        """See the contract."""
        call, fields = current_call(), Fields()
        full = fields.is_full(request.view)
        follow = await self._follow(fields, request, call)
        scope = f"watch {request.parent}"
        place = page_tokens.read_token(request.resume_token, scope, _place)

        def token(place: Place) -> str:
            return page_tokens.make_token(scope, place.transaction, place.position)

        async with self._followers.following(follow.organization, follow.ticket) as interest:
            through = await self._feed.here()
            if place is None:
                place = through
                # At once, so that whoever is cut off before the first change has a place to resume from.
                yield pb.WatchTicketsResponse(resume_token=token(place))
            elif place > through:
                # Of a database that was restored from a dump, in which transactions are counted anew.
                raise page_tokens.wrong_token()
            while not interest.is_over:
                if place < through:
                    seen = await self._followers.changes(follow, place, through, _BATCH)
                    own = None
                    if full and seen.changes:
                        own = await self._caller_in(seen.changes[0].ticket.organization, call)
                    for change in seen.changes:
                        bits = situation(change.ticket, change.ticket.contact_state, call.caller, own) if full else None
                        yield _response(change, bits, token(change.place))
                        interest.spoke()
                    place = seen.place
                if interest.is_silent:
                    yield pb.WatchTicketsResponse(resume_token=token(place))
                    interest.spoke()
                if place >= through and await interest.wait():
                    through = max(through, interest.through or through)

    async def _follow(self, fields: Fields, request: pb.WatchTicketsRequest, call: Call) -> Follow:
        condition = read_filter(request.filter, TICKET_FIELDS)
        if "/tickets/" not in request.parent:
            return Follow(list_parent(fields, request.parent, call), None, condition)
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        fields.check()
        call.enter(name.organization, request.parent)
        if not await self._watch_reader.ticket_exists(name):
            raise not_found(request.parent)
        return Follow(name.organization, name.number, condition)

    async def _caller_in(self, organization: str, call: Call) -> Agent | None:
        """Returns the caller's entry, that the tickets' actions depend on; agents have one organization."""
        return await self._watch_reader.agent(organization, call.caller.id) if call.caller.is_agent else None


def _place(key: list[str | int]) -> Place:
    transaction, position = page_tokens.number(key[0]), page_tokens.number(key[1])
    if min(transaction, position) < 0:
        raise ValueError("no such place was given")
    return Place(transaction, position)


def _response(change: Change, bits: Situation | None, token: str) -> pb.WatchTicketsResponse:
    view = MessageView(change.message, None, change.delivery) if change.message else None
    return pb.WatchTicketsResponse(
        activity=convert.activity_message(change.activity),
        ticket=convert.ticket_message(change.ticket, change.contact, bits),
        message=convert.thread_message(view) if view else None,
        resume_token=token,
    )
