"""The chat's half of CustomerService: what a private link opens. No token is ever logged here."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import customer_service_pb2 as pb
from care_rules import commands, entities
from care_rules.callers import customer
from care_rules.chat import ChatSnapshot, ChatState, post_message, verified
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal
from care_service.rpc import convert, enums, page_tokens
from care_service.rpc.call import Call, current_call
from care_service.rpc.execute import Repeat, timed, until_committed
from care_service.rpc.fields import LONG_TEXT, Fields
from care_service.rpc.link_limits import LinkLimit, without_metadata
from care_service.rpc.raising import follow_up
from care_service.usecases.links import Links
from care_service.usecases.ports import REQUEST_ID_LIFETIME, Reader, StoredResponse, TicketStore
from care_service.usecases.streams import Followers

Context = grpc.aio.ServicerContext[Message, Message]

_BATCH: Final = 100
_MESSAGES: Final = 30
"""Per minute, link and process: more than a person writes."""
_LOOKS: Final = 120
"""Likewise: more than a person reloads a page."""
_STREAMS: Final = 10
"""Of one link at a time, in one process: more than a person has windows open."""
_STREAMS_WAIT: Final = timedelta(seconds=30)


class Chats:
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links, followers: Followers) -> None:
        self._store = store
        self._reader = reader
        self._links = links
        self._followers = followers
        self._messages = LinkLimit(_MESSAGES, "Too many messages by this link: wait a minute.")
        self._looks = LinkLimit(_LOOKS, "The chat is read too often by this link: wait a minute, or use WatchChat.")
        self._streams: Counter[UUID] = Counter()
        """Open ones, by contact."""

    async def GetChat(self, request: pb.GetChatRequest, context: Context) -> pb.GetChatResponse:
        """See the contract."""
        fields = Fields()
        size = fields.page_size(request.page_size)
        fields.check()
        chat = await self._opened(request.token)
        await self._looks.check(str(chat.contact.id))
        scope = f"chat {chat.contact.id}"
        before = page_tokens.read_token(request.page_token, scope, _place)
        rows = await self._reader.chat_messages(chat, before, size + 1)
        messages, token = page_tokens.cut(
            rows,
            size,
            convert.chat_message,
            lambda row: page_tokens.make_token(scope, row.activity_number, row.ordinal),
        )
        return pb.GetChatResponse(
            chat=pb.Chat(
                state=enums.CHAT_STATE.to_contract(chat.state),
                business_name=_business(chat),
                messages=reversed(messages),
            ),
            earlier_page_token=token,
            resume_token=_resume_token(chat, rows[0]) if rows and before is None else "",
        )

    async def WatchChat(
        self, request: pb.WatchChatRequest, context: Context
    ) -> AsyncGenerator[pb.WatchChatResponse, None]:
        """See the contract."""
        chat = await self._opened(request.token)
        ticket = chat.snapshot.ticket
        place = page_tokens.read_token(request.resume_token, _watch_scope(chat), _place)
        said: ChatState | None = None
        with self._one_stream(chat.contact.id):
            async with self._followers.following(ticket.organization, ticket.number) as interest:
                has_news = True
                while not interest.is_over:
                    rows: Sequence[entities.Message] = ()
                    if has_news:
                        # Loaded each time: a contact that was rejected in the meantime is shown nothing more.
                        chat, _ = await until_committed(
                            self._store, lambda store: self._load_chat(store, request.token, None), None
                        )
                        rows = await self._reader.chat_messages_after(chat, place, _BATCH)
                        place = (rows[-1].activity_number, rows[-1].ordinal) if rows else place
                    if rows or chat.state is not said or interest.is_silent:
                        said = chat.state
                        yield _watched(chat, rows, place)
                        interest.spoke()
                    if len(rows) < _BATCH:
                        has_news = await interest.wait()

    async def PostMessage(self, request: pb.PostMessageRequest, context: Context) -> pb.PostMessageResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        request_id = fields.request_id(request.request_id)
        command = commands.PostMessage(
            text=fields.text("text", request.text, LONG_TEXT, required=True),
            message_id=uuid7(),
            recovery_id=uuid7(),
            contact_id=uuid7(),
            review_message_id=uuid7(),
        )
        fields.check()
        seen = await self._opened(request.token)
        await self._messages.check(str(seen.contact.id), request)

        async def once(store: TicketStore) -> pb.PostMessageResponse:
            chat, kept = await self._load_chat(store, request.token, request_id)
            caller = customer(str(chat.contact.id))
            repeat = Repeat(Call(call.method, caller, call.now), chat.contact.organization, request, request_id)
            if (answer := repeat.replay(kept, pb.PostMessageResponse)) is not None:
                return answer
            # Decided before a number is taken, so that a refusal leaves no gap; then again, with the number.
            decision = post_message(chat, 0, command, caller, call.now, request_id)
            if decision is None:
                return pb.PostMessageResponse()
            # What the team of another ticket was handed is in no chat yet.
            written = convert.chat_message(decision.messages[-1]) if decision.messages else None
            response = pb.PostMessageResponse(message=written)
            if decision.followed is None:
                await store.commit(timed(chat.target, decision), repeat.record(response))
            else:
                decision = await follow_up(
                    store, chat.target, lambda number: post_message(chat, number, command, caller, call.now, request_id)
                )
                await store.commit_new(timed(chat.target, decision), repeat.record(response))
            return response

        async def place() -> TicketName:
            chat, _ = await until_committed(
                self._store, lambda store: self._load_chat(store, request.token, None), None
            )
            return TicketName(chat.target.ticket.organization, chat.target.ticket.number)

        with without_metadata():
            return await until_committed(self._store, once, place)

    @contextmanager
    def _one_stream(self, contact: UUID) -> Iterator[None]:
        """Counts a stream for the block; refuses with RATE_LIMITED one too many, which would take others' places."""
        if self._streams[contact] >= _STREAMS:
            words = "Too many streams by this link: close one, or come again later."
            raise Refusal(Reason.RATE_LIMITED, words, retry_after=_STREAMS_WAIT)
        self._streams[contact] += 1
        try:
            yield
        finally:
            self._streams[contact] -= 1
            if not self._streams[contact]:
                del self._streams[contact]

    async def _opened(self, token: str) -> ChatSnapshot:
        """Loads the chat of a link, and notes its first use."""
        call = current_call()
        seen, _ = await until_committed(self._store, lambda store: self._load_chat(store, token, None), None)
        if verified(seen, customer(str(seen.contact.id)), call.now) is None:
            return seen
        ticket = seen.snapshot.ticket

        async def once(store: TicketStore) -> ChatSnapshot:
            chat, _ = await self._load_chat(store, token, None)
            decision = verified(chat, customer(str(chat.contact.id)), call.now)
            if decision is not None:
                await store.commit(timed(chat.snapshot, decision), None)
            return chat

        with without_metadata():
            return await until_committed(self._store, once, TicketName(ticket.organization, ticket.number))

    async def _load_chat(
        self, store: TicketStore, token: str, request_id: UUID | None
    ) -> tuple[ChatSnapshot, StoredResponse | None]:
        found = self._links.read_chat_token(token)
        loaded = (
            await store.load_chat(found[0], request_id, current_call().now - REQUEST_ID_LIFETIME) if found else None
        )
        # A contact keeps the key that its link was made with: another key's token for it is forged.
        if found is None or loaded is None or loaded[0].contact.key_id != found[1] or loaded[0].is_dead:
            raise Refusal(Reason.LINK_UNKNOWN, "The link is none of ours: open it again from the message it came in.")
        return loaded


def _place(key: list[str | int]) -> tuple[int, int]:
    return page_tokens.number(key[0]), page_tokens.number(key[1])


def _watch_scope(chat: ChatSnapshot) -> str:
    return f"watch chat {chat.contact.id}"


def _resume_token(chat: ChatSnapshot, last: entities.Message) -> str:
    return page_tokens.make_token(_watch_scope(chat), last.activity_number, last.ordinal)


def _watched(
    chat: ChatSnapshot, rows: Sequence[entities.Message], place: tuple[int, int] | None
) -> pb.WatchChatResponse:
    return pb.WatchChatResponse(
        messages=map(convert.chat_message, rows),
        state=enums.CHAT_STATE.to_contract(chat.state),
        # Before the first message there is no place to resume from but the beginning.
        resume_token=page_tokens.make_token(_watch_scope(chat), *place) if place else "",
    )


def _business(chat: ChatSnapshot) -> str:
    location = chat.snapshot.location
    return (location and location.display_name) or chat.snapshot.organization.display_name
