"""SQL statements about recoveries agree with the rules, over every combination of states."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from temporalio.common import TypedSearchAttributes

from care.v1.recovery_pb2 import RecoveryState as WireState
from care.v1.worker_service_pb2 import RecoveryPlan as WirePlan
from care.v1.worker_service_pb2 import RecoveryStep as WireStep
from care_client import workflow_names
from care_dev.stack import postgres
from care_rules.entities.recovery import Recovery, RecoveryKind, ReplyState
from care_rules.lifecycle import FORM_LIVE, LIVE, RecoveryState
from care_rules.recovery_plan import RecoveryPlan, RecoveryStep, Sibling, SiteTiming, needs_form_link, plan_recovery
from care_service.storage.database import Database
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.link_keys import keys_in_use
from care_service.storage.outbox import Outbox
from care_service.storage.rows import RECOVERY
from care_workflows.search_attributes import REVIEW_SITE, WAITS_FOR, recovery_updates
from tests.integration.service.stored import (
    ALL,
    LONG_AGO,
    NOW,
    RECENTLY,
    SOON,
    Examples,
    fetch,
    migrated,
    store,
)

TIMING = SiteTiming(checks=(timedelta(minutes=10),), settle=timedelta(minutes=1))
POST_AND_END: tuple[tuple[datetime | None, datetime | None], ...] = (
    (None, None),
    (RECENTLY, None),
    (None, RECENTLY),
    (LONG_AGO, RECENTLY),
    (RECENTLY, LONG_AGO),
)
NEWER: tuple[tuple[ReplyState, ...], ...] = (
    (),
    *((state,) for state in ReplyState),
    (ReplyState.RETRACTED, ReplyState.POSTING),
    (ReplyState.POSTING, ReplyState.POSTED),
)


@dataclass(frozen=True)
class Stored:
    """A stored recovery with the other recoveries of its review."""

    recovery: Recovery
    siblings: Sequence[Sibling]

    @property
    def plan(self) -> RecoveryPlan:
        return plan_recovery(self.recovery, self.siblings, NOW, TIMING)

    @property
    def shown(self) -> tuple[object, ...]:
        """The values that a failed test shows."""
        each = self.recovery
        newer = [str(sibling.reply_state) for sibling in self.siblings if sibling.newer]
        return each.kind, each.state, each.reply_state, each.post_time, each.end_time, each.expire_time, newer


def unlike(stored: Sequence[Stored], found: set[UUID], expected: set[UUID]) -> list[tuple[object, ...]]:
    """Returns the first recoveries for which statement and rule differ, each with the rule's result."""
    wrong = found ^ expected
    return [(*each.shown, each.recovery.id in expected) for each in stored if each.recovery.id in wrong][:5]


def every_recovery(sample: Examples) -> list[Stored]:
    """Makes one recovery for each combination of the values that the rules read. Each has its own review.

    No recovery is in NO_CONTACT, which means that there is none.
    """
    found: list[Stored] = []
    kinds = product(set(RecoveryState) - {RecoveryState.NO_CONTACT}, RecoveryKind)
    for (state, kind), reply_state, times, unsettled, is_expired, newer in product(
        kinds, ReplyState, POST_AND_END, (None, SOON), (True, False), NEWER
    ):
        if kind is RecoveryKind.DIRECT and state in FORM_LIVE:
            continue  # only a form is FORM_REQUESTED or AWAITING_CONTACT
        base = replace(sample.form if kind is RecoveryKind.FORM else sample.direct, review_id=uuid4())
        own = replace(
            base,
            id=uuid4(),
            state=state,
            reply_state=reply_state,
            post_time=times[0],
            end_time=times[1],
            hand_out_time=LONG_AGO,
            unsettled_until=unsettled,
            retract_after=unsettled,
            expire_time=None if kind is RecoveryKind.DIRECT else RECENTLY if is_expired else SOON,
        )
        later = (
            replace(own, id=uuid4(), state=RecoveryState.WITHDRAWN, reply_state=each, post_time=LONG_AGO, end_time=NOW)
            for each in newer
        )
        group = [replace(each, key_id=str(each.id)) for each in (own, *later)]
        for place, recovery in enumerate(group):
            others = [
                Sibling(at > place, each.reply_state, each.unsettled_until)
                for at, each in enumerate(group)
                if at != place
            ]
            found.append(Stored(recovery, others))
    return found


@pytest.fixture(scope="module")
def recoveries(sample: Examples) -> list[Stored]:
    return every_recovery(sample)


@pytest.fixture(scope="module")
async def with_recoveries(server: postgres.Server, recoveries: list[Stored]) -> AsyncIterator[Database]:
    """A database that contains `recoveries`."""
    async with migrated(server, "recoveries_in_sql") as database:
        await store(database, RECOVERY, (each.recovery for each in recoveries))
        yield database


async def test_recoveries_with_a_planned_step_are_found(with_recoveries: Database, recoveries: list[Stored]) -> None:
    page = await ExpectedWorkflows(with_recoveries).page(workflow_names.CONTACT_RECOVERY, None, ALL)
    found = {each.resource_id for each in page if each.resource_id}
    expected = {each.recovery.id for each in recoveries if each.plan.step is not RecoveryStep.DONE}
    assert unlike(recoveries, found, expected) == []


async def test_keys_in_use_are_the_keys_of_the_form_links_that_are_needed(
    with_recoveries: Database, recoveries: list[Stored]
) -> None:
    found = {UUID(key) for key in await keys_in_use(with_recoveries)}
    expected = {each.recovery.id for each in recoveries if needs_form_link(each.recovery, each.siblings, NOW, TIMING)}
    assert unlike(recoveries, found, expected) == []


async def test_a_workflow_starts_as_waiting_for_the_site_if_its_first_plan_says_so(
    with_recoveries: Database, recoveries: list[Stored]
) -> None:
    await fetch(
        with_recoveries,
        "INSERT INTO outbox (organization, workflow, ticket_number, resource_id, create_time, claim_time, attempts)"
        " SELECT organization, $1, ticket_number, id, now(), now(), 0 FROM recoveries",
        workflow_names.CONTACT_RECOVERY,
    )
    wakes = await Outbox(with_recoveries).claim(ALL, timedelta(minutes=1))
    said = {wake.resource_id: wake.needs_review_site for wake in wakes}
    await fetch(with_recoveries, "DELETE FROM outbox")
    for each in recoveries:
        state, step = each.recovery.state, each.plan.step
        shown = WirePlan(state=WireState.Value(f"RECOVERY_STATE_{state}"), step=WireStep.Value(f"RECOVERY_STEP_{step}"))
        own = [found.value for found in recovery_updates(shown, TypedSearchAttributes.empty) if found.key == WAITS_FOR]
        if said[each.recovery.id]:
            # The workflow sets the same value, or none if its first step takes only a moment.
            assert own in ([REVIEW_SITE], []), each.shown
        elif state is RecoveryState.FORM_REQUESTED or state not in LIVE:
            assert own == [], each.shown
