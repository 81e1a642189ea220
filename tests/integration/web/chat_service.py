"""The chat's methods of a fake CustomerService that follows the contract for a few links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest

from care.v1 import customer_service_pb2 as pb
from tests.integration.web.refusals import Failure, abort, fail

Context = grpc.aio.ServicerContext[Message, Message]

FIRST_TIME = datetime(2031, 5, 3, 14, 5, tzinfo=UTC)

_MAX_TEXT = 10_000
_PAGE = 50


@dataclass
class Chat:
    """A chat behind a private link."""

    business_name: str = "Harbor Café"
    state: pb.ChatState.ValueType = pb.CHAT_STATE_OPEN
    messages: list[pb.ChatMessage] = field(default_factory=list)
    posts: list[pb.PostMessageRequest] = field(default_factory=list)
    """The customer's messages, without repeats."""
    is_locked: bool = False
    """Whether the follow-up's chat is not unlocked yet."""
    is_dead: bool = False
    watchers: int = 0
    """The number of open streams."""
    cuts: int = 0
    """How many times all streams were interrupted."""
    is_draining: bool = False
    """Whether the streams were interrupted because the service stops."""
    is_silent: bool = False
    """Whether streams stay open without sending anything."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, text: str, author: pb.ChatAuthor.ValueType = pb.CHAT_AUTHOR_BUSINESS) -> pb.ChatMessage:
        """Adds a message and notifies all streams."""
        message = pb.ChatMessage(id=f"m{len(self.messages) + 1}", author=author, text=text)
        message.create_time.FromDatetime(FIRST_TIME + timedelta(minutes=len(self.messages)))
        async with self.changed:
            self.messages.append(message)
            self.changed.notify_all()
        return message

    async def close(self) -> None:
        """Closes the ticket."""
        async with self.changed:
            self.state = pb.CHAT_STATE_CLOSED
            self.changed.notify_all()

    async def die(self) -> None:
        """Rejects the contact."""
        async with self.changed:
            self.is_dead = True
            self.changed.notify_all()

    async def cut(self) -> None:
        """Interrupts all streams."""
        async with self.changed:
            self.cuts += 1
            self.changed.notify_all()

    async def drain(self) -> None:
        """Ends all streams as a service does when it stops."""
        self.is_draining = True
        await self.cut()

    async def watched_by(self, number: int) -> None:
        """Waits until `number` streams are open."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.watchers == number)


class ChatService:
    """A fake of the chat's methods, with chats by token."""

    def __init__(self) -> None:
        self.chats: dict[str, Chat] = {}
        self.failure: Failure | None = None
        self.post_failure: Failure | None = None
        """A failure of PostMessage only. A page makes two calls, and the state may change between them."""
        self.calls: list[Message] = []

    def add_chat(self, token: str, chat: Chat | None = None) -> Chat:
        chat = self.chats[token] = chat or Chat()
        return chat

    async def GetChat(self, request: pb.GetChatRequest, context: Context) -> pb.GetChatResponse:
        self.calls.append(request)
        if self.failure:
            await fail(context, self.failure)
        chat = await self._chat(request.token, context)
        end = await _place(request.page_token, context, len(chat.messages))
        start = max(0, end - (request.page_size or _PAGE))
        shown = pb.Chat(state=chat.state, business_name=chat.business_name, messages=chat.messages[start:end])
        resume_token = str(end) if end and not request.page_token else ""
        return pb.GetChatResponse(chat=shown, earlier_page_token=str(start) if start else "", resume_token=resume_token)

    async def PostMessage(self, request: pb.PostMessageRequest, context: Context) -> pb.PostMessageResponse:
        self.calls.append(request)
        if failure := self.failure or self.post_failure:
            await fail(context, failure)
        if not 1 <= len(request.text) <= _MAX_TEXT:
            wrong = BadRequest.FieldViolation(field="text", description="is wrong")
            await abort(context, code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", BadRequest(field_violations=[wrong]))
        chat = await self._chat(request.token, context)
        earlier = next((post for post in chat.posts if post.request_id == request.request_id), None)
        if earlier == request:
            return pb.PostMessageResponse()
        if earlier:
            await abort(context, code_pb2.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        if chat.is_locked:
            await abort(context, code_pb2.FAILED_PRECONDITION, "CHAT_LOCKED")
        chat.posts.append(request)
        if chat.state == pb.CHAT_STATE_CLOSED:  # the message goes to the follow-up's chat
            return pb.PostMessageResponse()
        return pb.PostMessageResponse(message=await chat.say(request.text, pb.CHAT_AUTHOR_CUSTOMER))

    async def WatchChat(self, request: pb.WatchChatRequest, context: Context) -> AsyncIterator[pb.WatchChatResponse]:
        self.calls.append(request)
        if self.failure:
            await fail(context, self.failure)
        chat = await self._chat(request.token, context)
        place = await _place(request.resume_token, context, 0)
        said: pb.ChatState.ValueType | None = None
        cuts = chat.cuts
        await _count(chat, 1)
        try:
            while chat.cuts == cuts:
                chat = await self._chat(request.token, context)
                if not chat.is_silent and (chat.messages[place:] or chat.state != said):
                    said, news, place = chat.state, chat.messages[place:], len(chat.messages)
                    yield pb.WatchChatResponse(messages=news, state=said, resume_token=str(place) if place else "")
                    continue
                async with chat.changed:
                    await chat.changed.wait()
            if chat.is_draining:
                await fail(context, Failure(code_pb2.UNAVAILABLE, "DRAINING", retry_seconds=1))
            await abort(context, code_pb2.UNAVAILABLE, "")
        finally:
            await _count(chat, -1)

    async def _chat(self, token: str, context: Context) -> Chat:
        chat = self.chats.get(token)
        if chat is None or chat.is_dead:
            await abort(context, code_pb2.NOT_FOUND, "LINK_UNKNOWN")
        return chat


async def _count(chat: Chat, more: int) -> None:
    async with chat.changed:
        chat.watchers += more
        chat.changed.notify_all()


async def _place(token: str, context: Context, otherwise: int) -> int:
    if token and not token.isdigit():
        await abort(context, code_pb2.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    return int(token) if token else otherwise
