"""Reads, writes and watches a chat through the service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from care.v1 import customer_service_pb2 as pb
from care_client.errors import CareError
from care_client.watching import MAX_SILENCE, raise_on_silence
from care_web.business_name import clean_business_name
from care_web.service_errors import DEFAULT_WAIT, TryLater, convert_error, convert_read_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub
    from care_web.draft import Draft

# The deadlines of calls, in seconds. They limit how long a customer waits for a web page.
_READ_SECONDS: Final = 5.0
_POST_SECONDS: Final = 10.0
_DRAINING: Final = "DRAINING"
"""The error reason on streams that the service ends because it is shutting down."""
_LOCKED_WAIT: Final = timedelta(minutes=1)
"""How long to wait for a chat that opens, because the service's error does not say."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as the web page shows it."""

    id: str
    is_from_customer: bool
    text: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Chat:
    """A batch of consecutive messages, oldest first, with the state of the chat."""

    business_name: str
    """One line, safe to show inside other text. May be empty."""
    is_closed: bool
    """Whether the business closed the case. The customer can still write; the case then continues in a new chat."""
    messages: Sequence[ChatMessage]
    earlier_page_token: str
    """Pass this to ``read`` to get the messages before these. Empty if there are no earlier messages."""
    resume_token: str
    """Pass this to ``watch`` to continue after the latest message.

    Empty if the chat has no messages, or if ``read`` had an argument for ``before``.
    """


@dataclass(frozen=True, slots=True)
class ChatUpdate:
    """The state of a watched chat, and the messages since the previous update."""

    is_closed: bool
    messages: Sequence[ChatMessage]
    resume_token: str


class InvalidPageToken(Exception):
    """A page token or a resume token does not belong to this chat."""


class ChatLocked(TryLater):
    """The chat cannot take a message now. Usually the case continues in a new chat, which is not open yet."""

    key = "locked"
    status = HTTPStatus.CONFLICT


class ChatClient:
    """Calls ``CustomerService`` for the chat's web page."""

    def __init__(self, service: CustomerServiceAsyncStub, max_silence: float = MAX_SILENCE) -> None:
        """``max_silence`` is how many seconds a stream may send nothing before it counts as broken."""
        self._service = service
        self._max_silence = max_silence

    async def read(self, token: str, before: str = "") -> Chat:
        """Returns the latest messages, or with a page token in ``before`` the messages before a page.

        Raises ``LinkUnknown``, ``InvalidPageToken`` or ``TryLater``; each class says when.
        """
        request = pb.GetChatRequest(token=token, page_token=before)
        try:
            response = await self._service.GetChat(request, timeout=_READ_SECONDS)
        except CareError as error:
            raise _convert_paging_error("GetChat", error) from None
        return Chat(
            business_name=clean_business_name(response.chat.business_name),
            is_closed=response.chat.state == pb.CHAT_STATE_CLOSED,
            messages=_convert_messages(response.chat.messages),
            earlier_page_token=response.earlier_page_token,
            resume_token=response.resume_token,
        )

    async def post(self, token: str, draft: Draft) -> None:
        """Sends a message. The call is safe to repeat.

        Raises ``LinkUnknown``, ``InvalidFields`` or ``TryLater`` (``ChatLocked`` is one); each class says when.
        """
        try:
            try:
                await self._post(token, draft)
            except CareError as error:
                if error.reason != "REQUEST_ID_REUSED":
                    raise
                # The customer went back, edited the message and sent it again. Treat the edit as a new message.
                await self._post(token, draft.with_new_request_id())
        except CareError as error:
            if error.reason == "CHAT_LOCKED":
                raise ChatLocked(error.retry_after or _LOCKED_WAIT) from None
            raise convert_error("PostMessage", error) from None

    async def watch(self, token: str, resume_token: str = "") -> AsyncGenerator[ChatUpdate, None]:
        """Yields updates, beginning with the messages after ``resume_token``. An empty token begins with all messages.

        Later updates have new messages or a new state. The stream ends when the service shuts down. Raises
        ``LinkUnknown``, ``InvalidPageToken`` or ``TryLater``; each class says when.
        """
        request = pb.WatchChatRequest(token=token, resume_token=resume_token)
        try:
            async for response in raise_on_silence(self._service.WatchChat(request), self._max_silence):
                yield ChatUpdate(
                    is_closed=response.state == pb.CHAT_STATE_CLOSED,
                    messages=_convert_messages(response.messages),
                    resume_token=response.resume_token,
                )
        except TimeoutError:
            raise TryLater(DEFAULT_WAIT) from None
        except CareError as error:
            if error.reason == _DRAINING:
                return
            if error.retryable:  # not logged, because all streams end at once when the service restarts
                raise TryLater(error.retry_after or DEFAULT_WAIT) from None
            raise _convert_paging_error("WatchChat", error) from None

    async def _post(self, token: str, draft: Draft) -> None:
        request = pb.PostMessageRequest(token=token, text=draft.text, request_id=draft.request_id)
        await self._service.PostMessage(request, timeout=_POST_SECONDS)


def _convert_paging_error(method: str, error: CareError) -> Exception:
    return InvalidPageToken() if error.reason == "INVALID_PAGE_TOKEN" else convert_read_error(method, error)


def _convert_messages(messages: Iterable[pb.ChatMessage]) -> list[ChatMessage]:
    return [
        ChatMessage(
            id=message.id,
            is_from_customer=message.author == pb.CHAT_AUTHOR_CUSTOMER,
            text=message.text,
            create_time=message.create_time.ToDatetime(UTC),
        )
        for message in messages
    ]
