"""What the chat's page asks of the service: to read, to write and to follow, and how each of these can fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from care.v1 import customer_service_pb2 as pb
from care_client.errors import CareError
from care_client.watching import LONGEST_SILENCE, heard
from care_web.customers import one_line
from care_web.failures import DEFAULT_WAIT, TryLater, reading_refusal, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub
    from care_web.draft import Draft

_READ_SECONDS: Final = 5.0
_POST_SECONDS: Final = 10.0
"""Deadlines of the calls; a person looks at an empty page for that long at most."""
_DRAINING: Final = "DRAINING"
"""Ends every stream of a service that stops, in an orderly way."""
_LOCKED_WAIT: Final = timedelta(minutes=1)
"""How long it takes to open a chat, mostly; the refusal does not say."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as the page shows it."""

    id: str
    is_customers: bool
    text: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Chat:
    """Some messages of a chat that follow each other, the oldest first, and what is said around them."""

    business_name: str
    """One line without characters that change the direction of the text around it; may be empty."""
    is_closed: bool
    """Whether the business closed the case; a message still is taken, for a new chat."""
    messages: Sequence[ChatMessage]
    earlier: str
    """The page token of the messages before these; empty where there are none."""
    resume_token: str
    """The place after the latest messages, to watch from; empty where there are none, or these are earlier ones."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a chat that is followed."""

    is_closed: bool
    messages: Sequence[ChatMessage]
    resume_token: str


class NoSuchPlace(Exception):
    """A page token or a resume token is none of this chat's."""


class ChatLocked(TryLater):
    """The case goes on in a new chat, which isn't open yet."""

    name = "locked"
    status = HTTPStatus.CONFLICT


class Chats:
    """``CustomerService`` in the words of the chat's page."""

    def __init__(self, service: CustomerServiceAsyncStub, longest_silence: float = LONGEST_SILENCE) -> None:
        """``longest_silence`` is the seconds after which a stream of which nothing is heard is given up."""
        self._service = service
        self._longest_silence = longest_silence

    async def read(self, token: str, before: str = "") -> Chat:
        """Return the latest messages, or those before a place.

        Raises ``LinkUnknown``, ``NoSuchPlace`` and ``TryLater``.
        """
        try:
            answer = await self._service.GetChat(
                pb.GetChatRequest(token=token, page_token=before), timeout=_READ_SECONDS
            )
        except CareError as error:
            raise _reading_refusal("GetChat", error) from None
        return Chat(
            business_name=one_line(answer.chat.business_name),
            is_closed=answer.chat.state == pb.CHAT_STATE_CLOSED,
            messages=_messages(answer.chat.messages),
            earlier=answer.earlier_page_token,
            resume_token=answer.resume_token,
        )

    async def post(self, token: str, draft: Draft) -> None:
        """Write a message; safe to repeat.

        Raises ``LinkUnknown``, ``NotAccepted``, ``ChatLocked``, ``TooMany`` and ``TryLater``.
        """
        try:
            try:
                await self._post(token, draft)
            except CareError as error:
                if error.reason != "REQUEST_ID_REUSED":
                    raise
                # The page was sent before with other words in it, by way of the browser's "back": a further message.
                await self._post(token, draft.renewed())
        except CareError as error:
            if error.reason == "CHAT_LOCKED":
                raise ChatLocked(error.retry_after or _LOCKED_WAIT) from None
            raise refusal("PostMessage", error) from None

    async def watch(self, token: str, resume_token: str = "") -> AsyncGenerator[News, None]:
        """Yield what the chat holds, or what came after ``resume_token``, and then what comes.

        Ends when the service stops. Raises ``LinkUnknown``, ``NoSuchPlace`` and ``TryLater``.
        """
        try:
            request = pb.WatchChatRequest(token=token, resume_token=resume_token)
            async for answer in heard(self._service.WatchChat(request), self._longest_silence):
                yield News(answer.state == pb.CHAT_STATE_CLOSED, _messages(answer.messages), answer.resume_token)
        except TimeoutError:
            raise TryLater(DEFAULT_WAIT) from None
        except CareError as error:
            if error.reason == _DRAINING:
                return
            if error.retryable:  # streams end when the service restarts, all at once: not worth a line each
                raise TryLater(error.retry_after or DEFAULT_WAIT) from None
            raise _reading_refusal("WatchChat", error) from None

    async def _post(self, token: str, draft: Draft) -> None:
        request = pb.PostMessageRequest(token=token, text=draft.text, request_id=draft.request_id)
        await self._service.PostMessage(request, timeout=_POST_SECONDS)


def _reading_refusal(method: str, error: CareError) -> Exception:
    return NoSuchPlace() if error.reason == "INVALID_PAGE_TOKEN" else reading_refusal(method, error)


def _messages(messages: Iterable[pb.ChatMessage]) -> list[ChatMessage]:
    return [
        ChatMessage(
            id=message.id,
            is_customers=message.author == pb.CHAT_AUTHOR_CUSTOMER,
            text=message.text,
            create_time=message.create_time.ToDatetime(UTC),
        )
        for message in messages
    ]
