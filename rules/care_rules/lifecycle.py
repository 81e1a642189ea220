"""The two state machines. Each has a table of rules, the only definition of the machine's transitions.

The service, `GetLifecycle`, `Ticket.actions`, the diagrams in the README and the `allowed` of refusals all use the
tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from transitions import Machine, MachineError


class TicketStatus(StrEnum):
    """The states of the status machine: the progress of the work on a ticket."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class RecoveryState(StrEnum):
    """The states of the recovery machine. NO_CONTACT means "no recovery yet", the source of every new one."""

    NO_CONTACT = "NO_CONTACT"
    FORM_REQUESTED = "FORM_REQUESTED"
    AWAITING_CONTACT = "AWAITING_CONTACT"
    CONTACT_RECEIVED = "CONTACT_RECEIVED"
    CHAT_UNLOCKED = "CHAT_UNLOCKED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    REPLACED = "REPLACED"
    ENDED_BY_CLOSE = "ENDED_BY_CLOSE"


UNRESOLVED: Final = frozenset({TicketStatus.OPEN, TicketStatus.IN_PROGRESS})
"""The statuses of tickets that the team still has to work on."""
FORM_LIVE: Final = frozenset({RecoveryState.FORM_REQUESTED, RecoveryState.AWAITING_CONTACT})
LIVE: Final = FORM_LIVE | {RecoveryState.CONTACT_RECEIVED, RecoveryState.CHAT_UNLOCKED}


class Trigger(StrEnum):
    """The triggers of the machines."""

    START = "start"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    AUTO_CLOSE = "auto_close"
    REQUEST_FORM = "request_form"
    ADD_CONTACT = "add_contact"
    REPLACE_FORM = "replace_form"
    RECORD_POSTED = "record_posted"
    RECORD_REFUSED = "record_refused"
    SUBMIT_CONTACT = "submit_contact"
    UNLOCK_CHAT = "unlock_chat"
    WITHDRAW_FORM = "withdraw_form"
    EXPIRE_FORM = "expire_form"
    REJECT_CONTACT = "reject_contact"
    TICKET_CLOSED = "ticket_closed"


class Party(StrEnum):
    """Who may fire a trigger."""

    ASSIGNEE = "assignee"
    SERVICE = "service"
    CUSTOMER = "customer"
    WORKFLOW = "workflow"
    SYSTEM = "system"
    """Another command fires the trigger, within the commit of that command."""


StateT = TypeVar("StateT", TicketStatus, RecoveryState)


@dataclass(frozen=True, slots=True)
class Rule(Generic[StateT]):
    """One row of the table."""

    trigger: Trigger
    sources: frozenset[StateT]
    target: StateT
    parties: frozenset[Party]
    who: str
    """The parties and conditions in words."""


