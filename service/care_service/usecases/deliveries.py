"""The calls of a delivery's workflow. Every outcome contains the delivery's next step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from care_rules import commands, delivery
from care_rules.callers import Caller
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot, DeliveryStep
from care_rules.names import MessageName
from care_rules.refusals import not_found
from care_rules.replies import CHAT_LINK
from care_rules.scheduling import schedule
from care_rules.snapshot import apply
from care_service.usecases.links import Links
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.retrying import retry_until_committed


@dataclass(frozen=True, slots=True)
class MessageToSend:
    """The data that the provider needs to send a message. No one else may see this data."""

    address: str
    """An email address, or a phone number in E.164 format."""
    display_name: str
    business_name: str
    text: str
    chat_link: str


@dataclass(frozen=True, slots=True)
class BegunDelivery:
    """A delivery after BeginDelivery. If `is_granted`, the attempt in `snapshot.delivery` has begun."""

    snapshot: DeliverySnapshot
    is_granted: bool
    to_send: MessageToSend | None = None
    """None for a CHECK, which only asks the provider about an earlier attempt and needs no customer data."""


async def begin_delivery(
    store: TicketStore, links: Links, name: MessageName, step: DeliveryStep | None, caller: Caller, now: datetime
) -> BegunDelivery:
    """Begins an attempt of `step` if it is the delivery's next step. Without a step, only reads the delivery.

    Refuses with LINK_UNKNOWN if the key that signs the chat's link is missing.
    """
    caller.check_organization(name.organization, str(name))

    async def attempt(store: TicketStore) -> BegunDelivery:
        snapshot = await _load(store, name)
        decision = delivery.begin_delivery(snapshot, step, caller, now) if step else None
        if decision is None:
            return BegunDelivery(snapshot, is_granted=False)
        scheduled = schedule(snapshot.base, decision)
        after = _apply(snapshot, scheduled.decision)
        # There is no attempt if the decision gave the message up instead.
        is_granted = after.delivery.attempt != 0
        to_send = _to_send(links, after) if is_granted and step is DeliveryStep.SEND else None
        await store.commit(scheduled, None)
        return BegunDelivery(after, is_granted=is_granted, to_send=to_send)

    return await retry_until_committed(store, attempt, name.ticket)


async def report_delivery(
    store: TicketStore, name: MessageName, command: commands.DeliveryReport, caller: Caller, now: datetime
) -> DeliverySnapshot:
    """Records the outcome of the current attempt. A report about any other attempt changes nothing."""
    caller.check_organization(name.organization, str(name))

    async def attempt(store: TicketStore) -> DeliverySnapshot:
        snapshot = await _load(store, name)
        decision = delivery.report_delivery(snapshot, command, caller, now)
        if decision is None:
            return snapshot
        scheduled = schedule(snapshot.base, decision)
        await store.commit(scheduled, None)
        return _apply(snapshot, scheduled.decision)

    return await retry_until_committed(store, attempt, name.ticket)


async def _load(store: TicketStore, name: MessageName) -> DeliverySnapshot:
    snapshot = await store.load_delivery(name)
    if snapshot is None:
        raise not_found(str(name))
    return snapshot


def _to_send(links: Links, after: DeliverySnapshot) -> MessageToSend:
    contact, ticket = after.contact, after.base
    links.require_key(contact.key_id)
    link = links.chat_link(contact.id, contact.key_id)
    text = after.message.text
    return MessageToSend(
        address=contact.address(after.delivery.channel),
        display_name=contact.display_name,
        business_name=ticket.business_name,
        text=text.replace(CHAT_LINK, link) if after.message.is_greeting else text,
        chat_link=link,
    )


def _apply(snapshot: DeliverySnapshot, decision: Decision) -> DeliverySnapshot:
    return replace(snapshot, base=apply(snapshot.base, decision), delivery=decision.delivery or snapshot.delivery)
