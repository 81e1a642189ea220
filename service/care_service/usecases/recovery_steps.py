"""The calls of a recovery's workflow. Every outcome contains the recovery's next step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from uuid_utils.compat import uuid7

from care_rules import commands, reports
from care_rules.callers import Caller
from care_rules.decision import Decision
from care_rules.entities.review import Review
from care_rules.names import RecoveryName
from care_rules.recovery_plan import HANDED_OUT, RecoveryPlan, RecoveryStep, SiteTiming
from care_rules.refusals import not_found
from care_rules.replies import insert_link, remove_link
from care_rules.reports import RecoverySnapshot
from care_rules.scheduling import keep_schedule, schedule
from care_rules.snapshot import apply
from care_service.usecases.links import Links
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.retrying import retry_until_committed

_MAX_WAITING: Final = 50
"""The maximum number of waiting messages that enter a chat when it opens. Other messages stay unmatched."""


@dataclass(frozen=True, slots=True)
class RecoveryProgress:
    """A recovery, and its next step at the time of the call."""

    snapshot: RecoverySnapshot
    plan: RecoveryPlan


@dataclass(frozen=True, slots=True)
class PostingGrant:
    """The permission to carry out one step at the review site."""

    attempt: int
    text: str
    """The reply as the site shows it after the step."""
    link: str
    review: Review
    read_first: bool
    """Whether an earlier attempt may have posted the reply already."""


@dataclass(frozen=True, slots=True)
class BegunPosting:
    """The progress of a recovery, with a grant if an attempt of the step has begun."""

    progress: RecoveryProgress
    grant: PostingGrant | None


async def check_recovery(
    store: TicketStore,
    timing: SiteTiming,
    name: RecoveryName,
    report_time: datetime | None,
    caller: Caller,
    now: datetime,
) -> RecoveryProgress:
    """Returns a recovery's next step. Deletes the wake that the workflow's report at `report_time` caused.

    The workflow does not need that wake, because this call returns the next step. The wakes of other reports stay.
    """
    caller.check_organization(name.organization, str(name))
    if report_time is not None:
        await store.cancel_wake(name, report_time)
    return _progress(await _load(store, name), timing, now)


async def begin_posting(
    store: TicketStore,
    links: Links,
    timing: SiteTiming,
    name: RecoveryName,
    step: RecoveryStep,
    caller: Caller,
    now: datetime,
) -> BegunPosting:
    """Begins an attempt of `step` at the review site if it is the recovery's next step.

    Refuses with LINK_UNKNOWN if the key that signs the form's link is missing.
    """
    caller.check_organization(name.organization, str(name))

    async def attempt(store: TicketStore) -> BegunPosting:
        loaded = await _load(store, name)
        review = loaded.base.review
        if loaded.recovery.key_id:
            links.require_key(loaded.recovery.key_id)
        decision = reports.begin_posting(loaded, review, step, timing, now) if review else None
        if decision is None or review is None:
            return BegunPosting(_progress(loaded, timing, now), None)
        await store.commit(keep_schedule(decision), None)
        after = _apply(loaded, decision)
        read_first = step is RecoveryStep.POST and loaded.recovery.reply_state in HANDED_OUT
        grant = _grant(links, after, review, step, read_first=read_first)
        return BegunPosting(_progress(after, timing, now), grant)

    return await retry_until_committed(store, attempt, name.ticket)


async def report_posting(
    store: TicketStore,
    timing: SiteTiming,
    name: RecoveryName,
    command: commands.RecordPosted | commands.RecordRefused | commands.RecordRetracted,
    caller: Caller,
    now: datetime,
) -> RecoveryProgress:
    """Records the outcome of the current attempt at the review site. A report about another attempt changes nothing."""
    return await _report(store, timing, name, command, caller, now)


async def expire_form(
    store: TicketStore,
    timing: SiteTiming,
    name: RecoveryName,
    command: commands.ExpireForm,
    caller: Caller,
    now: datetime,
) -> RecoveryProgress:
    """Ends a form that has expired. If `command.early` is set, ends the form even before it expires."""
    return await _report(store, timing, name, command, caller, now)


async def unlock_chat(
    store: TicketStore, links: Links, timing: SiteTiming, name: RecoveryName, caller: Caller, now: datetime
) -> RecoveryProgress:
    """Opens the chat, sends its link to the contact, and adds the messages that the contact sent before."""
    command = commands.UnlockChat(uuid7(), links.current)
    caller.check_organization(name.organization, str(name))

    async def attempt(store: TicketStore) -> RecoveryProgress:
        loaded = await _load(store, name)
        if loaded.base.contact is not None:
            waiting = await store.load_waiting_inbound(name.ticket, loaded.base.contact, _MAX_WAITING)
            loaded = replace(loaded, waiting=tuple(replace(inbound, message_id=uuid7()) for inbound in waiting))
        return await _commit(store, timing, loaded, command, caller, now)

    return await retry_until_committed(store, attempt, name.ticket)


async def _report(
    store: TicketStore,
    timing: SiteTiming,
    name: RecoveryName,
    command: commands.Report,
    caller: Caller,
    now: datetime,
) -> RecoveryProgress:
    caller.check_organization(name.organization, str(name))

    async def attempt(store: TicketStore) -> RecoveryProgress:
        return await _commit(store, timing, await _load(store, name), command, caller, now)

    return await retry_until_committed(store, attempt, name.ticket)


async def _commit(
    store: TicketStore,
    timing: SiteTiming,
    loaded: RecoverySnapshot,
    command: commands.Report,
    caller: Caller,
    now: datetime,
) -> RecoveryProgress:
    decision = reports.record_report(loaded, command, caller, now)
    if decision is not None:
        scheduled = schedule(loaded.base, decision)
        await store.commit(scheduled, None)
        loaded = _apply(loaded, scheduled.decision)
    return _progress(loaded, timing, now)


async def _load(store: TicketStore, name: RecoveryName) -> RecoverySnapshot:
    loaded = await store.load_recovery(name)
    if loaded is None:
        raise not_found(str(name))
    return loaded


def _apply(loaded: RecoverySnapshot, decision: Decision) -> RecoverySnapshot:
    return RecoverySnapshot(
        apply(loaded.base, decision), decision.recovery or loaded.recovery, loaded.siblings, loaded.waiting
    )


def _progress(loaded: RecoverySnapshot, timing: SiteTiming, now: datetime) -> RecoveryProgress:
    return RecoveryProgress(loaded, loaded.plan(now, timing))


def _grant(
    links: Links, after: RecoverySnapshot, review: Review, step: RecoveryStep, *, read_first: bool
) -> PostingGrant:
    recovery = after.recovery
    link, text = links.form_link(recovery.id, recovery.key_id), recovery.reply_text
    return PostingGrant(
        attempt=recovery.attempt,
        text=remove_link(text) if step is RecoveryStep.RETRACT else insert_link(text, link),
        link=link,
        review=review,
        read_first=read_first,
    )
