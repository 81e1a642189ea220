"""The model's entry point: checks whether the outcome of an action follows the rules of the design.

The model is as small as possible: plain Python, written from the design alone, which is not in this repository. It
shares no code and no table with the service. A ticket is a value in memory (`tickets`, `state`), and a request is an
`Action`. `accept` compares the outcome with the refusals (`refusals`), and applies the action to the model (`team`,
`customer`, `worker`). The rules leave some values open: ids, and when the worker gets a step. The model takes these
from the outcome, and checks that they are allowed.
"""

from __future__ import annotations

from tests.property.model.actions import AGENTS, REPORTS, Action, Mismatch, Outcome
from tests.property.model.customer import open_chat, post_message, submit_contact
from tests.property.model.refusals import refusal
from tests.property.model.state import KeptResponse, Model
from tests.property.model.team import execute_command
from tests.property.model.tickets import Ticket
from tests.property.model.worker import begin_posting, record_report


def accept(model: Model, action: Action, outcome: Outcome) -> None:
    """Applies an action. Raises Mismatch if its outcome does not follow the rules."""
    reason = refusal(model, action)
    if outcome.reason != reason:
        raise Mismatch(f"{action}: {outcome.reason or 'a success'}, not {reason or 'a success'}")
    if reason:
        return
    kept = model.kept_response(action)
    if kept is not None:
        if kept.response and outcome.response != kept.response:
            raise Mismatch(f"{action}: the repeated request has another response")
        kept.response = outcome.response
        return
    changed = _apply(model, action, outcome)
    if changed and action.request_id:
        model.kept[action.key] = KeptResponse(action, model.now, outcome.response)
    if outcome.ticket is not None:
        ticket = model.tickets[action.ticket if action.ticket >= 0 else -1]
        model.check_ticket(ticket, outcome.ticket, str(action))


def _apply(model: Model, action: Action, outcome: Outcome) -> bool:
    """Applies an accepted action. Returns whether its response is kept for repeats."""
    match action.method:
        case "CreateTicket":
            _create_ticket(model, action, outcome)
            return True
        case "SubmitContact":
            return submit_contact(model, action)
        case "GetChat":
            open_chat(model, action, outcome)
            return False
        case "PostMessage":
            return post_message(model, action)
        case "BeginPosting":
            begin_posting(model, action, outcome.grant)
            return False
        case method if method in REPORTS:
            record_report(model, action)
            return False
        case _:
            return execute_command(model, action, outcome)


def _create_ticket(model: Model, action: Action, outcome: Outcome) -> None:
    reporter = action.caller if action.caller in AGENTS else ""
    ticket = Ticket(action.review, action.text, reporter, "", model.now)
    ticket.name = outcome.ticket.name if outcome.ticket else ""
    model.add_ticket(ticket, action, None)
