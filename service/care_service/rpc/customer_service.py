"""CustomerService: serves forms and chats to the holders of their links. Logs no token and no address."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import grpc
from google.protobuf.message import Message

from care.v1 import customer_service_pb2 as pb
from care.v1 import customer_service_pb2_grpc
from care_rules.chat import ChatSnapshot
from care_rules.entities.message import Message as ThreadMessage
from care_rules.replies import remove_link
from care_rules.submit import FormState, form_state
from care_service.rpc import convert, enums, page_tokens
from care_service.rpc.call import current_call
from care_service.rpc.chat_stream import ChatStreams, chat_place, chat_resume_token, chat_state
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.link_limits import LinkLimit
from care_service.rpc.responses import Responder
from care_service.usecases import chats, forms
from care_service.usecases.forms import Submission
from care_service.usecases.links import Links
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.subscriptions import Subscriptions

Context = grpc.aio.ServicerContext[Message, Message]

_MESSAGE: Final = 4_000
_READABLE: Final = frozenset({FormState.OPEN, FormState.ANSWERED, FormState.CLOSED})
"""The states in which a form shows the business's reply."""
_SUBMISSIONS: Final = 10
"""The maximum per minute, link and process. It only saves work: the number of stored claims has a limit of its own."""
_MESSAGES: Final = 30
"""The maximum per minute, link and process. A person writes fewer messages."""
_CHAT_READS: Final = 120
"""The maximum per minute, link and process. A person reloads a page less often."""


class CustomerHandlers(customer_service_pb2_grpc.CustomerServiceServicer):
    """Serves CustomerService."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links, subscriptions: Subscriptions) -> None:
        self._store = store
        self._reader = reader
        self._links = links
        self._submissions = LinkLimit(_SUBMISSIONS, "Too many submissions from this link. Wait a minute.")
        self._messages = LinkLimit(_MESSAGES, "Too many messages from this link. Wait a minute.")
        self._chat_reads = LinkLimit(
            _CHAT_READS, "This link reads the chat too often. Wait a minute, or use WatchChat."
        )
        self._streams = ChatStreams(store, reader, links, subscriptions)

    async def GetContactForm(self, request: pb.GetContactFormRequest, context: Context) -> pb.GetContactFormResponse:
        """See the contract."""
        now = current_call().now
        form = await forms.load_form(self._store, self._links, request.token, now)
        snapshot, recovery = form.base, form.recovery
        state = form_state(recovery, snapshot.ticket.status, now)
        return pb.GetContactFormResponse(
            form=pb.ContactForm(
                state=enums.FORM_STATE.to_contract(state),
                business_name=snapshot.business_name,
                reply_text=remove_link(recovery.reply_text) if state in _READABLE else "",
                consent_text=snapshot.settings.consent_text,
                phone_region=snapshot.phone_region,
                expire_time=convert.timestamp(recovery.expire_time),
            )
        )

    async def SubmitContact(self, request: pb.SubmitContactRequest, context: Context) -> pb.SubmitContactResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        request_id = fields.request_id(request.request_id)
        fields.require_one(request.email, request.phone)
        submission = Submission(
            email=fields.email("email", request.email),
            phone=fields.phone("phone", request.phone),
            display_name=fields.text("display_name", request.display_name, DISPLAY_NAME, line=True),
            message=fields.text("message", request.message, _MESSAGE),
        )
        if not request.consent:
            fields.reject("consent", "must be true: the business may contact you only if you agree")
        fields.check()
        form = await forms.load_form(self._store, self._links, request.token, call.now)
        await self._submissions.check(str(form.recovery.id), request)
        responder = Responder(call, request, request_id, pb.SubmitContactResponse, _submitted)
        return responder.respond(
            await forms.submit_contact(self._store, self._links, request.token, submission, responder.request)
        )

    async def GetChat(self, request: pb.GetChatRequest, context: Context) -> pb.GetChatResponse:
        """See the contract."""
        fields = Fields()
        size = fields.page_size(request.page_size)
        fields.check()
        chat = await self._open_chat(request.token)
        await self._chat_reads.check(str(chat.contact.id))
        scope = f"chat {chat.contact.id}"
        before = page_tokens.read_token(request.page_token, scope, chat_place)
        rows = await self._reader.chat_messages(chat, before, size + 1)
        messages, token = page_tokens.make_page(
            rows,
            size,
            convert.chat_message,
            lambda row: page_tokens.make_token(scope, row.activity_number, row.ordinal),
        )
        latest = (rows[0].activity_number, rows[0].ordinal) if rows and before is None else None
        return pb.GetChatResponse(
            chat=pb.Chat(state=chat_state(chat), business_name=chat.base.business_name, messages=reversed(messages)),
            earlier_page_token=token,
            resume_token=chat_resume_token(chat, latest),
        )

    def WatchChat(self, request: pb.WatchChatRequest, context: Context) -> AsyncGenerator[pb.WatchChatResponse, None]:
        """See the contract."""
        return self._streams.watch(request, current_call().now)

    async def PostMessage(self, request: pb.PostMessageRequest, context: Context) -> pb.PostMessageResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        request_id = fields.request_id(request.request_id)
        text = fields.text("text", request.text, LONG_TEXT, required=True)
        fields.check()
        chat = await self._open_chat(request.token)
        await self._messages.check(str(chat.contact.id), request)
        responder = Responder(call, request, request_id, pb.PostMessageResponse, _posted)
        return responder.respond(
            await chats.post_message(self._store, self._links, request.token, text, responder.request)
        )

    async def _open_chat(self, token: str) -> ChatSnapshot:
        return await chats.open_chat(self._store, self._links, token, current_call().now)


def _submitted(reference: str) -> pb.SubmitContactResponse:
    return pb.SubmitContactResponse(reference=reference)


def _posted(written: ThreadMessage | None) -> pb.PostMessageResponse:
    return pb.PostMessageResponse(message=convert.chat_message(written) if written else None)
