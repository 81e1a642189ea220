"""What comes in by email and SMS, as internal services hand it over: the intake's part of ConversationService."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import conversation_service_pb2 as pb
from care.v1 import message_pb2
from care_rules import commands, names
from care_rules.callers import customer
from care_rules.chat import ChatSnapshot, post_message
from care_rules.decision import Decision
from care_rules.entities import Channel, Inbound, IngestOutcome, Ticket
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal, not_found
from care_service.rpc import convert, enums, page_tokens
from care_service.rpc.call import current_call
from care_service.rpc.execute import Repeat, timed, until_committed
from care_service.rpc.fields import LONG_TEXT, Fields
from care_service.rpc.raising import follow_up
from care_service.usecases.ports import InboundQuery, InboundSnapshot, MessageView, Reader, TicketStore

Context = grpc.aio.ServicerContext[Message, Message]

_LINE: Final = 998
"""Characters of a line of an email (RFC 5322, section 2.1.1)."""
_ANSWERED: Final = 100
_NOBODY: Final = TicketName("", 0)


class Inbounds:
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def IngestMessage(self, request: pb.IngestMessageRequest, context: Context) -> pb.IngestMessageResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        ticket = fields.name("ticket", request.ticket, names.parse_ticket, _NOBODY) if request.ticket else None
        if ticket is not None and organization and ticket.organization != organization:
            fields.wrong("ticket", "belongs to another organization than the message")
        inbound = _inbound(fields, organization, request.message, call.now)
        fields.check()
        call.enter(organization, request.parent)
        if ticket is not None and not await self._reader.ticket_exists(ticket):
            raise not_found(request.ticket)
        query = InboundQuery(
            organization=organization,
            channel=inbound.channel,
            external_id=inbound.external_id,
            sender=inbound.sender,
            in_reply_to=inbound.in_reply_to,
            ticket=ticket.number if ticket else None,
        )
        command = commands.PostMessage(
            text=inbound.text,
            message_id=uuid7(),
            recovery_id=uuid7(),
            contact_id=uuid7(),
            review_message_id=uuid7(),
            channel=inbound.channel,
            automatic=inbound.automatic,
        )

        repeat = Repeat(call, organization, request, request_id)

        async def once(store: TicketStore) -> pb.IngestMessageResponse:
            loaded, kept = await store.load_inbound(query, repeat.key)
            if (answer := repeat.replay(kept, pb.IngestMessageResponse)) is not None:
                return answer
            if loaded.known is not None:
                return await self._again(loaded.known)
            if loaded.chat is None or not _is_theirs(loaded.chat, inbound, loaded):
                return await _keep(store, inbound, loaded.named, repeat)
            return await _take_in(store, inbound, loaded.chat, command, repeat, call.now)

        async def place() -> TicketName | None:
            seen, _ = await until_committed(self._store, lambda store: store.load_inbound(query), None)
            target = seen.chat.target.ticket if seen.chat else seen.named
            return TicketName(target.organization, target.number) if target else None

        return await until_committed(self._store, once, place)

    async def ListUnmatchedMessages(
        self, request: pb.ListUnmatchedMessagesRequest, context: Context
    ) -> pb.ListUnmatchedMessagesResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        size = fields.page_size(request.page_size)
        fields.check()
        call.enter(organization, request.parent)
        scope = f"unmatched {organization}"
        after = page_tokens.read_token(
            request.page_token,
            scope,
            lambda key: (page_tokens.time(key[0]), page_tokens.text(key[1]), page_tokens.text(key[2])),
        )
        rows = await self._reader.unmatched(organization, after, size + 1)
        messages, token = page_tokens.cut(
            rows,
            size,
            convert.unmatched_message,
            lambda row: page_tokens.make_token(scope, row.ingest_time.isoformat(), row.channel.value, row.external_id),
        )
        return pb.ListUnmatchedMessagesResponse(messages=messages, next_page_token=token)

    async def _again(self, known: Inbound) -> pb.IngestMessageResponse:
        """Answers as it did when the message was taken in."""
        message = None
        if known.message_id is not None and known.ticket_number is not None:
            name = TicketName(known.organization, known.ticket_number)
            view = await self._reader.message(name, known.message_id)
            message = convert.thread_message(view) if view else None
        return _answer(known, message)


def _is_theirs(chat: ChatSnapshot, inbound: Inbound, loaded: InboundSnapshot) -> bool:
    """Tells whether the sender may write into the chat: the contact itself, or a mail server about what it was sent.

    A bounce comes from the server's own address, and names the message that it is about (RFC 3464), whose id nobody
    knows but who was sent it.
    """
    is_contact = inbound.sender != "" and inbound.sender.lower() in {chat.contact.email.lower(), chat.contact.phone}
    return not chat.is_dead and (is_contact or (inbound.automatic and loaded.is_answer))


async def _keep(
    store: TicketStore, inbound: Inbound, ticket: Ticket | None, repeat: Repeat
) -> pb.IngestMessageResponse:
    """Keeps what found no chat; of a ticket that was named or found, the sender's is not open."""
    if ticket is None:
        answer = _answer(inbound, None)
        await store.keep_inbound(inbound, repeat.record(answer))
        return answer
    kept = replace(inbound, outcome=IngestOutcome.CHAT_LOCKED, ticket_number=ticket.number)
    answer = _answer(kept, None)
    # Bookkeeping on the ticket, so that whoever opens its chat at this very moment looks again, and finds it.
    await store.commit(Decision(replace(ticket, revision=ticket.revision + 1), inbound=kept), repeat.record(answer))
    return answer


