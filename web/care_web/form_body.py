"""Reads the body of a submitted HTML form."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl
from uuid import UUID, uuid4, uuid5

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 20
_NIL: Final = UUID(int=0)
"""The nil UUID (RFC 9562), which the service refuses."""


class InvalidFormBody(Exception):
    """The body is too long, or no form of these pages sends such a body. ``status`` says what is wrong."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status: Final = status


async def read_form(request: Request, max_bytes: int) -> Mapping[str, str]:
    """Returns the fields of the submitted form.

    Raises ``InvalidFormBody`` if the body is longer than ``max_bytes`` or is not a URL-encoded form.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise InvalidFormBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return parse_form(await _read_body(request, max_bytes))


def parse_form(body: bytes) -> Mapping[str, str]:
    """Returns the fields of a URL-encoded form. A repeated field has its last value.

    Raises ``InvalidFormBody`` if there are too many fields.
    """
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:  # too many fields; the cause is dropped, because its message may quote the body
        raise InvalidFormBody(HTTPStatus.BAD_REQUEST) from None
    # Removes NUL characters, because the service refuses them. They are invisible, and nobody types them.
    return {name: value.replace("\0", "") for name, value in pairs}


def normalize_text(value: str) -> str:
    """Returns the value of a text area with LF line endings and without surrounding whitespace.

    Browsers send line endings as CRLF (HTML, "constructing the entry list"), which would count as two characters.
    """
    return value.replace("\r\n", "\n").strip()


def request_id_or_new(text: str) -> str:
    """Returns ``text`` if it is a UUID that the service accepts; otherwise a new UUID.

    So a form without a valid request id still works, but is not protected against being sent twice.
    """
    try:
        request_id = UUID(text)
    except ValueError:
        request_id = _NIL
    return str(uuid4() if request_id == _NIL else request_id)


def derive_request_id(request_id: str, *content: str) -> str:
    """Returns a request id that depends only on the previous one and the content.

    So an edited form that is sent again is protected against a double click, too.
    """
    return str(uuid5(UUID(request_id), "\0".join(content)))


async def _read_body(request: Request, max_bytes: int) -> bytes:
    """Returns the request's body. Stops reading and raises ``InvalidFormBody`` if it is longer than ``max_bytes``."""
    declared = request.headers.get("Content-Length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > max_bytes:
        raise InvalidFormBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise InvalidFormBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
