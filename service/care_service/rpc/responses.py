"""Responses of commands: converted from the outcome of a use case, or read from the stored response (AIP-155)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from care_service.rpc.call import Call
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Replayable, Request

OutcomeT = TypeVar("OutcomeT")
ResponseT = TypeVar("ResponseT", bound=Message)


class Repeatable(Protocol):
    """A request that can be repeated safely."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """See google.protobuf.message.Message."""
        ...


def fingerprint(method: str, request: Repeatable, request_id: UUID) -> bytes:
    """Returns the SHA-256 of the method and the request's bytes, to recognize a different request with the same id.

    `request_id` is the parsed `request.request_id`, whose letter case does not matter (RFC 9562, section 4).
    """
    if request.request_id != str(request_id):
        request = deepcopy(request)
        request.request_id = str(request_id)
    return sha256(f"{method}\0".encode() + request.SerializeToString(deterministic=True)).digest()


class Responder(Generic[OutcomeT, ResponseT]):
    """Makes the request for a use case, and converts the use case's outcome to the response.

    Converts an outcome only once, so that the caller and later repeats get the same response.
    """

    def __init__(
        self,
        call: Call,
        request: Repeatable,
        request_id: UUID | None,
        response_type: type[ResponseT],
        convert: Callable[[OutcomeT], ResponseT],
        etag: str = "",
    ) -> None:
        self._response_type = response_type
        self._convert = convert
        self._encoded: tuple[OutcomeT, ResponseT] | None = None
        self.request: Request[OutcomeT] = Request(
            caller=call.caller,
            now=call.now,
            id=request_id,
            fingerprint=fingerprint(call.method, request, request_id) if request_id is not None else b"",
            encode=self._encode,
            etag=etag,
        )

    def respond(self, outcome: Replayable[OutcomeT]) -> ResponseT:
        """Returns the response for the caller."""
        if isinstance(outcome, StoredResponse):
            return self._response_type.FromString(outcome.body)
        # The encoded outcome may be from an earlier attempt, whose commit failed.
        if self._encoded is not None and self._encoded[0] is outcome:
            return self._encoded[1]
        return self._convert(outcome)

    def _encode(self, outcome: OutcomeT) -> bytes:
        response = self._convert(outcome)
        self._encoded = (outcome, response)
        return response.SerializeToString(deterministic=True)
