"""Reads what a page's form posted."""

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
"""The UUID that stands for none (RFC 9562); the service takes it for a mistake."""


class NotPosted(Exception):
    """The request is none that a form of ours makes; ``status`` says why."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status: Final = status


async def read_form(request: Request, max_bytes: int) -> Mapping[str, str]:
    """Return the fields of the form that was posted. Raises ``NotPosted``."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise NotPosted(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return parse_form(await _read_body(request, max_bytes))


def parse_form(body: bytes) -> Mapping[str, str]:
    """Read a URL-encoded form; of a repeated field the last counts. Raises ``NotPosted``."""
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:  # only for too many; raised anew, as the text of an error may quote the body
        raise NotPosted(HTTPStatus.BAD_REQUEST) from None
    # Nobody types NUL or would see it, and the service refuses it.
    return {name: value.replace("\0", "") for name, value in pairs}


def prose(value: str) -> str:
    """Return what was typed into a text area, without white space around it.

    Browsers send line ends as CRLF (HTML, "constructing the entry list"), which would count double.
    """
    return value.replace("\r\n", "\n").strip()


def uuid_or_new(text: str) -> str:
    """Return ``text`` as a UUID, or a new one: a page that was tampered with loses only the protection of the id."""
    try:
        request_id = UUID(text)
    except ValueError:
        request_id = _NIL
    return str(uuid4() if request_id == _NIL else request_id)


def renewed_id(request_id: str, *content: str) -> str:
    """Return another request id, which follows from the old one and the content.

    So a double click on a form that was changed after it was sent is safe too.
    """
    return str(uuid5(UUID(request_id), "\0".join(content)))


async def _read_body(request: Request, max_bytes: int) -> bytes:
    """Return the request's body; raises ``NotPosted`` as soon as it is too long, and reads no further."""
    announced = request.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > max_bytes:
        raise NotPosted(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise NotPosted(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
