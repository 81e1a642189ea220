"""The deliveries' half of WorkerService: every answer carries what the message wants next."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import Message

from care.v1 import worker_service_pb2 as pb
from care_rules import commands, names
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot, DeliveryStep, begin_delivery, report_delivery
from care_rules.entities import DeliveryFailure, DeliveryState
from care_rules.names import MessageName
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.replies import CHAT_LINK
from care_service.rpc import convert, enums
from care_service.rpc.call import current_call
from care_service.rpc.execute import applied, timed, until_committed
from care_service.rpc.fields import Fields
from care_service.usecases.links import Links
from care_service.usecases.ports import TicketStore

Context = grpc.aio.ServicerContext[Message, Message]

_PROVIDER_MESSAGE: Final = 2_000
_PROVIDER_ID: Final = 998
_STEPS: Final = {enums.DELIVERY_STEP.to_contract(step): step for step in (DeliveryStep.SEND, DeliveryStep.CHECK)}
_REACHED: Final = {
    enums.DELIVERY_STATE.to_contract(state): state for state in (DeliveryState.SENT, DeliveryState.DELIVERED)
}


class Deliveries:
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, links: Links) -> None:
        self._store = store
        self._links = links

    async def BeginDelivery(self, request: pb.BeginDeliveryRequest, context: Context) -> pb.BeginDeliveryResponse:
        """See the contract."""
        fields, call = Fields(), current_call()
        if request.step and request.step not in _STEPS:
            fields.wrong("step", "must be SEND or CHECK, or left out to be told what is wanted")
        name = self._message(request.name, fields)
        step = _STEPS.get(request.step)

        async def once(store: TicketStore) -> pb.BeginDeliveryResponse:
            snapshot = await self._load_message(store, name)
            decision = begin_delivery(snapshot, step, call.caller, call.now) if step else None
            if decision is None:
                return pb.BeginDeliveryResponse(plan=_plan(snapshot))
            after = _after(snapshot, decision)
            grant = None
            if after.delivery.attempt:
                grant = self._to_send(after) if step is DeliveryStep.SEND else _to_check(after)
            await store.commit(timed(snapshot.snapshot, decision), None)
            return pb.BeginDeliveryResponse(grant=grant, plan=_plan(after))

        return await until_committed(self._store, once, name.ticket)

    async def RecordDelivered(self, request: pb.RecordDeliveredRequest, context: Context) -> pb.RecordDeliveredResponse:
        """See the contract."""
        fields = _attempt(request.attempt)
        if request.state not in _REACHED:
            fields.wrong("state", "must be SENT or DELIVERED")
        provider_id = fields.text("provider_id", request.provider_id, _PROVIDER_ID, line=True)
        name = self._message(request.name, fields)
        command = commands.RecordDelivered(
            request.attempt, _REACHED[request.state], provider_id, request.can_be_checked
        )
        return pb.RecordDeliveredResponse(plan=await self._report_delivery(name, command))

    async def RecordFailed(self, request: pb.RecordFailedRequest, context: Context) -> pb.RecordFailedResponse:
        """See the contract."""
        fields = _attempt(request.attempt)
        reason = enums.DELIVERY_FAILURE.from_contract(request.reason)
        if reason is None:
            fields.wrong("reason", "must be a known reason")
            reason = DeliveryFailure.OTHER
        name = self._message(request.name, fields)
        words = request.provider_message.replace("\0", "")[:_PROVIDER_MESSAGE]
        command = commands.RecordFailed(request.attempt, reason, words)
        return pb.RecordFailedResponse(plan=await self._report_delivery(name, command))

    def _message(self, text: str, fields: Fields) -> MessageName:
        name = fields.name("name", text, names.parse_message, None)
        fields.check()
        if name is None:
            raise AssertionError("check() refuses a name that can't be read")
        current_call().enter(name.organization, text)
        return name

    async def _load_message(self, store: TicketStore, name: MessageName) -> DeliverySnapshot:
        snapshot = await store.load_delivery(name)
        if snapshot is None:
            raise not_found(str(name))
        return snapshot

    async def _report_delivery(self, name: MessageName, command: commands.DeliveryReport) -> pb.DeliveryPlan:
        call = current_call()

        async def once(store: TicketStore) -> pb.DeliveryPlan:
            snapshot = await self._load_message(store, name)
            decision = report_delivery(snapshot, command, call.caller, call.now)
            if decision is not None:
                decision = timed(snapshot.snapshot, decision)
                await store.commit(decision, None)
                snapshot = _after(snapshot, decision)
            return _plan(snapshot)

        return await until_committed(self._store, once, name.ticket)

    def _to_send(self, snapshot: DeliverySnapshot) -> pb.DeliveryGrant:
        delivery, contact, ticket = snapshot.delivery, snapshot.contact, snapshot.snapshot.ticket
        need_key(self._links, contact.key_id)
        link = self._links.chat_link(contact.id, contact.key_id)
        location = snapshot.snapshot.location
        return pb.DeliveryGrant(
            attempt=delivery.attempt,
            channel=enums.CHANNEL.to_contract(delivery.channel),
            address=contact.address(delivery.channel),
            display_name=contact.display_name,
            business_name=(location and location.display_name) or snapshot.snapshot.organization.display_name,
            text=snapshot.message.text.replace(CHAT_LINK, link)
            if snapshot.message.is_greeting
            else snapshot.message.text,
            chat_link=link,
            idempotency_key=str(delivery.message_id),
            thread_key=str(contact.id),
            location=names.location(ticket.organization, ticket.location),
        )


def need_key(links: Links, key_id: str) -> None:
    """Refuses with LINK_UNKNOWN where a link's key is gone: before anything is handed out.

    An operator sees in the workflow which key to put back (docs/operating.md).
    """
    if key_id not in links.keys:
        raise Refusal(Reason.LINK_UNKNOWN, f"The link's key {key_id} is not among CARE_LINK_KEYS: put it back.")


def _to_check(snapshot: DeliverySnapshot) -> pb.DeliveryGrant:
    """Hands out what asking the provider takes: nothing of the message, nor of the customer."""
    delivery, ticket = snapshot.delivery, snapshot.snapshot.ticket
    return pb.DeliveryGrant(
        attempt=delivery.attempt,
        channel=enums.CHANNEL.to_contract(delivery.channel),
        provider_id=delivery.provider_id,
        location=names.location(ticket.organization, ticket.location),
    )


def _attempt(number: int) -> Fields:
    fields = Fields()
    if number < 1:
        fields.wrong("attempt", "must be the number that BeginDelivery gave")
    return fields


def _plan(snapshot: DeliverySnapshot) -> pb.DeliveryPlan:
    now = current_call().now
    return convert.delivery_plan_message(snapshot, snapshot.plan(now), now)


def _after(snapshot: DeliverySnapshot, decision: Decision) -> DeliverySnapshot:
    delivery = decision.delivery or snapshot.delivery
    return DeliverySnapshot(
        applied(snapshot.snapshot, decision), snapshot.message, delivery, snapshot.contact, snapshot.is_rejected
    )
