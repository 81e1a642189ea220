"""ConversationService."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import conversation_service_pb2 as pb
from care.v1 import conversation_service_pb2_grpc, recovery_pb2
from care_rules import commands, names
from care_rules.decision import Decision
from care_rules.names import RecoveryName, TicketName
from care_rules.refusals import not_found
from care_rules.replies import FORM_LINK, without_link
from care_rules.snapshot import TicketSnapshot
from care_service.rpc import convert, page_tokens
from care_service.rpc.call import current_call
from care_service.rpc.execute import Repeat, execute
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.inbound import Inbounds
from care_service.rpc.parents import enter_ticket
from care_service.rpc.ticket_service import Verb, show
from care_service.usecases.links import Links
from care_service.usecases.ports import MessageView, Reader, RecoveryView, TicketStore

Context = grpc.aio.ServicerContext[Message, Message]
ResponseT = TypeVar("ResponseT", bound=Message)
_NOBODY = TicketName("", 0)
_ORDERS: Final = {"": False, "create_time": False, "create_time asc": False, "create_time desc": True}


class Conversations(Inbounds, conversation_service_pb2_grpc.ConversationServiceServicer):
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links) -> None:
        super().__init__(store, reader)
        self._links = links

    async def SendRecoveryForm(
        self, request: pb.SendRecoveryFormRequest, context: Context
    ) -> pb.SendRecoveryFormResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        text = fields.text("reply_text", request.reply_text, LONG_TEXT, required=True)
        if (count := text.count(FORM_LINK)) != 1:
            words = f"must contain {FORM_LINK} exactly once, where the link shall stand; it has {count}"
            fields.wrong("reply_text", words)
        elif not without_link(text).strip("."):
            # When the form has ended, this is what remains in public, and no site takes an empty reply.
            fields.wrong("reply_text", "must say something beside the link")
        fields.check()
        recovery_id, key_id = uuid7(), self._links.current
        command = commands.SendRecoveryForm(
            reply_text=text,
            link=self._links.form_link(recovery_id, key_id),
            key_id=key_id,
            recovery_id=recovery_id,
            reply_message_id=uuid7(),
            form_message_id=uuid7(),
        )
        repeat = Repeat(call, name.organization, request, request_id, request.etag)

        def respond(snapshot: TicketSnapshot, decision: Decision | None) -> pb.SendRecoveryFormResponse:
            return pb.SendRecoveryFormResponse(recovery=_new(decision), ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, pb.SendRecoveryFormResponse)

    async def WithdrawRecoveryForm(
        self, request: pb.WithdrawRecoveryFormRequest, context: Context
    ) -> pb.WithdrawRecoveryFormResponse:
        """See the contract."""
        return await self._verb(request, commands.WithdrawRecoveryForm(), pb.WithdrawRecoveryFormResponse)

    async def RejectContact(self, request: pb.RejectContactRequest, context: Context) -> pb.RejectContactResponse:
        """See the contract."""
        return await self._verb(request, commands.RejectContact(), pb.RejectContactResponse)

    async def _verb(self, request: Verb, command: commands.AgentCommand, response_type: type[ResponseT]) -> ResponseT:
        """Serves a verb whose request has a recovery's name, and whose answer is the recovery and the ticket."""
        call, fields = current_call(), Fields()
        name = fields.name("name", request.name, names.parse_recovery, None)
        request_id = fields.request_id(request.request_id)
        fields.check()
        name = _given(name)
        if not isinstance(request, Message):
            raise TypeError(request)
        repeat = Repeat(call, name.organization, request, request_id, request.etag)
        shown = await self._shown(name)

        def respond(snapshot: TicketSnapshot, _: Decision | None) -> ResponseT:
            return response_type(recovery=shown(snapshot), ticket=show(snapshot, call))

        return await execute(self._store, call, name.ticket, command, repeat, respond, response_type, name.id)

    async def _shown(self, name: RecoveryName) -> Callable[[TicketSnapshot], recovery_pb2.Recovery]:
        """Returns what converts the named recovery afterwards; its contacts are read now, no command changes them."""
        view = await self._reader.recovery(name)

        def convert_named(snapshot: TicketSnapshot) -> recovery_pb2.Recovery:
            if snapshot.named is None:
                raise AssertionError("execute() refuses a recovery that is not there")
            return convert.recovery_message(RecoveryView(snapshot.named, view.contacts if view else ()))

        return convert_named

    async def AddContact(self, request: pb.AddContactRequest, context: Context) -> pb.AddContactResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        claim = fields.claim(request.claim, (request.email, request.phone, request.display_name))
        if not request.claim:
            fields.need_one(request.email, request.phone)
        command = commands.AddContact(
            email=fields.email("email", request.email),
            phone=fields.phone("phone", request.phone),
            display_name=fields.text("display_name", request.display_name, DISPLAY_NAME, line=True),
            recovery_id=uuid7(),
            contact_id=uuid7(),
            claim=claim,
        )
        fields.check()
        repeat = Repeat(call, name.organization, request, request_id, request.etag)

        def respond(snapshot: TicketSnapshot, decision: Decision | None) -> pb.AddContactResponse:
            return pb.AddContactResponse(recovery=_new(decision), ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, pb.AddContactResponse)

    async def GetRecovery(self, request: pb.GetRecoveryRequest, context: Context) -> pb.GetRecoveryResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("name", request.name, names.parse_recovery, None)
        fields.check()
        name = _given(name)
        call.enter(name.organization, request.name)
        view = await self._reader.recovery(name)
        if view is None:
            raise not_found(request.name)
        return pb.GetRecoveryResponse(recovery=convert.recovery_message(view))

    async def ListRecoveries(self, request: pb.ListRecoveriesRequest, context: Context) -> pb.ListRecoveriesResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        size = fields.page_size(request.page_size)
        fields.check()
        await enter_ticket(self._reader, call, name)
        scope = f"recoveries {name}"
        after = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        rows = await self._reader.recoveries(name, after, size + 1)
        recoveries, token = page_tokens.cut(
            rows, size, lambda row: convert.recovery_message(row[1]), lambda row: page_tokens.make_token(scope, row[0])
        )
        return pb.ListRecoveriesResponse(recoveries=recoveries, next_page_token=token)

    async def ListContacts(self, request: pb.ListContactsRequest, context: Context) -> pb.ListContactsResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        size = fields.page_size(request.page_size)
        fields.check()
        await enter_ticket(self._reader, call, name)
        scope = f"contacts {name}"
        after = page_tokens.read_token(
            request.page_token, scope, lambda key: (page_tokens.time(key[0]), UUID(page_tokens.text(key[1])))
        )
        rows = await self._reader.contacts(name, after, size + 1)
        contacts, token = page_tokens.cut(
            rows,
            size,
            convert.contact_message,
            lambda row: page_tokens.make_token(scope, row.create_time.isoformat(), str(row.id)),
        )
        return pb.ListContactsResponse(contacts=contacts, next_page_token=token)

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        size = fields.page_size(request.page_size)
        latest_first = _ORDERS.get(request.order_by.strip())
        if latest_first is None:
            fields.wrong("order_by", f"must be one of {', '.join(filter(None, _ORDERS))}, or empty")
        fields.check()
        await enter_ticket(self._reader, call, name)
        scope = f"messages {name}{' desc' if latest_first else ''}"
        after = page_tokens.read_token(
            request.page_token, scope, lambda key: (page_tokens.number(key[0]), page_tokens.number(key[1]))
        )
        rows = await self._reader.messages(name, after, size + 1, latest_first=bool(latest_first))
        messages, token = page_tokens.cut(
            rows,
            size,
            convert.thread_message,
            lambda row: page_tokens.make_token(scope, row.message.activity_number, row.message.ordinal),
        )
        return pb.ListMessagesResponse(messages=messages, next_page_token=token)

    async def SendMessage(self, request: pb.SendMessageRequest, context: Context) -> pb.SendMessageResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        command = commands.SendMessage(fields.text("text", request.text, LONG_TEXT, required=True), uuid7())
        fields.check()
        repeat = Repeat(call, name.organization, request, request_id, request.etag)

        def respond(snapshot: TicketSnapshot, decision: Decision | None) -> pb.SendMessageResponse:
            if decision is None:
                raise AssertionError("a message always changes something")
            view = MessageView(decision.messages[0], None, decision.new_deliveries[0])
            return pb.SendMessageResponse(message=convert.thread_message(view), ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, pb.SendMessageResponse)

    async def AddNote(self, request: pb.AddNoteRequest, context: Context) -> pb.AddNoteResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("parent", request.parent, names.parse_ticket, _NOBODY)
        request_id = fields.request_id(request.request_id)
        command = commands.AddNote(fields.text("text", request.text, LONG_TEXT, required=True), uuid7())
        fields.check()
        repeat = Repeat(call, name.organization, request, request_id, request.etag)

        def respond(snapshot: TicketSnapshot, decision: Decision | None) -> pb.AddNoteResponse:
            if decision is None:
                raise AssertionError("a note always changes something")
            note = convert.thread_message(MessageView(decision.messages[0], None))
            return pb.AddNoteResponse(message=note, ticket=show(snapshot, call))

        return await execute(self._store, call, name, command, repeat, respond, pb.AddNoteResponse)


def _given(name: RecoveryName | None) -> RecoveryName:
    if name is None:
        raise AssertionError("check() refuses a name that can't be read")
    return name


def _new(decision: Decision | None) -> recovery_pb2.Recovery:
    if decision is None or decision.new_recovery is None:
        raise AssertionError("the command makes a recovery")
    contacts = (decision.contact,) if decision.contact else ()
    return convert.recovery_message(RecoveryView(decision.new_recovery, contacts))
