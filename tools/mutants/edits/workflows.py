"""Edits of the workflows and their activities."""

from __future__ import annotations

from typing import Final

from tools.mutants.edit import Edit

_ACTIVITIES: Final = "workflows/care_workflows/recovery_activities.py"
_BASE: Final = "workflows/care_workflows/plan_driven_workflow.py"
_POKES: Final = "tests/workflows/test_contact_recovery_pokes.py"
_ASK: Final = (
    "                self._set_status(wording.ASKING_SERVICE)\n"
    "                plan = await self._ask_after_poke(ask) if poked else await self._run_service_step(ask)\n"
)

EDITS: Final = (
    Edit(
        "a poke while the service is asked is lost",
        _BASE,
        "poked, self._poked, self._updates_covered = self._poked, False, self._updates_received\n" + _ASK,
        "poked, self._updates_covered = self._poked, self._updates_received\n"
        + _ASK
        + "                self._poked = False\n",
        (f"{_POKES}::test_poke_while_the_service_is_asked_makes_the_workflow_ask_again",),
    ),
    Edit(
        "a workflow ends over a poke",
        _BASE,
        "return not self._poked",
        "return True",
        (f"{_POKES}::test_poke_while_the_last_result_is_pending_prevents_the_end",),
    ),
    Edit(
        "an update is lost when the workflow continues as new",
        _BASE,
        "        if self._updates_answered == self._updates_received:\n            workflow.continue_as_new",
        "        if True:\n            workflow.continue_as_new",
        ("tests/workflows/test_updates.py::test_an_unanswered_update_postpones_continuing_as_new",),
    ),
    Edit(
        "the wait of a first plan counts from the workflow's first task",
        _BASE,
        "rest = wait - (workflow.now() - self._plan_received)",
        "rest = wait",
        ("tests/workflows/test_first_plans.py::test_a_wait_counts_from_the_start_and_not_from_the_first_task",),
    ),
    Edit(
        "a workflow ends by the last plan of another ticket",
        "workflows/care_workflows/ticket_workflow.py",
        "if self._is_done(plan) and plan.ticket == self._resource:",
        "if self._is_done(plan):",
        ("tests/workflows/test_first_plans.py::test_a_close_without_the_last_plan_makes_the_workflow_ask",),
    ),
    Edit(
        "a recovery that does not exist waits for an operator",
        _BASE,
        "if refusal.type == _NOT_FOUND:",
        "if False:",
        ("tests/workflows/test_contact_recovery.py::test_recovery_that_does_not_exist_fails_once",),
    ),
    Edit(
        "a reply that may be public is posted again",
        _ACTIVITIES,
        "if begun.grant.read_first and await _is_public(reply):",
        "if False:",
        ("tests/workflows/test_recovery_activities.py::test_later_attempt_reads_before_it_writes",),
    ),
    Edit(
        "a refusal is reported although the reply is public",
        _ACTIVITIES,
        "if await _is_known_to_be_public(reply):",
        "if False:",
        (
            "tests/workflows/test_recovery_activities.py::test_refusal_of_a_reply_that_is_already_public_is_reported_as_posted",
        ),
    ),
    Edit(
        "a message that was sent is reported as delivered",
        "workflows/care_workflows/delivery_activities.py",
        "state=DELIVERY_STATE_DELIVERED if has_arrived else DELIVERY_STATE_SENT",
        "state=DELIVERY_STATE_DELIVERED",
        ("tests/workflows/channels/test_delivery_activities.py::test_an_sms_is_sent_reported_and_checked",),
    ),
    Edit(
        "an attempt at the service outlives its retry",
        "workflows/care_workflows/attempts.py",
        "    async with limit_attempt(activity_options.SERVICE_ATTEMPT_DEADLINE, failures.service_unavailable):\n",
        "    if True:\n",
        ("tests/workflows/test_service_steps.py::test_an_attempt_ends_within_its_deadline",),
    ),
)