class _Model:
    """The object whose state `transitions` changes. Each call of `fire` creates one, because the machine keeps none."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


class IllegalMoveError(Exception):
    """The table has no such transition from the current state."""


class StateMachine(Generic[StateT]):
    """A table of rules, and the `transitions` machine made from it. Stateless and shared by all calls."""

    def __init__(self, name: str, states: type[StateT], initial: StateT, rules: tuple[Rule[StateT], ...]) -> None:
        self.name = name
        self.states: tuple[StateT, ...] = tuple(states)
        self.initial: StateT = initial
        self.rules: tuple[Rule[StateT], ...] = rules
        self._states: type[StateT] = states
        self._by_trigger: dict[Trigger, Rule[StateT]] = {rule.trigger: rule for rule in rules}
        self._machine = Machine(
            model=None,
            states=[state.value for state in states],
            initial=initial.value,
            transitions=[
                {"trigger": rule.trigger.value, "source": sorted(rule.sources), "dest": rule.target.value}
                for rule in rules
            ],
            auto_transitions=False,
        )

    def fire(self, state: StateT, trigger: Trigger) -> StateT:
        """Returns the state after `trigger`. Raises IllegalMoveError if the table has no such transition."""
        model = _Model(state.value)
        try:
            self._machine.events[trigger.value].trigger(model)
        except MachineError as error:
            raise IllegalMoveError(f"{trigger} from {state}") from error
        return self._states(model.state)

    def allowed(self, state: StateT) -> tuple[Trigger, ...]:
        """Returns the triggers that are possible in `state`, in the order of the table."""
        return tuple(rule.trigger for rule in self.rules if state in rule.sources)

    def rule(self, trigger: Trigger) -> Rule[StateT]:
        """Returns the row of `trigger`."""
        return self._by_trigger[trigger]

    def sources(self, rule: Rule[StateT]) -> tuple[StateT, ...]:
        """Returns the source states of `rule`, in the order of the enum."""
        return tuple(state for state in self.states if state in rule.sources)

    def is_final(self, state: StateT) -> bool:
        """Tells whether the machine never leaves `state`."""
        return not self.allowed(state)


_T, _R = TicketStatus, RecoveryState

STATUS: Final = StateMachine(
    "status",
    TicketStatus,
    _T.OPEN,
    (
        Rule(Trigger.START, frozenset({_T.OPEN}), _T.IN_PROGRESS, frozenset({Party.ASSIGNEE}), "assignee"),
        Rule(
            Trigger.RESOLVE,
            frozenset({_T.OPEN, _T.IN_PROGRESS}),
            _T.RESOLVED,
            frozenset({Party.ASSIGNEE}),
            "assignee",
        ),
        Rule(
            Trigger.CLOSE,
            frozenset({_T.OPEN, _T.IN_PROGRESS, _T.RESOLVED}),
            _T.CLOSED,
            frozenset({Party.ASSIGNEE}),
            "assignee; close reason MANUAL",
        ),
        Rule(
            Trigger.REOPEN,
            frozenset({_T.RESOLVED}),
            _T.IN_PROGRESS,
            frozenset({Party.ASSIGNEE, Party.CUSTOMER}),
            "assignee; the customer, by writing or submitting a contact",
        ),
        Rule(
            Trigger.AUTO_CLOSE,
            frozenset({_T.OPEN, _T.IN_PROGRESS, _T.RESOLVED}),
            _T.CLOSED,
            frozenset({Party.WORKFLOW}),
            "workflow; close reason INACTIVITY, never while a form is live",
        ),
    ),
)

RECOVERY: Final = StateMachine(
    "recovery",
    RecoveryState,
    _R.NO_CONTACT,
    (
        Rule(
            Trigger.REQUEST_FORM,
            frozenset({_R.NO_CONTACT}),
            _R.FORM_REQUESTED,
            frozenset({Party.ASSIGNEE}),
            "assignee; the ticket has a review",
        ),
        Rule(
            Trigger.ADD_CONTACT,
            frozenset({_R.NO_CONTACT}),
            _R.CONTACT_RECEIVED,
            frozenset({Party.ASSIGNEE, Party.SERVICE}),
            "assignee or service; also creation with contact, and follow-ups",
        ),
        Rule(Trigger.REPLACE_FORM, FORM_LIVE, _R.REPLACED, frozenset({Party.SYSTEM}), "in the commit of add_contact"),
        Rule(
            Trigger.RECORD_POSTED,
            frozenset({_R.FORM_REQUESTED}),
            _R.AWAITING_CONTACT,
            frozenset({Party.WORKFLOW}),
            "workflow: the reply is public",
        ),
        Rule(
            Trigger.RECORD_REFUSED,
            FORM_LIVE,
            _R.REFUSED,
            frozenset({Party.WORKFLOW}),
            "workflow: the site refused, at once or by later moderation",
        ),
        Rule(
            Trigger.SUBMIT_CONTACT,
            FORM_LIVE,
            _R.CONTACT_RECEIVED,
            frozenset({Party.CUSTOMER}),
            "customer, with the link",
        ),
        Rule(
            Trigger.UNLOCK_CHAT,
            frozenset({_R.CONTACT_RECEIVED}),
            _R.CHAT_UNLOCKED,
            frozenset({Party.WORKFLOW}),
            "workflow",
        ),
        Rule(Trigger.WITHDRAW_FORM, FORM_LIVE, _R.WITHDRAWN, frozenset({Party.ASSIGNEE}), "assignee"),
        Rule(Trigger.EXPIRE_FORM, FORM_LIVE, _R.EXPIRED, frozenset({Party.WORKFLOW}), "workflow"),
        Rule(
            Trigger.REJECT_CONTACT,
            frozenset({_R.CONTACT_RECEIVED, _R.CHAT_UNLOCKED}),
            _R.REJECTED,
            frozenset({Party.ASSIGNEE}),
            "assignee: it was the wrong person",
        ),
        Rule(
            Trigger.TICKET_CLOSED,
            LIVE,
            _R.ENDED_BY_CLOSE,
            frozenset({Party.SYSTEM}),
            "in the commit of whatever closes the ticket",
        ),
    ),
)
