"""Edits of the storage: SQL statements, the outbox, and the pool of connections."""

from __future__ import annotations

from typing import Final

from tools.mutants.edit import Edit

_USECASES: Final = "tests/integration/usecases"
_SERVICE: Final = "tests/integration/service"
_STORAGE: Final = "service/care_service/storage"

EDITS: Final = (
    # --- commits ------------------------------------------------------------------------------------------------------
    Edit(
        "a commit overwrites another one",
        f"{_STORAGE}/commits.py",
        """        f" AND revision = {statement.parameter(ticket.revision - 1, 'BIGINT')}"\n""",
        "",
        (f"{_USECASES}/test_contention.py::test_a_command_that_is_overtaken_decides_again",),
        is_short=True,
    ),
    Edit(
        "two attempts at a review site get the same number",
        f"{_STORAGE}/commits.py",
        " AND v.posting_attempts = {attempt} - 1",
        "",
        (f"{_SERVICE}/test_worker_races.py::test_a_post_and_a_retraction_of_one_review_are_never_both_granted",),
    ),
    Edit(
        "a commit writes no outbox rows",
        f"{_STORAGE}/commits.py",
        "    _add_wakes(statement, decision)\n",
        "",
        (f"{_USECASES}/test_creating_tickets.py::test_a_new_ticket_has_its_first_deadline_and_wakes_its_workflow",),
    ),
    Edit(
        "a rejected contact still gets what is queued",
        f"{_STORAGE}/commits.py",
        "if decision.cancel_deliveries_to is not None:",
        "if False:",
        (f"{_USECASES}/test_reaching_customers.py::test_a_rejected_contact_gets_no_further_message",),
    ),
    Edit(
        "a ticket that is created a moment too late is an internal error",
        f"{_STORAGE}/commits.py",
        '"pk_inbound_messages", OPEN_TICKET_INDEX, OPEN_FOLLOW_UP_INDEX}',
        '"pk_inbound_messages", OPEN_FOLLOW_UP_INDEX}',
        (
            f"{_USECASES}/test_contention.py::test_only_one_of_the_tickets_that_are_created_at_once_for_a_review_is_stored",
        ),
    ),
    # --- loads --------------------------------------------------------------------------------------------------------
    Edit(
        "a ticket is assigned to another organization's agent",
        f"{_STORAGE}/loads.py",
        "LEFT JOIN agents a ON a.organization = t.organization AND a.id = $4::TEXT",
        "LEFT JOIN agents a ON a.id = $4::TEXT",
        (f"{_USECASES}/test_ticket_commands.py::test_an_id_of_another_organizations_agent_is_unknown",),
    ),
    Edit(
        "what the customer of a closed ticket writes goes to the second ticket of a chain",
        f"{_STORAGE}/loads.py",
        "SELECT number, assignee FROM chain WHERE follow_up IS NULL",
        "SELECT number, assignee FROM chain ORDER BY number LIMIT 1 OFFSET 1",
        (f"{_SERVICE}/test_follow_ups.py::test_later_submissions_go_to_the_last_ticket_of_the_chain",),
    ),
    Edit(
        "the chat of one contact shows what another one wrote",
        f"{_STORAGE}/reader.py",
        "        _M.contact_id == contact.id,\n",
        "",
        (f"{_USECASES}/test_customer_chats.py::test_a_chat_shows_its_own_messages_and_no_notes",),
    ),
    Edit(
        "the chat of a contact shows notes",
        f"{_STORAGE}/reader.py",
        "_M.kind.in_([MessageKind.AGENT_MESSAGE, MessageKind.CUSTOMER_MESSAGE])",
        "_M.kind.in_([MessageKind.AGENT_MESSAGE, MessageKind.CUSTOMER_MESSAGE, MessageKind.NOTE])",
        (f"{_USECASES}/test_customer_chats.py::test_a_chat_shows_its_own_messages_and_no_notes",),
    ),
    # --- stored responses, outbox, change feed ------------------------------------------------------------------------
    Edit(
        "a stored response never expires",
        f"{_STORAGE}/stored_responses.py",
        "if time > key.oldest:",
        "if True:",
        (f"{_USECASES}/test_creating_tickets.py::test_a_stored_response_expires_after_a_day",),
    ),
    Edit(
        "expired responses are deleted without a limit",
        f"{_STORAGE}/stored_responses.py",
        "WHERE create_time <= $1::TIMESTAMPTZ LIMIT $2::INTEGER",
        "WHERE create_time <= $1::TIMESTAMPTZ AND $2::INTEGER > 0",
        (f"{_SERVICE}/test_purging.py",),
    ),
    Edit(
        "two folds wait for each other",
        f"{_STORAGE}/ticket_counts.py",
        "LIMIT $1 FOR UPDATE SKIP LOCKED",
        "LIMIT $1 FOR UPDATE",
        (f"{_SERVICE}/test_ticket_counts.py::test_folds_do_not_wait_for_each_others_changes",),
    ),
    Edit(
        "a fold replaces the counts",
        f"{_STORAGE}/ticket_counts.py",
        """FROM folded
      GROUP BY organization, location, stage HAVING sum(difference) <> 0 ORDER BY organization, location, stage
      ON CONFLICT (organization, location, stage) DO UPDATE SET tickets = t.tickets + excluded.tickets""",
        """FROM folded
      GROUP BY organization, location, stage HAVING sum(difference) <> 0 ORDER BY organization, location, stage
      ON CONFLICT (organization, location, stage) DO UPDATE SET tickets = excluded.tickets""",
        (f"{_SERVICE}/test_ticket_counts.py::test_folding_keeps_the_counts_and_removes_the_changes",),
    ),
    Edit(
        "counts leave out what was not folded",
        f"{_STORAGE}/ticket_counts.py",
        "        _part(changes, changes.c.difference.cast(BigInteger), organization, condition),\n",
        "",
        (f"{_SERVICE}/test_ticket_counts.py::test_folding_keeps_the_counts_and_removes_the_changes",),
    ),
    Edit(
        "counts of a filter on the priority ignore the priority",
        f"{_STORAGE}/ticket_counts.py",
        "            return condition.field in _COUNTED_FIELDS\n",
        "            return True\n",
        (f"{_SERVICE}/test_ticket_counts.py::test_a_total_size_that_needs_reading_stops_at_its_limit_and_says_so",),
    ),
    Edit(
        "a total size that stopped at its limit is said to be exact",
        f"{_STORAGE}/reader.py",
        "is_exact=found <= LARGEST_TOTAL",
        "is_exact=True",
        (f"{_SERVICE}/test_ticket_counts.py::test_a_total_size_that_needs_reading_stops_at_its_limit_and_says_so",),
    ),
    Edit(
        "two corrections of the counts at once correct twice",
        f"{_STORAGE}/ticket_counts.py",
        "            await connection.execute(LOCK)\n",
        "",
        (f"{_SERVICE}/test_ticket_counts.py::test_two_corrections_at_once_correct_once",),
    ),
    Edit(
        "two relays claim the same outbox rows",
        f"{_STORAGE}/outbox.py",
        "UPDATE outbox o SET claim_time = now() + $2::INTERVAL, attempts",
        "UPDATE outbox o SET claim_time = now() + $2::INTERVAL * 0, attempts",
        (f"{_SERVICE}/test_outbox.py::test_a_parked_row_is_not_claimed_until_it_is_unparked",),
    ),
    Edit(
        "the relay keeps rows whose workflows were woken",
        "service/care_service/running/relay.py",
        "await self._outbox.delete(done)",
        "pass",
        ("tests/unit/service/test_relay.py",),
    ),
    Edit(
        "readers of the change feed miss what commits later",
        f"{_STORAGE}/feed.py",
        "      AND transaction < pg_snapshot_xmin(pg_current_snapshot())\n",
        "",
        (f"{_USECASES}/test_change_feed.py",),
    ),
    # --- rules in SQL -------------------------------------------------------------------------------------------------
    Edit(
        "recoveries whose reply is being posted are not found",
        f"{_STORAGE}/rules_in_sql.py",
        "        OR r.reply_state = '{ReplyState.POSTING}'\n        OR r.state NOT IN",
        "        OR r.state NOT IN",
        (f"{_SERVICE}/rules_in_sql/test_recoveries.py::test_recoveries_with_a_planned_step_are_found",),
    ),
    Edit(
        "settings of a location wake the tickets of all locations",
        f"{_STORAGE}/directory.py",
        " AND {condition}{here}",
        " AND {condition}",
        (
            f"{_USECASES}/test_directory_and_settings.py::test_a_setting_of_a_location_wakes_the_tickets_of_that_location",
        ),
    ),
    # --- connections --------------------------------------------------------------------------------------------------
    Edit(
        "a connection is used again while its cancelled statement still runs",
        f"{_STORAGE}/pool.py",
        "elif was_interrupted or connection.is_in_transaction():",
        "elif False:",
        (f"{_SERVICE}/test_pool.py::test_a_transaction_that_was_left_open_is_rolled_back",),
    ),
    Edit(
        "a failed connection takes a place of the pool for ever",
        f"{_STORAGE}/pool.py",
        "        except BaseException:\n            self._forget()\n            raise\n",
        "        except BaseException:\n            raise\n",
        (f"{_SERVICE}/test_pool.py::test_a_failed_connection_leaves_its_place_to_the_next_lease",),
    ),
    Edit(
        "a connection that is released after the pool closed stays open",
        f"{_STORAGE}/pool.py",
        "elif self._is_closed or (isinstance(error, CONNECTION_ERRORS) and not was_interrupted):",
        "elif isinstance(error, CONNECTION_ERRORS) and not was_interrupted:",
        (f"{_SERVICE}/test_pool.py::test_closing_ends_waits_and_refuses_leases",),
    ),
    Edit(
        "a statement that takes too long is an internal error",
        f"{_STORAGE}/database.py",
        "    if isinstance(error, asyncpg.QueryCanceledError):\n        return time_limit_exceeded()\n",
        "",
        (f"{_SERVICE}/test_database.py",),
    ),
    Edit(
        "a failed count leaves its planner settings to the next statement",
        f"{_STORAGE}/ticket_plans.py",
        "'on', true)",
        "'on', false)",
        (f"{_SERVICE}/test_database.py::test_a_failed_count_of_many_tickets_leaves_the_planner_as_it_was",),
    ),
)
