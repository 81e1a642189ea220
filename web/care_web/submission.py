"""What a customer typed into the form, from the request's body to the service's request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Self, get_args
from urllib.parse import parse_qsl
from uuid import UUID, uuid4, uuid5

from care.v1.customer_service_pb2 import SubmitContactRequest
from care_web.visit import PARAMETER

if TYPE_CHECKING:
    from starlette.requests import Request

Field = Literal["email", "phone", "display_name", "message", "consent"]
"""The fields that a customer sees; the form and the contract name them alike."""

FIELDS: Final[tuple[Field, ...]] = get_args(Field)
"""In the order of the page."""

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
MAX_BODY_BYTES: Final = 64 * 1024
"""Several times what a message of 4,000 characters needs, each of them four bytes and percent-encoded."""
_MAX_FIELDS: Final = 20
_NIL: Final = UUID(int=0)
"""The UUID that stands for none (RFC 9562); the service takes it for a mistake."""


class TooLarge(Exception):
    """The body is longer than ``MAX_BODY_BYTES``."""


class Unreadable(Exception):
    """The body has more fields than any form of ours."""


# Without repr: what a customer typed must not get into a log by way of an error's text.
@dataclass(frozen=True, slots=True, repr=False)
class Submission:
    """What was typed, as typed but for white space around it; unchecked, because the service checks it."""

    request_id: str
    """UUID of AIP-155, made with the page: the second click of a double click sends the same."""
    email: str = ""
    phone: str = ""
    display_name: str = ""
    message: str = ""
    consent: bool = False
    switch: str = ""
    """The tag of the language that was asked for instead of sending the form; empty if it was sent."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing has been typed or ticked."""
        return not (self.email or self.phone or self.display_name or self.message or self.consent)

    @classmethod
    def empty(cls) -> Self:
        """Return what a fresh form holds."""
        return cls(request_id=str(uuid4()))

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a URL-encoded form; of a repeated field the last counts, unknown ones don't. Raises ``Unreadable``."""
        try:
            pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:  # only for too many; raised anew, as the text of an error may quote the body
            raise Unreadable from None
        # Nobody types NUL or would see it, and the service refuses it.
        values = {name: value.replace("\0", "") for name, value in pairs}
        return cls(
            request_id=_uuid_or_new(values.get("request_id", "")),
            email=values.get("email", "").strip(),
            phone=values.get("phone", "").strip(),
            display_name=values.get("display_name", "").strip(),
            # Browsers send line ends as CRLF (HTML, "constructing the entry list"), which would count double.
            message=values.get("message", "").replace("\r\n", "\n").strip(),
            consent="consent" in values,
            switch=values.get(PARAMETER, ""),
        )

    def renewed(self) -> Submission:
        """Return the same under another request id, which follows from the old one and the content.

        So a double click on a form that was changed after it was sent is safe too.
        """
        content = "\0".join([self.email, self.phone, self.display_name, self.message, str(self.consent)])
        return replace(self, request_id=str(uuid5(UUID(self.request_id), content)))

    def to_request(self, token: str) -> SubmitContactRequest:
        """Return the service's request."""
        return SubmitContactRequest(
            token=token,
            email=self.email,
            phone=self.phone,
            display_name=self.display_name,
            message=self.message,
            consent=self.consent,
            request_id=self.request_id,
        )


async def read_body(request: Request) -> bytes:
    """Return the request's body; raises ``TooLarge`` as soon as that is known, and reads no further."""
    announced = request.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
    return bytes(body)


def _uuid_or_new(text: str) -> str:
    """Return ``text`` as a UUID, or a new one: a page that was tampered with loses only the protection of the id."""
    try:
        request_id = UUID(text)
    except ValueError:
        request_id = _NIL
    return str(uuid4() if request_id == _NIL else request_id)
