"""Edits of the use cases: loads, comparisons and commits of commands, and their order."""

from __future__ import annotations

from typing import Final

from tools.mutants.edit import TYPES, Edit

_TESTS: Final = "tests/integration/usecases"
_OTHER_SENDERS: Final = (
    "tests/integration/service/test_inbound.py"
    "::test_a_sender_cannot_write_to_the_chat_of_another_person_by_naming_or_answering_it"
)

EDITS: Final = (
    # --- commits without recomputed deadlines -------------------------------------------------------------------------
    Edit(
        "a customer's message is committed without its deadlines",
        "service/care_service/usecases/chats.py",
        "await commit(store, schedule(chat.target, decision), own.record(",
        "await commit(store, decision, own.record(",
        (TYPES,),
        is_short=True,
    ),
    Edit(
        "a delivery report is committed without its deadlines",
        "service/care_service/usecases/deliveries.py",
        "            return snapshot\n        scheduled = schedule(snapshot.base, decision)\n"
        "        await store.commit(scheduled, None)\n        return _apply(snapshot, scheduled.decision)\n",
        "            return snapshot\n        await store.commit(decision, None)\n"
        "        return _apply(snapshot, decision)\n",
        (TYPES,),
    ),
    Edit(
        "the note of a review's edit is committed without its deadlines",
        "service/care_service/usecases/reviews.py",
        "return schedule(snapshot, decision) if decision is not None else None",
        "return decision",
        (TYPES,),
    ),
    # --- requests -----------------------------------------------------------------------------------------------------
    Edit(
        "a repeated request is refused for its etag",
        "service/care_service/usecases/execution.py",
        "        if (replayed := request.replay(stored)) is not None:\n            return replayed\n"
        "        request.check_etag(snapshot.ticket)\n",
        "        request.check_etag(snapshot.ticket)\n"
        "        if (replayed := request.replay(stored)) is not None:\n            return replayed\n",
        (f"{_TESTS}/test_ticket_commands.py::test_a_repeat_is_answered_before_its_etag_is_compared",),
        is_short=True,
    ),
    Edit(
        "etags are not compared",
        "service/care_service/usecases/execution.py",
        "        request.check_etag(snapshot.ticket)\n",
        "",
        (f"{_TESTS}/test_ticket_commands.py::test_an_etag_of_another_version_is_refused",),
    ),
    Edit(
        "another request with the same id gets the stored response",
        "service/care_service/usecases/request.py",
        "if stored is not None and stored.fingerprint != self.fingerprint:",
        "if False:",
        (f"{_TESTS}/test_creating_tickets.py::test_another_request_with_the_same_id_is_refused",),
    ),
    Edit(
        "a command that was overtaken gives up",
        "service/care_service/usecases/retrying.py",
        "        except StaleError:\n            continue\n",
        "        except StaleError:\n            break\n",
        (f"{_TESTS}/test_contention.py::test_a_command_that_is_overtaken_decides_again",),
    ),
    # --- steps of the workflows ---------------------------------------------------------------------------------------
    Edit(
        "the wake of a workflow's own report stays",
        "service/care_service/usecases/recovery_steps.py",
        "await store.cancel_wake(name, report_time)",
        "pass",
        (f"{_TESTS}/test_recovery_steps.py::test_a_check_cancels_the_wake_of_the_workflows_own_report",),
    ),
    Edit(
        "a later attempt is not told that the reply may be public",
        "service/care_service/usecases/recovery_steps.py",
        "read_first = step is RecoveryStep.POST and loaded.recovery.reply_state in HANDED_OUT",
        "read_first = False",
        (f"{_TESTS}/test_recovery_steps.py::test_a_second_attempt_reads_first",),
    ),
    # --- customers and reviews ----------------------------------------------------------------------------------------
    Edit(
        "an edit of a review that arrives late overwrites a newer one",
        "service/care_service/usecases/reviews.py",
        "    if before is not None and before.update_time > review.update_time:\n        return before\n",
        "",
        (f"{_TESTS}/test_reviews.py::test_an_edit_that_arrives_late_changes_nothing",),
    ),
    Edit(
        "anybody who names a chat writes in it",
        "service/care_service/usecases/inbound.py",
        "return not chat.is_dead and (is_contact or (inbound.automatic and loaded.is_answer))",
        "return not chat.is_dead",
        (_OTHER_SENDERS,),
    ),
    # --- streams ------------------------------------------------------------------------------------------------------
    Edit(
        "a stream that leaves ends the read of the others",
        "service/care_service/usecases/subscriptions.py",
        "            if waiter.done():\n                continue\n",
        "",
        ("tests/unit/service/test_subscriptions.py::test_a_stream_that_leaves_does_not_end_the_read_of_the_others",),
    ),
    Edit(
        "a stream whose client does not read stays open",
        "service/care_service/rpc/write_watch.py",
        "            self._timeout.reschedule(deadline)\n",
        "            self._begin = None\n",
        ("tests/unit/service/test_write_watch.py::test_a_write_that_takes_too_long_ends_the_block",),
    ),
    Edit(
        "a write that ends in time ends the stream",
        "service/care_service/rpc/write_watch.py",
        "if deadline > self._loop.time():",
        "if False:",
        ("tests/unit/service/test_write_watch.py",),
    ),
)