async def _take_in(
    store: TicketStore,
    inbound: Inbound,
    chat: ChatSnapshot,
    command: commands.PostMessage,
    repeat: Repeat,
    now: datetime,
) -> pb.IngestMessageResponse:
    caller = customer(str(chat.contact.id))
    try:
        decision = post_message(chat, 0, command, caller, now, repeat.request_id)
        if decision is not None and decision.followed is not None:
            decision = await follow_up(
                store, chat.target, lambda number: post_message(chat, number, command, caller, now, repeat.request_id)
            )
    except Refusal as refusal:
        if refusal.reason is not Reason.CHAT_LOCKED:
            raise
        return await _keep(store, inbound, chat.target.ticket, repeat)
    if decision is None:
        raise AssertionError("only what the page takes can be with the team already")
    outcome = IngestOutcome.RECORDED if inbound.automatic else IngestOutcome.ACCEPTED
    if decision.followed is not None:
        outcome = IngestOutcome.FOLLOWED_UP
    written = decision.messages[-1]
    taken = replace(inbound, outcome=outcome, ticket_number=written.ticket_number, message_id=written.id)
    answer = _answer(taken, convert.thread_message(MessageView(written, None)))
    decision = timed(chat.target, replace(decision, inbound=taken))
    await (store.commit_new if decision.followed is not None else store.commit)(decision, repeat.record(answer))
    return answer


def _answer(inbound: Inbound, message: message_pb2.Message | None) -> pb.IngestMessageResponse:
    number = inbound.ticket_number
    return pb.IngestMessageResponse(
        outcome=enums.INGEST_OUTCOME.to_contract(inbound.outcome),
        message=message,
        ticket=names.ticket(inbound.organization, number) if number else "",
    )


def _inbound(fields: Fields, organization: str, given: pb.InboundMessage, now: datetime) -> Inbound:
    channel = enums.CHANNEL.from_contract(given.channel)
    if channel is None:
        fields.wrong("message.channel", f"must be {enums.CHANNEL.choices}")
        channel = Channel.EMAIL
    external_id = fields.text("message.external_id", given.external_id, _LINE, required=True, line=True)
    match channel:
        case Channel.SMS:
            if not given.sender.strip().startswith("+"):
                fields.wrong("message.sender", "must be a phone number with its country code, like +1 415 555 0123")
            sender = fields.phone("message.sender", given.sender)
        case Channel.EMAIL:
            sender = fields.email("message.sender", given.sender)
        case _:
            assert_never(channel)
    if not given.sender.strip() and not given.automatic:
        # Bounces come from nobody, so that they are never answered (RFC 5321, section 4.5.5).
        fields.wrong("message.sender", "is missing: say who sent it; only a machine's email may have none")
    if len(given.in_reply_to) > _ANSWERED:
        fields.wrong("message.in_reply_to", f"are {len(given.in_reply_to)}; at most {_ANSWERED} are taken")
    answered = tuple(fields.text("message.in_reply_to", each, _LINE, line=True) for each in given.in_reply_to)
    if given.HasField("send_time"):
        fields.past("message.send_time", given.send_time, now)
    subject = fields.text("message.subject", given.subject, _LINE)
    text = fields.text("message.text", given.text, LONG_TEXT, required=True)
    fields.check()
    return Inbound(
        organization=organization,
        channel=channel,
        external_id=external_id,
        sender=sender,
        subject=subject,
        text=text,
        in_reply_to=answered,
        automatic=given.automatic,
        send_time=convert.from_timestamp(given.send_time) if given.HasField("send_time") else now,
        outcome=IngestOutcome.UNMATCHED,
        ticket_number=None,
        message_id=None,
        ingest_time=now,
    )
