"""The rules that statements need, as SQL conditions.

SQL can't call a rule, so this module repeats these rules in SQL. It builds the conditions from the sets of states that
the rules define. The tests in `tests/integration/service/rules_in_sql/` compare each condition with its rule, in every
combination of states.

Some conditions contain an alias: `r` for a recovery or `d` for a delivery. The others contain none. If such a condition
begins with a column name, a statement can write an alias before the condition, as in `t.{IS_OPEN}`.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from care_rules.delivery import FINISHED
from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.entities.recovery import RecoveryKind, ReplyState
from care_rules.entities.ticket import Priority
from care_rules.lifecycle import LIVE, UNRESOLVED, RecoveryState, TicketStatus
from care_rules.recovery_plan import HANDED_OUT, SHOWS_LINK, UNFINISHED, WAS_PUBLIC


def names(members: Collection[StrEnum]) -> str:
    """Returns members of an enum as an SQL list, in the order of the enum: `('OPEN', 'IN_PROGRESS')`."""
    ordered = list(type(next(iter(members))))
    return "(" + ", ".join(f"'{member}'" for member in sorted(members, key=ordered.index)) + ")"


# --- tickets ----------------------------------------------------------------------------------------------------------

IS_OPEN: Final = f"status <> '{TicketStatus.CLOSED}'"
"""A ticket is not CLOSED. Rule: CLOSED is the only final status (`lifecycle.STATUS`)."""
IS_UNRESOLVED: Final = f"stage IN {names(UNRESOLVED)}"
"""The team still has to work on a ticket. The column `stage` has an index. Rule: `lifecycle.UNRESOLVED`."""
HAS_REMINDERS: Final = f"contact_state = '{RecoveryState.AWAITING_CONTACT}'"
"""The assignee of a ticket may be reminded of the ticket's form. Rule: `deadlines.next_reminder`."""
STAGE: Final = "coalesce(close_reason, status)"
"""The stage of a ticket: the close reason, or without one the status. Rule: `queries.Stage`."""
PRIORITY_RANK: Final = (
    "coalesce(array_position(ARRAY[" + ", ".join(f"'{priority}'" for priority in Priority) + "], priority), 0)"
)
"""The rank of a ticket's priority, 1 for the lowest. Rule: the order of `Priority`."""

# --- recoveries -------------------------------------------------------------------------------------------------------

IS_FORM: Final = f"kind = '{RecoveryKind.FORM}'"
"""A recovery has a form."""
MAY_NEED_STEP: Final = (
    f"(state IN {names(UNFINISHED)} OR reply_state IN {names(HANDED_OUT)}"
    f" OR reply_state = '{ReplyState.POSTED}' AND state <> '{RecoveryState.CHAT_UNLOCKED}')"
)
"""A recovery may need a step, judged by its row alone. An index has this condition. `NEEDS_STEP` implies it."""


def _newer(states: str) -> str:
    return f"""EXISTS (
            SELECT 1 FROM recoveries n WHERE n.organization = r.organization AND n.review_id = r.review_id
              AND n.position > r.position AND n.reply_state {states})"""


_SHOWS_LINK: Final = f"""r.reply_state IN {names(SHOWS_LINK)}
          -- The site took the reply of a REFUSED recovery down, unless the reply appeared after the refusal.
          AND (r.state <> '{RecoveryState.REFUSED}' OR r.post_time > r.end_time)
          -- A newer reply that was public has replaced this one. While a newer one is being posted, this one waits.
          AND ({_newer(f"= '{ReplyState.POSTING}'")}
            OR NOT {_newer(f"IN {names(WAS_PUBLIC)}")})"""
NEEDS_STEP: Final = f"""(r.state IN {names(UNFINISHED)}
        OR r.reply_state = '{ReplyState.POSTING}'
        OR r.state NOT IN {names(LIVE)}
          AND {_SHOWS_LINK})"""
"""A recovery needs a step. Rule: `recovery_plan.plan_recovery` returns a step other than DONE."""
NEEDS_FORM_LINK: Final = f"""(r.expire_time > now()
        OR r.reply_state = '{ReplyState.POSTING}'
        OR {_SHOWS_LINK})"""
"""The link to a form is still needed, if the recovery has a form. Rule: `recovery_plan.needs_form_link`."""
NEEDS_REVIEW_SITE: Final = f"""(r.state = '{RecoveryState.FORM_REQUESTED}'
            OR r.state NOT IN {names(LIVE)}
              AND r.reply_state IN {names(SHOWS_LINK | HANDED_OUT)})"""
"""A recovery waits for the review site, judged by its row alone. Rule: `recovery_plan.plan_recovery`."""
CHAT_IS_OPEN: Final = f"state = '{RecoveryState.CHAT_UNLOCKED}'"
"""The chat of a recovery accepts messages. Rule: `permissions.refusal_reason` of SendMessage."""
CHAT_EXISTS: Final = f"(r.unlock_time IS NOT NULL AND r.state <> '{RecoveryState.REJECTED}')"
"""The contact of a recovery has a chat, open or closed. Rule: `chat.ChatSnapshot.is_dead` is false."""

# --- deliveries -------------------------------------------------------------------------------------------------------

IS_QUEUED: Final = f"state = '{DeliveryState.QUEUED}'"
"""A message waits to be sent. Rule: `delivery.cancel_delivery` changes the delivery."""
CANCEL_DELIVERY: Final = f"state = '{DeliveryState.FAILED}', failure_reason = '{DeliveryFailure.CONTACT_REJECTED}'"
"""The changes to a queued delivery whose contact is rejected, except `end_time`. Rule: `delivery.cancel_delivery`."""
NEEDS_DELIVERY_STEP: Final = (
    f"(d.state = '{DeliveryState.QUEUED}' OR d.state NOT IN {names(FINISHED)} AND d.check_time IS NOT NULL)"
)
"""A message needs a step. Rule: `delivery.DeliverySnapshot.plan` returns a step other than DONE."""
