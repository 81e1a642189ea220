"""A fake CustomerService that follows the contract for a few links, served over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import (
    CustomerServiceServicer,
    add_CustomerServiceServicer_to_server,
)
from tests.integration.web.chat_service import ChatService
from tests.integration.web.refusals import Failure, abort, fail

Context = grpc.aio.ServicerContext[Message, Message]

EXPIRE_TIME = datetime(2031, 5, 3, 14, 5, tzinfo=UTC)

REFERENCE = "3F9A-12C7"

REPLY_TEXT = """Dear guest,

we are sorry that your table was not ready. Please tell us how to reach you: {link}

The team"""


@dataclass
class Link:
    """A form and its submissions."""

    form: pb.ContactForm
    claims: list[pb.SubmitContactRequest] = field(default_factory=list)
    """The accepted submissions, without repeats."""

    @property
    def takes_answers(self) -> bool:
        return self.form.state in _TAKING_ANSWERS


class CustomerService(ChatService, CustomerServiceServicer):
    """A fake with forms by token. If ``failure`` is set, every call fails."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, Link] = {}
        self.submit_failure: Failure | None = None
        """A failure of submissions only. A page makes two calls, and the state may change between them."""
        self.reference = REFERENCE
        self.arrived = asyncio.Event()
        """Set when a submission has arrived."""
        self.held: asyncio.Event | None = None
        """If set, submissions wait for this event."""

    def add(
        self,
        token: str,
        state: pb.ContactFormState.ValueType = pb.CONTACT_FORM_STATE_OPEN,
        *,
        business_name: str = "Harbor Café",
        reply_text: str = REPLY_TEXT.replace("{link}", "").strip(),
        consent_text: str = "Harbor Café may use these details to get in touch about this review.",
        phone_region: str = "",
    ) -> Link:
        form = pb.ContactForm(
            state=state, business_name=business_name, consent_text=consent_text, phone_region=phone_region
        )
        form.expire_time.FromDatetime(EXPIRE_TIME)
        link = self.links[token] = Link(form)
        if link.takes_answers:
            form.reply_text = reply_text
        return link

    async def GetContactForm(self, request: pb.GetContactFormRequest, context: Context) -> pb.GetContactFormResponse:
        self.calls.append(request)
        if self.failure:
            await fail(context, self.failure)
        return pb.GetContactFormResponse(form=(await self._link(request.token, context)).form)

    async def SubmitContact(self, request: pb.SubmitContactRequest, context: Context) -> pb.SubmitContactResponse:
        self.calls.append(request)
        self.arrived.set()
        if self.held:
            await self.held.wait()
        failure = self.failure or self.submit_failure
        if failure and not failure.after_acting:
            await fail(context, failure)
        link = self.links.get(request.token)
        region = link.form.phone_region if link else ""
        if violations := list(_violations(request, region)):
            await abort(context, code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", BadRequest(field_violations=violations))
        link = await self._link(request.token, context)
        earlier = next((claim for claim in link.claims if claim.request_id == request.request_id), None)
        if earlier is None:
            await self._accept(link, request, context)
        elif earlier != request:
            await abort(context, code_pb2.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        if failure:
            await fail(context, failure)
        return pb.SubmitContactResponse(reference=self.reference)

    async def _accept(self, link: Link, request: pb.SubmitContactRequest, context: Context) -> None:
        if not link.takes_answers:
            await abort(context, code_pb2.FAILED_PRECONDITION, _ENDINGS[link.form.state])
        link.claims.append(request)
        link.form.state = pb.CONTACT_FORM_STATE_ANSWERED

    async def _link(self, token: str, context: Context) -> Link:
        link = self.links.get(token)
        if link is None:
            await abort(context, code_pb2.NOT_FOUND, "LINK_UNKNOWN")
        return link


_TAKING_ANSWERS = frozenset({pb.CONTACT_FORM_STATE_OPEN, pb.CONTACT_FORM_STATE_ANSWERED, pb.CONTACT_FORM_STATE_CLOSED})

_ENDINGS = {
    pb.CONTACT_FORM_STATE_EXPIRED: "LINK_EXPIRED",
    pb.CONTACT_FORM_STATE_WITHDRAWN: "LINK_WITHDRAWN",
    pb.CONTACT_FORM_STATE_REPLACED: "LINK_WITHDRAWN",
}

_MAX_NAME, _MAX_MESSAGE = 200, 4000


@asynccontextmanager
async def serve(service: CustomerService) -> AsyncIterator[str]:
    """Serves ``service`` on a free port; yields ``host:port``."""
    server = grpc.aio.server()
    add_CustomerServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=None)


def _violations(request: pb.SubmitContactRequest, region: str) -> list[BadRequest.FieldViolation]:
    wrong = {
        "email": bool(request.email) and not _is_email(request.email),
        "phone": bool(request.phone) and not _is_phone(request.phone, region),
        "display_name": len(request.display_name) > _MAX_NAME,
        "message": len(request.message) > _MAX_MESSAGE,
        "consent": not request.consent,
    }
    if not request.email and not request.phone:
        wrong |= {"email": True, "phone": True}
    return [BadRequest.FieldViolation(field=name, description="is wrong") for name, is_so in wrong.items() if is_so]


def _is_email(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _is_phone(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region or None))
    except phonenumbers.NumberParseException:
        return False
