"""CustomerService.WatchChat: a stream of a chat, which a client can resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care.v1 import customer_service_pb2 as pb
from care_rules.chat import ChatSnapshot, ChatState
from care_rules.entities.message import Message
from care_rules.refusals import Reason, Refusal
from care_service.rpc import convert, enums, page_tokens
from care_service.usecases import chats
from care_service.usecases.links import Links
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.subscriptions import Subscriptions

_BATCH: Final = 100
_STREAMS: Final = 10
"""Concurrent streams per link and process. A person has fewer windows open."""
_STREAMS_WAIT: Final = timedelta(seconds=30)


class ChatStreams:
    """The streams of all chats in this process."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links, subscriptions: Subscriptions) -> None:
        self._store = store
        self._reader = reader
        self._links = links
        self._subscriptions = subscriptions
        self._open: Counter[UUID] = Counter()
        """How many streams are open, by contact."""

    async def watch(self, request: pb.WatchChatRequest, now: datetime) -> AsyncGenerator[pb.WatchChatResponse, None]:
        """Yields the messages of a chat after the request's resume token, and the changes of the chat's state.

        Refuses with LINK_UNKNOWN if the link is not valid, with INVALID_PAGE_TOKEN if the resume token is not, and with
        RATE_LIMITED if the link has too many streams.
        """
        chat = await chats.open_chat(self._store, self._links, request.token, now)
        ticket = chat.base.ticket
        place = page_tokens.read_token(request.resume_token, _scope(chat), chat_place)
        sent: ChatState | None = None
        with self._one_stream(chat.contact.id):
            async with self._subscriptions.subscribe(ticket.organization, ticket.number) as subscription:
                has_news = True
                while not subscription.has_ended:
                    rows: Sequence[Message] = ()
                    if has_news:
                        # The chat is loaded each time, so that a rejected contact sees no further messages.
                        chat = await chats.load_chat(self._store, self._links, request.token, now)
                        rows = await self._reader.chat_messages_after(chat, place, _BATCH)
                        place = (rows[-1].activity_number, rows[-1].ordinal) if rows else place
                    if rows or chat.state is not sent or subscription.is_silent:
                        sent = chat.state
                        yield _response(chat, rows, place)
                        subscription.mark_sent()
                    if len(rows) < _BATCH:
                        has_news = await subscription.wait()

    @contextmanager
    def _one_stream(self, contact: UUID) -> Iterator[None]:
        """Counts a stream while the block runs. Refuses with RATE_LIMITED if the link has too many streams."""
        if self._open[contact] >= _STREAMS:
            message = "Too many streams are open with this link. Close one, or try again later."
            raise Refusal(Reason.RATE_LIMITED, message, retry_after=_STREAMS_WAIT)
        self._open[contact] += 1
        try:
            yield
        finally:
            self._open[contact] -= 1
            if not self._open[contact]:
                del self._open[contact]


def chat_state(chat: ChatSnapshot) -> pb.ChatState.ValueType:
    """Converts the state of a chat."""
    return enums.CHAT_STATE.to_contract(chat.state)


def chat_place(key: list[str | int]) -> tuple[int, int]:
    """Reads a place in a chat from a token's key: an activity's number, and a message's number in that activity."""
    return page_tokens.number(key[0]), page_tokens.number(key[1])


def chat_resume_token(chat: ChatSnapshot, place: tuple[int, int] | None) -> str:
    """Returns the token that resumes a stream after `place`. The token is empty if there is no message yet."""
    return page_tokens.make_token(_scope(chat), *place) if place else ""


def _scope(chat: ChatSnapshot) -> str:
    return f"watch chat {chat.contact.id}"


def _response(chat: ChatSnapshot, rows: Sequence[Message], place: tuple[int, int] | None) -> pb.WatchChatResponse:
    return pb.WatchChatResponse(
        messages=map(convert.chat_message, rows),
        state=chat_state(chat),
        resume_token=chat_resume_token(chat, place),
    )
