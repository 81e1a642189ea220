"""WorkerService: every answer carries what the recovery wants next."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import worker_service_pb2 as pb
from care.v1 import worker_service_pb2_grpc
from care_rules import commands, names
from care_rules.decision import Decision
from care_rules.entities import RefusalReason
from care_rules.names import RecoveryName
from care_rules.plan import HANDED_OUT, SiteTiming, Step
from care_rules.refusals import not_found
from care_rules.replies import with_link, without_link
from care_rules.reports import RecoveryCase, begin_posting, report
from care_service.rpc import convert, enums
from care_service.rpc.call import current_call
from care_service.rpc.deadlines import Deadlines
from care_service.rpc.deliveries import Deliveries, need_key
from care_service.rpc.execute import applied, timed, until_committed
from care_service.rpc.fields import Fields
from care_service.usecases.links import Links
from care_service.usecases.ports import RecoverySnapshot, TicketStore

Context = grpc.aio.ServicerContext[Message, Message]

_PROVIDER_MESSAGE: Final = 2_000
_KEPT: Final = 50
"""Messages that enter a chat when it opens; further ones stay among the unmatched."""
_STEPS: Final = {enums.RECOVERY_STEP.to_contract(step): step for step in (Step.POST, Step.READ, Step.RETRACT)}


class Workers(Deliveries, Deadlines, worker_service_pb2_grpc.WorkerServiceServicer):
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, links: Links, timing: SiteTiming) -> None:
        Deliveries.__init__(self, store, links)
        self._timing = timing

    async def CheckRecovery(self, request: pb.CheckRecoveryRequest, context: Context) -> pb.CheckRecoveryResponse:
        """See the contract."""
        fields = Fields()
        fields.past("report_time", request.report_time, current_call().now)
        name = self._name(request.name, fields)
        if request.HasField("report_time"):
            # Before the load: what comes in after that is woken for by its own row.
            await self._store.take_back_wake(name, convert.from_timestamp(request.report_time))
        return pb.CheckRecoveryResponse(plan=self._plan(await self._load(self._store, name)))

    async def BeginPosting(self, request: pb.BeginPostingRequest, context: Context) -> pb.BeginPostingResponse:
        """See the contract."""
        fields = Fields()
        if request.step not in _STEPS:
            fields.wrong("step", "must be POST, READ or RETRACT")
        name = self._name(request.name, fields)
        step, now = _STEPS[request.step], current_call().now

        async def once(store: TicketStore) -> pb.BeginPostingResponse:
            load = await self._load(store, name)
            review = load.snapshot.review
            if load.recovery.key_id:
                need_key(self._links, load.recovery.key_id)
            decision = begin_posting(self._case(load), review, step, now) if review else None
            if decision is None:
                return pb.BeginPostingResponse(plan=self._plan(load))
            await store.commit(decision, None)
            after = _after(load, decision)
            grant = self._grant(after, step)
            grant.read_first = step is Step.POST and load.recovery.reply_state in HANDED_OUT
            return pb.BeginPostingResponse(grant=grant, plan=self._plan(after))

        return await until_committed(self._store, once, name.ticket)

    async def RecordPosted(self, request: pb.RecordPostedRequest, context: Context) -> pb.RecordPostedResponse:
        """See the contract."""
        name = self._name(request.name, _attempt(request.attempt))
        plan = await self._report(name, commands.RecordPosted(request.attempt))
        return pb.RecordPostedResponse(plan=plan)

    async def RecordRefused(self, request: pb.RecordRefusedRequest, context: Context) -> pb.RecordRefusedResponse:
        """See the contract."""
        fields = _attempt(request.attempt)
        reason = enums.REFUSAL_REASON.from_contract(request.reason)
        if reason is None:
            fields.wrong("reason", "must be a known reason")
            reason = RefusalReason.OTHER
        name = self._name(request.name, fields)
        words = request.provider_message.replace("\0", "")[:_PROVIDER_MESSAGE]
        plan = await self._report(name, commands.RecordRefused(request.attempt, reason, words))
        return pb.RecordRefusedResponse(plan=plan)

    async def RecordRetracted(self, request: pb.RecordRetractedRequest, context: Context) -> pb.RecordRetractedResponse:
        """See the contract."""
        name = self._name(request.name, _attempt(request.attempt))
        plan = await self._report(name, commands.RecordRetracted(request.attempt))
        return pb.RecordRetractedResponse(plan=plan)

    async def UnlockChat(self, request: pb.UnlockChatRequest, context: Context) -> pb.UnlockChatResponse:
        """See the contract."""
        name, command = self._name(request.name, Fields()), commands.UnlockChat(uuid7(), self._links.current)
        return pb.UnlockChatResponse(plan=await self._report(name, command))

    async def ExpireForm(self, request: pb.ExpireFormRequest, context: Context) -> pb.ExpireFormResponse:
        """See the contract."""
        name = self._name(request.name, Fields())
        return pb.ExpireFormResponse(plan=await self._report(name, commands.ExpireForm(request.early)))

    def _name(self, text: str, fields: Fields) -> RecoveryName:
        name = fields.name("name", text, names.parse_recovery, None)
        fields.check()
        if name is None:
            raise AssertionError("check() refuses a name that can't be read")
        current_call().enter(name.organization, text)
        return name

    async def _load(self, store: TicketStore, name: RecoveryName) -> RecoverySnapshot:
        load = await store.load_recovery(name)
        if load is None:
            raise not_found(str(name))
        return load

    async def _report(self, name: RecoveryName, command: commands.Report) -> pb.RecoveryPlan:
        call = current_call()

        async def once(store: TicketStore) -> pb.RecoveryPlan:
            load = await self._load(store, name)
            snapshot = self._case(load)
            if isinstance(command, commands.UnlockChat) and load.snapshot.contact is not None:
                kept = await store.load_kept(name.ticket, load.snapshot.contact, _KEPT)
                snapshot = replace(snapshot, kept=tuple(replace(inbound, message_id=uuid7()) for inbound in kept))
            decision = report(snapshot, command, call.caller, call.now)
            if decision is not None:
                decision = timed(load.snapshot, decision)
                await store.commit(decision, None)
                load = _after(load, decision)
            return self._plan(load)

        return await until_committed(self._store, once, name.ticket)

    def _case(self, load: RecoverySnapshot) -> RecoveryCase:
        return RecoveryCase(load.snapshot, load.recovery, load.siblings, self._timing)

    def _plan(self, load: RecoverySnapshot) -> pb.RecoveryPlan:
        now = current_call().now
        snapshot = self._case(load)
        return convert.plan_message(load, snapshot.plan(now), snapshot.reminder, now)

    def _grant(self, load: RecoverySnapshot, step: Step) -> pb.PostingGrant:
        recovery, review = load.recovery, load.snapshot.review
        if review is None:
            raise AssertionError("only a recovery with a review is handed out")
        link = self._links.form_link(recovery.id, recovery.key_id)
        text = recovery.reply_text
        return pb.PostingGrant(
            attempt=recovery.attempt,
            text=without_link(text) if step is Step.RETRACT else with_link(text, link),
            link=link,
            review_site=review.site,
            review_external_id=review.external_id,
            review_url=review.url,
            location=names.location(review.organization, review.location),
        )


def _attempt(number: int) -> Fields:
    fields = Fields()
    if number < 1:
        fields.wrong("attempt", "must be the number that BeginPosting gave")
    return fields


def _after(load: RecoverySnapshot, decision: Decision) -> RecoverySnapshot:
    snapshot = applied(load.snapshot, decision)
    return RecoverySnapshot(snapshot, decision.recovery or load.recovery, load.siblings)
