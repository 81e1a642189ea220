"""The rules of the model by name. Each can be left out, to show that a property is then violated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

RULES: Final = {
    "hold": "a newer recovery gets no text while an attempt of an older one of the review is in progress",
    "read-before-refuse": "the site is read before a refusal is recorded",
    "record-outcome": "a recovery that ended during an attempt reads the site and records the outcome before DONE",
    "retract": "a recovery that ends with its link public retracts the link, unless a newer reply is public",
    "report-scope": "a report changes its own recovery only, and only from the states of the table",
    "wake": "an outbox row wakes its workflow: it starts it, pokes it, or runs a finished one again",
    "poke-on-withdraw": "withdraw_form pokes the workflow",
    "poke-on-end": "submit, reject, replace and close poke the workflow",
    "re-evaluate": "FireDeadline decides again whether auto_close is due and allowed",
    "replace-form": "add_contact ends a live form in the same commit",
    "close-ends-recovery": "closing a ticket ends its live recovery in the same commit",
    "attempt-number": "a report names the attempt that BeginPosting gave; another attempt's report changes nothing",
    "poke-on-report": "a refusal or an expiry writes a wake: the report may be late, the workflow asleep again",
    "ask-after-crash": "a workflow whose attempt ended without an answer asks",
    "retract-is-known": "a retraction that has begun is recorded as such, so that newer recoveries HOLD",
    "retract-waits": "a retraction HOLDs during an attempt of a newer recovery, and decides again after its outcome",
    "per-review": "HOLD and `newer` count the recoveries of all tickets of the review, not of one ticket",
    "keep-poke": "a poke that arrives while an answer is on its way makes the workflow look again",
    "attempt-deadline": "an attempt gives up before Temporal may start the next one",
}


class Rules:
    """Which rules an exploration keeps, by name."""

    def __init__(self, without: Iterable[str] = ()) -> None:
        left_out = frozenset(without)
        if unknown := left_out - RULES.keys():
            raise ValueError(f"no such rule: {', '.join(sorted(unknown))}")
        self._kept = {rule: rule not in left_out for rule in RULES}

    def __getitem__(self, rule: str) -> bool:
        return self._kept[rule]
