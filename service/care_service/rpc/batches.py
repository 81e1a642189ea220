"""Batches (AIP-231): many requests of one method in one call. Each is served on its own, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from typing import Final, Protocol, TypeVar
from uuid import UUID, uuid5

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from care_rules import names
from care_rules.names import BadNameError
from care_rules.refusals import Refusal
from care_service.rpc.call import Call
from care_service.rpc.errors import CODES, to_status
from care_service.rpc.fields import Fields

MAX_ITEMS: Final = 100
_BATCH_FAILURES: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""Codes that end the whole batch, because the next items would fail in the same way. The call can be repeated."""


class Item(Protocol):
    """An item of a batch: a request of the method that serves one item."""

    request_id: str


ItemT = TypeVar("ItemT", bound=Item)
ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True)
ResponseT = TypeVar("ResponseT", bound=Message)


class Batch(Protocol[ItemT_co]):
    """A request of a batch method."""

    parent: str
    request_id: str

    @property
    def requests(self) -> Sequence[ItemT_co]:
        """The items, each a request of the method that serves one item."""
        ...


async def serve_each(
    batch: Batch[ItemT],
    call: Call,
    belongs_to: Callable[[ItemT, str], bool],
    serve: Callable[[ItemT], Awaitable[ResponseT]],
) -> list[tuple[Status, ResponseT | None]]:
    """Returns the status of each item, and its response if it succeeded, in the order of the request.

    `belongs_to` tells whether an item belongs to the batch's parent. Refuses the whole batch with INVALID_FIELD, and
    serves nothing, if an item belongs to another parent, or if the batch does not have 1 to MAX_ITEMS items. If an item
    fails because the database is unavailable or a time limit is reached, refuses the call for the same reason. The
    items before it remain done.
    """
    fields = Fields()
    organization = fields.name("parent", batch.parent, names.parse_organization, "")
    request_id = fields.request_id(batch.request_id)
    count = len(batch.requests)
    if not 1 <= count <= MAX_ITEMS:
        fields.reject("requests", f"must have 1 to {MAX_ITEMS} items; it has {count}")
    elif organization:
        for index, item in enumerate(batch.requests):
            if not belongs_to(item, organization):
                fields.reject(f"requests[{index}]", f"must belong to {batch.parent}, the parent of the batch")
    fields.check()
    call.caller.check_organization(organization, batch.parent)
    return [
        await _serve_item(_with_request_id(item, request_id, index), serve) for index, item in enumerate(batch.requests)
    ]


async def _serve_item(item: ItemT, serve: Callable[[ItemT], Awaitable[ResponseT]]) -> tuple[Status, ResponseT | None]:
    try:
        return Status(), await serve(item)
    except Refusal as refusal:
        if CODES[refusal.reason] in _BATCH_FAILURES:
            raise
        return to_status(refusal), None


def _with_request_id(item: ItemT, batch_id: UUID | None, index: int) -> ItemT:
    """Returns the item with a request id.

    If it has none, the id is derived from the batch's id. So a repeat of the batch uses the same ids for its items.
    """
    if batch_id is None or item.request_id:
        return item
    copied = deepcopy(item)
    copied.request_id = str(uuid5(batch_id, str(index)))
    return copied


def ticket_belongs_to(name: str, organization: str) -> bool:
    """Tells whether a ticket belongs to an organization.

    Returns True for an invalid name. Then only the item with this name is refused, not the batch.
    """
    try:
        return names.parse_ticket(name).organization == organization
    except BadNameError:
        return True
