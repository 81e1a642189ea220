"""What happens to a ticket by time alone: the rules of the service's ``domain.deadlines``, without business hours.

First-response and resolution deadlines are the service's own computation and change nothing in the workflow: the kit
has none of them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from care_workflows.testing.lifecycle import FORM_LIVE, STATUS, is_live
from care_workflows.testing.records import Policy, Recovery, Ticket
from care_workflows.testing.recovering import move

_ORDER: Final = ("FORM_REMINDER", "INACTIVITY_WARNING", "INACTIVITY_CLOSE", "GRACE_CLOSE")
_PROMPT: Final = timedelta(hours=1)


class Deadline(NamedTuple):
    """What happens by itself, and when."""

    time: datetime
    kind: str


def live(ticket: Ticket) -> Recovery | None:
    """Return the recovery that has not ended, if there is one."""
    return next((recovery for recovery in ticket.recoveries if is_live(recovery.state)), None)


def contact_state(ticket: Ticket) -> str:
    """Return the bare word of ``Ticket.contact_state``."""
    recovery = live(ticket)
    return recovery.state if recovery else "NO_CONTACT"


def upcoming(ticket: Ticket, policy: Policy) -> Deadline | None:
    """Return what happens next if nobody does anything; reminders are for their recovery to wait for."""
    return min(_closings(ticket, policy), default=None) if ticket.status != "CLOSED" else None


def reminder(ticket: Ticket, recovery: Recovery, policy: Policy) -> datetime | None:
    """Return when the assignee is to be reminded of a recovery's form next."""
    return min((each.time for each in _reminders(ticket, policy)), default=None) if live(ticket) is recovery else None


def happened(ticket: Ticket, *, now: datetime, by_person: bool) -> None:
    """Keep the times after something was said or done; an end that somebody waited for counts as a person's."""
    if by_person:
        ticket.active_time, ticket.warn_time = now, None
    if ticket.status == "CLOSED":
        ticket.waits_since = None
    elif contact_state(ticket) == "AWAITING_CONTACT":
        ticket.waits_since = ticket.waits_since or now
    elif contact_state(ticket) != "CHAT_UNLOCKED":
        ticket.waits_since = None


def fire(ticket: Ticket, now: datetime, policy: Policy) -> Recovery | None:
    """Let the first deadline that is over have its effect; returns the recovery that a close has ended."""
    if ticket.status == "CLOSED":
        return None
    found = [*_closings(ticket, policy), *_reminders(ticket, policy)]
    due = min(found, key=lambda deadline: (deadline.time, _ORDER.index(deadline.kind)), default=None)
    if due is None or due.time > now:
        return None
    ticket.happened.append(due.kind)
    if due.kind == "FORM_REMINDER":
        form = live(ticket)
        posted = form.post_time if form else None
        ticket.reminders = sum(posted is not None and posted + after <= now for after in policy.form_reminders)
        return None
    if due.kind == "INACTIVITY_WARNING":
        ticket.warn_time = due.time if now - due.time <= _PROMPT else now
        return None
    return close(ticket, "auto_close", "INACTIVITY", now)


def close(ticket: Ticket, trigger: str, reason: str, now: datetime) -> Recovery | None:
    """Close the ticket, and with it the recovery that is live, which is returned."""
    status = STATUS.fire(ticket.status, trigger)
    ended = live(ticket)
    ticket.status, ticket.close_reason = status, reason
    if ended is not None:
        move(ended, "ticket_closed", now)
    happened(ticket, now=now, by_person=trigger == "close")
    return ended


def _closings(ticket: Ticket, policy: Policy) -> Iterator[Deadline]:
    if contact_state(ticket) in FORM_LIVE:
        return
    if ticket.status == "RESOLVED":
        if policy.grace and ticket.resolve_time is not None:
            yield Deadline(max(ticket.resolve_time, ticket.active_time) + policy.grace, "GRACE_CLOSE")
        return
    if not policy.inactivity:
        return
    end, warned = ticket.active_time + policy.inactivity, policy.inactivity_warning
    if not warned:
        yield Deadline(end, "INACTIVITY_CLOSE")
    elif ticket.warn_time is None:
        yield Deadline(end - warned, "INACTIVITY_WARNING")
    else:
        yield Deadline(max(end, ticket.warn_time + warned), "INACTIVITY_CLOSE")


def _reminders(ticket: Ticket, policy: Policy) -> Iterator[Deadline]:
    form = live(ticket)
    if form is not None and form.state == "AWAITING_CONTACT" and form.post_time is not None:
        for after in policy.form_reminders[ticket.reminders :]:
            yield Deadline(form.post_time + after, "FORM_REMINDER")
