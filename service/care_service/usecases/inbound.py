"""Ingests email and SMS messages. A message goes into the chat it belongs to, or waits until a person looks at it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from uuid_utils.compat import uuid7

from care_rules import commands, names
from care_rules.callers import customer_caller
from care_rules.chat import ChatSnapshot, post_message
from care_rules.decision import Decision, bump_revision
from care_rules.entities.inbound import Inbound, IngestOutcome
from care_rules.entities.ticket import Ticket
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.scheduling import keep_schedule, schedule
from care_service.usecases.new_tickets import commit, decide_with_number
from care_service.usecases.ports.reader import MessageView, Reader
from care_service.usecases.ports.ticket_store import InboundQuery, InboundSnapshot, TicketStore
from care_service.usecases.request import Replayable, Request
from care_service.usecases.retrying import retry_until_committed


@dataclass(frozen=True, slots=True)
class IngestedMessage:
    """An inbound message with its outcome, and the message's entry in the thread, if it has one."""

    inbound: Inbound
    entry: MessageView | None


async def ingest_message(
    store: TicketStore, reader: Reader, inbound: Inbound, ticket: TicketName | None, request: Request[IngestedMessage]
) -> Replayable[IngestedMessage]:
    """Ingests a message once. A repeat returns the outcome of the first call.

    `inbound` is still UNMATCHED and without a ticket. `ticket` is the ticket that the request names. Refuses with
    RESOURCE_NOT_FOUND if that ticket does not exist.
    """
    organization = inbound.organization
    request.caller.check_organization(organization, names.organization(organization))
    if ticket is not None and not await reader.ticket_exists(ticket):
        raise not_found(str(ticket))
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
    key = request.key(organization)

    async def attempt(store: TicketStore) -> Replayable[IngestedMessage]:
        loaded, stored = await store.load_inbound(query, key)
        if (replayed := request.replay(stored)) is not None:
            return replayed
        if loaded.known is not None:
            return await _repeat(reader, loaded.known)
        if loaded.chat is None or not _may_write(loaded.chat, inbound, loaded):
            return await _keep(store, inbound, loaded.addressed_ticket, request)
        return await _write(store, inbound, loaded.chat, command, request)

    async def target() -> TicketName | None:
        loaded, _ = await retry_until_committed(store, lambda store: store.load_inbound(query), None)
        found = loaded.chat.target.ticket if loaded.chat else loaded.addressed_ticket
        return TicketName(found.organization, found.number) if found else None

    return await retry_until_committed(store, attempt, target)


async def _repeat(reader: Reader, known: Inbound) -> IngestedMessage:
    """Returns the outcome of a message that was ingested before."""
    if known.message_id is None or known.ticket_number is None:
        return IngestedMessage(known, None)
    name = TicketName(known.organization, known.ticket_number)
    return IngestedMessage(known, await reader.message(name, known.message_id))


def _may_write(chat: ChatSnapshot, inbound: Inbound, loaded: InboundSnapshot) -> bool:
    """Tells whether the sender may write into the chat: as the contact, or as a mail server that returns a message.

    A bounce comes from the server's own address, and names the message that it returns (RFC 3464). Only the recipient
    and the mail servers on the way know the id of that message.
    """
    is_contact = inbound.sender != "" and inbound.sender.lower() in {chat.contact.email.lower(), chat.contact.phone}
    return not chat.is_dead and (is_contact or (inbound.automatic and loaded.is_answer))


async def _keep(
    store: TicketStore, inbound: Inbound, ticket: Ticket | None, request: Request[IngestedMessage]
) -> IngestedMessage:
    """Stores a message without an open chat. `ticket` is the ticket whose chat is locked; None if it is not known."""
    if ticket is None:
        unmatched = IngestedMessage(inbound, None)
        await store.store_inbound(inbound, request.record(inbound.organization, unmatched))
        return unmatched
    inbound = replace(inbound, outcome=IngestOutcome.CHAT_LOCKED, ticket_number=ticket.number)
    # The new revision makes a concurrent commit that opens the chat fail. That call loads again, and finds the message.
    decision = Decision(bump_revision(ticket), inbound=inbound)
    waiting = IngestedMessage(inbound, None)
    await store.commit(keep_schedule(decision), request.record(inbound.organization, waiting))
    return waiting


async def _write(
    store: TicketStore,
    inbound: Inbound,
    chat: ChatSnapshot,
    command: commands.PostMessage,
    request: Request[IngestedMessage],
) -> IngestedMessage:
    caller = customer_caller(str(chat.contact.id))
    try:
        decision = await decide_with_number(
            store,
            chat.target.settings,
            lambda number: post_message(chat, number, command, caller, request.now, request.id),
        )
    except Refusal as refusal:
        if refusal.reason is not Reason.CHAT_LOCKED:
            raise
        return await _keep(store, inbound, chat.target.ticket, request)
    if decision is None:
        raise AssertionError("post_message returned None; only a message from the chat page may repeat a claim")
    outcome = IngestOutcome.RECORDED if inbound.automatic else IngestOutcome.ACCEPTED
    if decision.is_new_ticket:
        outcome = IngestOutcome.FOLLOWED_UP
    written = decision.messages[-1]
    inbound = replace(inbound, outcome=outcome, ticket_number=written.ticket_number, message_id=written.id)
    ingested = IngestedMessage(inbound, MessageView(written, None))
    scheduled = schedule(chat.target, replace(decision, inbound=inbound))
    await commit(store, scheduled, request.record(inbound.organization, ingested))
    return ingested
