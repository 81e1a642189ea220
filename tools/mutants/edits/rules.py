"""Edits of the rules: permissions, effects of commands, and deadlines."""

from __future__ import annotations

from typing import Final

from tools.mutants.edit import Edit

_CHAT: Final = ("tests/unit/rules/test_chat.py",)
_DEADLINES: Final = ("tests/unit/rules/test_deadlines.py",)
_SCHEDULING: Final = ("tests/unit/rules/test_scheduling.py",)
_DECIDE: Final = ("tests/unit/rules/test_decide.py",)
_DELIVERIES: Final = ("tests/unit/rules/test_delivery_reports.py",)
_PERMISSIONS: Final = ("tests/unit/rules/test_permissions.py",)
_PLAN: Final = ("tests/unit/rules/test_plan.py",)
_REPORTS: Final = ("tests/unit/rules/test_reports.py",)
_SUBMIT: Final = ("tests/unit/rules/test_submit.py",)

EDITS: Final = (
    # --- commands -----------------------------------------------------------------------------------------------------
    Edit(
        "refusals come in another order",
        "rules/care_rules/permissions.py",
        "_machine_refusal(command, situation) or _other_refusal(command, situation)",
        "_other_refusal(command, situation) or _machine_refusal(command, situation)",
        _PERMISSIONS,
        is_short=True,
    ),
    Edit(
        "agents assign tickets that are not theirs",
        "rules/care_rules/permissions.py",
        "(command is Command.ASSIGN and supervisor)",
        "command is Command.ASSIGN",
        _PERMISSIONS,
    ),
    Edit(
        "a ticket keeps the state of a recovery that has ended",
        "rules/care_rules/decision.py",
        "contact_state=live.state if live and is_live else",
        "contact_state=live.state if live else",
        _DECIDE,
    ),
    Edit(
        "closing a ticket does not wake its recovery",
        "rules/care_rules/ticket_commands.py",
        "return Decision(after, entry, recovery=ended, wakes=(ended.id,) if ended else ())",
        "return Decision(after, entry, recovery=ended)",
        _DECIDE,
    ),
    Edit(
        "a contact that replaces a form does not wake the form's recovery",
        "rules/care_rules/recovery_commands.py",
        "wakes = (recovery.id, replaced.id) if replaced else (recovery.id,)",
        "wakes = (recovery.id,)",
        _DECIDE,
    ),
    Edit(
        "a ticket has two live recoveries",
        "rules/care_rules/recovery_commands.py",
        "if snapshot.live is not None and snapshot.live.state in FORM_LIVE:",
        "if False:",
        _DECIDE,
    ),
    # --- deadlines ----------------------------------------------------------------------------------------------------
    Edit(
        "the workflow sleeps until the last deadline",
        "rules/care_rules/deadlines.py",
        "nearest = next(own, None)",
        "nearest = max(own, key=lambda each: each.time, default=None)",
        _DEADLINES,
        is_short=True,
    ),
    Edit(
        "the clock never stops while the business waits for the customer",
        "rules/care_rules/deadlines.py",
        "    if not settings.deadlines.paused_while_waiting:\n        pauses = ()\n",
        "    pauses = ()\n",
        _DEADLINES,
    ),
    Edit(
        "what happens in the grace time does not extend it",
        "rules/care_rules/deadlines.py",
        "max(ticket.resolve_time, timing.active_time)",
        "ticket.resolve_time",
        _DEADLINES,
    ),
    Edit(
        "a ticket is closed for inactivity while its form is live",
        "rules/care_rules/deadlines.py",
        "    if ticket.contact_state in FORM_LIVE:\n        return\n",
        "",
        _DEADLINES,
    ),
    Edit(
        "a changed setting shortens the time after a warning",
        "rules/care_rules/deadlines.py",
        "max(close, timing.warn_time + warned)",
        "close",
        _DEADLINES,
    ),
    Edit(
        "a wait for the customer that ended is forgotten",
        "rules/care_rules/scheduling.py",
        "(*timing.pauses, Pause(timing.waits_since, now))",
        "timing.pauses",
        _SCHEDULING,
    ),
    Edit(
        "the failed delivery of a warning restarts the inactivity",
        "rules/care_rules/scheduling.py",
        "is_failed_warning = entry.type is ActivityType.DELIVERY_FAILED and timing.warn_time is not None",
        "is_failed_warning = False",
        _SCHEDULING,
    ),
    Edit(
        "an automatic message restarts the inactivity",
        "rules/care_rules/scheduling.py",
        "by_person = entry.actor_kind is not ActorKind.WORKFLOW and not is_automatic",
        "by_person = entry.actor_kind is not ActorKind.WORKFLOW",
        _SCHEDULING,
    ),
    # --- recoveries ---------------------------------------------------------------------------------------------------
    Edit(
        "a form is posted while an older reply is at the site",
        "rules/care_rules/recovery_plan.py",
        "held = any(not sibling.newer and _may_be_at_site(sibling, now) for sibling in siblings)",
        "held = False",
        _PLAN,
        is_short=True,
    ),
    Edit(
        "the site is read before a write has settled",
        "rules/care_rules/recovery_plan.py",
        "return _hold_until(settle_time(recovery, timing), now) or RecoveryPlan(RecoveryStep.READ)",
        "return RecoveryPlan(RecoveryStep.READ)",
        _PLAN,
    ),
    Edit(
        "an older link is removed from a newer reply",
        "rules/care_rules/recovery_plan.py",
        "    if newer & WAS_PUBLIC:\n        return RecoveryPlan(RecoveryStep.DONE)\n",
        "",
        _PLAN,
    ),
    Edit(
        "a recovery waits for the last of its times",
        "rules/care_rules/recovery_plan.py",
        "RecoveryPlan(RecoveryStep.WAIT, min(times) - now)",
        "RecoveryPlan(RecoveryStep.WAIT, max(times) - now)",
        _PLAN,
    ),
    Edit(
        "the report of another attempt counts",
        "rules/care_rules/reports.py",
        "recovery.attempt == _NONE or command.attempt != recovery.attempt",
        "recovery.attempt == _NONE",
        _REPORTS,
        is_short=True,
    ),
    Edit(
        "a refusal and an expiry wake no workflow",
        "rules/care_rules/reports.py",
        "wakes = (after.id,) if after.state is not before.state and not is_awaited else ()",
        "wakes = ()",
        _REPORTS,
    ),
    # --- customers ----------------------------------------------------------------------------------------------------
    Edit(
        "claims of one form have no limit",
        "rules/care_rules/submit.py",
        "if known or claims >= MAX_CLAIMS:",
        "if known:",
        _SUBMIT,
    ),
    Edit(
        "a closed ticket does not name its follow-up",
        "rules/care_rules/follow_up.py",
        "replace(bump_revision(before), follow_up=number)",
        "bump_revision(before)",
        _SUBMIT,
    ),
    Edit(
        "an automatic message reopens a resolved ticket",
        "rules/care_rules/chat.py",
        "if ticket.status is TicketStatus.RESOLVED and not command.automatic:",
        "if ticket.status is TicketStatus.RESOLVED:",
        _CHAT,
    ),
    Edit(
        "the link of a rejected contact opens the chat",
        "rules/care_rules/chat.py",
        "return self.recovery.state is RecoveryState.REJECTED or not self.contact.key_id",
        "return not self.contact.key_id",
        _CHAT,
    ),
    Edit(
        "the report of another attempt to send counts",
        "rules/care_rules/delivery.py",
        "if delivery.attempt == _NONE or command.attempt != delivery.attempt:",
        "if delivery.attempt == _NONE:",
        _DELIVERIES,
    ),
    Edit(
        "a message is never given up",
        "rules/care_rules/delivery.py",
        "if step is DeliveryStep.SEND and delivery.give_up_time <= now:",
        "if False:",
        _DELIVERIES,
    ),
    Edit(
        "a message is sent to a contact that was rejected",
        "rules/care_rules/delivery.py",
        "if step is DeliveryStep.SEND and snapshot.is_rejected:",
        "if False:",
        _DELIVERIES,
    ),
)
