"""ConversationService: the thread of a ticket, and the ways to reach its customer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as pb
from care.v1 import conversation_service_pb2_grpc
from care_rules import names
from care_rules.names import RecoveryName, TicketName
from care_rules.refusals import not_found
from care_rules.replies import FORM_LINK, remove_link
from care_service.rpc import convert, page_tokens
from care_service.rpc.call import current_call
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.inbound import ingest_response, read_inbound
from care_service.rpc.parents import check_ticket
from care_service.rpc.placeholders import NO_RECOVERY, NO_TICKET
from care_service.rpc.responses import Repeatable, Responder
from care_service.rpc.ticket_for_caller import ticket_for
from care_service.usecases import conversation, inbound, recoveries
from care_service.usecases.conversation import WrittenMessage
from care_service.usecases.links import Links
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.recoveries import ChangedRecovery, NewContact
from care_service.usecases.request import Replayable, Request

Context = grpc.aio.ServicerContext[Message, Message]
RecoveryResponseT = TypeVar(
    "RecoveryResponseT",
    pb.SendRecoveryFormResponse,
    pb.WithdrawRecoveryFormResponse,
    pb.AddContactResponse,
    pb.RejectContactResponse,
)
MessageResponseT = TypeVar("MessageResponseT", pb.SendMessageResponse, pb.AddNoteResponse)
RecoveryCommand: TypeAlias = Callable[
    [TicketStore, Reader, RecoveryName, Request[ChangedRecovery]], Awaitable[recoveries.Outcome]
]
MessageCommand: TypeAlias = Callable[
    [TicketStore, TicketName, str, Request[WrittenMessage]], Awaitable[Replayable[WrittenMessage]]
]
_ORDERS: Final = {"": False, "create_time": False, "create_time asc": False, "create_time desc": True}


class RecoveryRequest(Repeatable, Protocol):
    """The request of a method on a recovery."""

    name: str
    etag: str


class TextRequest(Repeatable, Protocol):
    """A request with a text for the thread of a ticket."""

    parent: str
    text: str
    etag: str


class ConversationHandlers(conversation_service_pb2_grpc.ConversationServiceServicer):
    """Serves ConversationService."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links) -> None:
        self._store = store
        self._reader = reader
        self._links = links

    async def SendRecoveryForm(
        self, request: pb.SendRecoveryFormRequest, context: Context
    ) -> pb.SendRecoveryFormResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        request_id = fields.request_id(request.request_id)
        text = fields.text("reply_text", request.reply_text, LONG_TEXT, required=True)
        if (count := text.count(FORM_LINK)) != 1:
            problem = f"must contain {FORM_LINK} exactly once, at the place of the link; it has {count}"
            fields.reject("reply_text", problem)
        elif not remove_link(text).strip("."):
            # When the form has ended, the public reply has only this text, and no site accepts an empty reply.
            fields.reject("reply_text", "must contain a text besides the link")
        fields.check()
        responder = _recovery_responder(request, request_id, pb.SendRecoveryFormResponse, request.etag)
        return responder.respond(
            await recoveries.send_recovery_form(self._store, self._links, name, text, responder.request)
        )

    async def WithdrawRecoveryForm(
        self, request: pb.WithdrawRecoveryFormRequest, context: Context
    ) -> pb.WithdrawRecoveryFormResponse:
        """See the contract."""
        return await self._end(request, recoveries.withdraw_recovery_form, pb.WithdrawRecoveryFormResponse)

    async def RejectContact(self, request: pb.RejectContactRequest, context: Context) -> pb.RejectContactResponse:
        """See the contract."""
        return await self._end(request, recoveries.reject_contact, pb.RejectContactResponse)

    async def AddContact(self, request: pb.AddContactRequest, context: Context) -> pb.AddContactResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        request_id = fields.request_id(request.request_id)
        claim = fields.claim(request.claim, (request.email, request.phone, request.display_name))
        if not request.claim:
            fields.require_one(request.email, request.phone)
        contact = NewContact(
            email=fields.email("email", request.email),
            phone=fields.phone("phone", request.phone),
            display_name=fields.text("display_name", request.display_name, DISPLAY_NAME, line=True),
            claim=claim,
        )
        fields.check()
        responder = _recovery_responder(request, request_id, pb.AddContactResponse, request.etag)
        return responder.respond(await recoveries.add_contact(self._store, name, contact, responder.request))

    async def GetRecovery(self, request: pb.GetRecoveryRequest, context: Context) -> pb.GetRecoveryResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("name", request.name, names.parse_recovery, NO_RECOVERY)
        fields.check()
        current_call().caller.check_organization(name.organization, request.name)
        view = await self._reader.recovery(name)
        if view is None:
            raise not_found(request.name)
        return pb.GetRecoveryResponse(recovery=convert.recovery_message(view))

    async def ListRecoveries(self, request: pb.ListRecoveriesRequest, context: Context) -> pb.ListRecoveriesResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        size = fields.page_size(request.page_size)
        fields.check()
        await check_ticket(self._reader, current_call().caller, name)
        scope = f"recoveries {name}"
        after = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        rows = await self._reader.recoveries(name, after, size + 1)
        recoveries, token = page_tokens.make_page(
            rows, size, lambda row: convert.recovery_message(row[1]), lambda row: page_tokens.make_token(scope, row[0])
        )
        return pb.ListRecoveriesResponse(recoveries=recoveries, next_page_token=token)

    async def ListContacts(self, request: pb.ListContactsRequest, context: Context) -> pb.ListContactsResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        size = fields.page_size(request.page_size)
        fields.check()
        await check_ticket(self._reader, current_call().caller, name)
        scope = f"contacts {name}"
        after = page_tokens.read_token(
            request.page_token, scope, lambda key: (page_tokens.time(key[0]), UUID(page_tokens.text(key[1])))
        )
        rows = await self._reader.contacts(name, after, size + 1)
        contacts, token = page_tokens.make_page(
            rows,
            size,
            convert.contact_message,
            lambda row: page_tokens.make_token(scope, row.create_time.isoformat(), str(row.id)),
        )
        return pb.ListContactsResponse(contacts=contacts, next_page_token=token)

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        size = fields.page_size(request.page_size)
        latest_first = _ORDERS.get(request.order_by.strip())
        if latest_first is None:
            fields.reject("order_by", f"must be one of {', '.join(filter(None, _ORDERS))}, or empty")
        fields.check()
        await check_ticket(self._reader, current_call().caller, name)
        scope = f"messages {name}{' desc' if latest_first else ''}"
        after = page_tokens.read_token(
            request.page_token, scope, lambda key: (page_tokens.number(key[0]), page_tokens.number(key[1]))
        )
        rows = await self._reader.messages(name, after, size + 1, latest_first=bool(latest_first))
        messages, token = page_tokens.make_page(
            rows,
            size,
            convert.thread_message,
            lambda row: page_tokens.make_token(scope, row.message.activity_number, row.message.ordinal),
        )
        return pb.ListMessagesResponse(messages=messages, next_page_token=token)

    async def SendMessage(self, request: pb.SendMessageRequest, context: Context) -> pb.SendMessageResponse:
        """See the contract."""
        return await self._write(request, conversation.send_message, pb.SendMessageResponse)

    async def AddNote(self, request: pb.AddNoteRequest, context: Context) -> pb.AddNoteResponse:
        """See the contract."""
        return await self._write(request, conversation.add_note, pb.AddNoteResponse)

    async def IngestMessage(self, request: pb.IngestMessageRequest, context: Context) -> pb.IngestMessageResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        ticket = fields.name("ticket", request.ticket, names.parse_ticket, NO_TICKET) if request.ticket else None
        if ticket is not None and organization and ticket.organization != organization:
            fields.reject("ticket", "must belong to the organization in parent")
        given = read_inbound(fields, organization, request.message, call.now)
        responder = Responder(call, request, request_id, pb.IngestMessageResponse, ingest_response)
        return responder.respond(
            await inbound.ingest_message(self._store, self._reader, given, ticket, responder.request)
        )

    async def ListUnmatchedMessages(
        self, request: pb.ListUnmatchedMessagesRequest, context: Context
    ) -> pb.ListUnmatchedMessagesResponse:
        """See the contract."""
        fields = Fields()
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        size = fields.page_size(request.page_size)
        fields.check()
        current_call().caller.check_organization(organization, request.parent)
        scope = f"unmatched {organization}"
        after = page_tokens.read_token(
            request.page_token,
            scope,
            lambda key: (page_tokens.time(key[0]), page_tokens.text(key[1]), page_tokens.text(key[2])),
        )
        rows = await self._reader.unmatched(organization, after, size + 1)
        messages, token = page_tokens.make_page(
            rows,
            size,
            convert.unmatched_message,
            lambda row: page_tokens.make_token(scope, row.ingest_time.isoformat(), row.channel.value, row.external_id),
        )
        return pb.ListUnmatchedMessagesResponse(messages=messages, next_page_token=token)

    async def _end(
        self, request: RecoveryRequest, command: RecoveryCommand, response_type: type[RecoveryResponseT]
    ) -> RecoveryResponseT:
        """Serves a method that ends a recovery."""
        fields = Fields()
        name = fields.name("name", request.name, names.parse_recovery, NO_RECOVERY)
        request_id = fields.request_id(request.request_id)
        fields.check()
        responder = _recovery_responder(request, request_id, response_type, request.etag)
        return responder.respond(await command(self._store, self._reader, name, responder.request))

    async def _write(
        self, request: TextRequest, command: MessageCommand, response_type: type[MessageResponseT]
    ) -> MessageResponseT:
        """Serves a method that writes a text into the thread."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, NO_TICKET)
        request_id = fields.request_id(request.request_id)
        text = fields.text("text", request.text, LONG_TEXT, required=True)
        fields.check()

        def response(written: WrittenMessage) -> MessageResponseT:
            message = convert.thread_message(written.message)
            return response_type(message=message, ticket=ticket_for(written.ticket, call.caller))

        responder = Responder(call, request, request_id, response_type, response, request.etag)
        return responder.respond(await command(self._store, name, text, responder.request))


def _recovery_responder(
    request: Repeatable, request_id: UUID | None, response_type: type[RecoveryResponseT], etag: str
) -> Responder[ChangedRecovery, RecoveryResponseT]:
    call = current_call()

    def response(changed: ChangedRecovery) -> RecoveryResponseT:
        recovery = convert.recovery_message(changed.recovery)
        return response_type(recovery=recovery, ticket=ticket_for(changed.ticket, call.caller))

    return Responder(call, request, request_id, response_type, response, etag)
