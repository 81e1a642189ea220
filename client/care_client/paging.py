"""Iterates over the results of List methods (AIP-158), page by page or item by item."""

from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, TypeVar, overload

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from grpc.aio import UnaryUnaryMultiCallable

from care.v1.activity_pb2 import Activity
from care.v1.conversation_service_pb2 import (
    ListContactsResponse,
    ListMessagesResponse,
    ListRecoveriesResponse,
    ListUnmatchedMessagesResponse,
    UnmatchedMessage,
)
from care.v1.directory_pb2 import Agent, Location
from care.v1.directory_service_pb2 import ListAgentsResponse, ListLocationsResponse
from care.v1.message_pb2 import Message as ThreadMessage
from care.v1.recovery_pb2 import Contact, Recovery
from care.v1.review_pb2 import Review
from care.v1.review_service_pb2 import ListReviewsResponse
from care.v1.settings_pb2 import SettingsRevision
from care.v1.settings_service_pb2 import ListSettingsRevisionsResponse
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import ListActivitiesResponse, ListTicketsResponse


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=_Page)
_PAGE_TOKEN: Final = "page_token"  # noqa: S105  (not a credential)


async def pages(
    method: UnaryUnaryMultiCallable[_Request, _Response], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[_Response]:
    """Yields the responses of a List method, from the page that ``request`` asks for to the last one.

    ``async for page in pages(care.tickets.ListTickets, request)``. ``timeout`` is the deadline of each call in seconds.
    ``request`` is not changed.
    """
    next_request = type(request)()
    next_request.CopyFrom(request)
    while True:
        page = await method(next_request, timeout=timeout)
        yield page
        if not page.next_page_token:
            return
        setattr(next_request, _PAGE_TOKEN, page.next_page_token)


@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListTicketsResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Ticket]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListActivitiesResponse],
    request: _Request,
    *,
    timeout: float | None = None,
) -> AsyncIterator[Activity]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListMessagesResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[ThreadMessage]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListUnmatchedMessagesResponse],
    request: _Request,
    *,
    timeout: float | None = None,
) -> AsyncIterator[UnmatchedMessage]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListRecoveriesResponse],
    request: _Request,
    *,
    timeout: float | None = None,
) -> AsyncIterator[Recovery]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListContactsResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Contact]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListReviewsResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Review]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListLocationsResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Location]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListSettingsRevisionsResponse],
    request: _Request,
    *,
    timeout: float | None = None,
) -> AsyncIterator[SettingsRevision]: ...
@overload
def items(
    method: UnaryUnaryMultiCallable[_Request, ListAgentsResponse], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Agent]: ...
async def items(
    method: UnaryUnaryMultiCallable[_Request, Any], request: _Request, *, timeout: float | None = None
) -> AsyncIterator[Any]:
    """Yields the items of a List method, from the page that ``request`` asks for to the last one.

    ``async for ticket in items(care.tickets.ListTickets, request)``. Arguments are those of ``pages``. The next
    page is requested only after all items of the previous page were yielded, so leaving the loop early saves calls.
    """
    async for page in pages(method, request, timeout=timeout):
        for item in getattr(page, _items_field(page)):
            yield item


def _items_field(page: Message) -> str:
    """Returns the name of the field that holds the items: the response's only repeated message field."""
    (name,) = (f.name for f in page.DESCRIPTOR.fields if f.is_repeated and f.type == FieldDescriptor.TYPE_MESSAGE)
    return str(name)
