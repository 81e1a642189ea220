"""The two state machines, from the service's own table: ``lifecycle.json`` is its answer to ``GetLifecycle``.

``make diagrams`` writes the file, and ``make check`` holds it to the table.
"""

from importlib.resources import files
from typing import Final

from google.protobuf import json_format

from care.v1.lifecycle_service_pb2 import GetLifecycleResponse, StateMachine
from care_workflows.testing.refusals import refused

NO_CONTACT: Final = "NO_CONTACT"
"""Where a recovery comes from that is made anew."""


class Table:
    """One machine's table."""

    def __init__(self, machine: StateMachine) -> None:
        """Read ``machine``; a transition without sources makes something new."""
        self.name = machine.name
        self._states = {state.name: state for state in machine.states}
        self._moves = {
            (source, transition.trigger): transition.target
            for transition in machine.transitions
            for source in transition.sources or (NO_CONTACT,)
        }

    def allowed(self, state: str) -> tuple[str, ...]:
        """Return the triggers that the table has from ``state``, in its order."""
        return tuple(trigger for source, trigger in self._moves if source == state)

    def is_final(self, state: str) -> bool:
        """Tell whether ``state`` is never left."""
        return self._states[state].final

    def fire(self, state: str, trigger: str) -> str:
        """Return the state after ``trigger``; raises ILLEGAL_TRANSITION where the table has no such move."""
        try:
            return self._moves[state, trigger]
        except KeyError:
            keys = self.keys(state) | {"trigger": trigger}
        raise refused("ILLEGAL_TRANSITION", f"{trigger} is not possible in {state}.", keys)

    def keys(self, state: str) -> dict[str, str]:
        """Return the machine's part of an error's metadata."""
        return {"machine": self.name, "state": state, "allowed": ",".join(self.allowed(state))}


def _tables() -> dict[str, Table]:
    text = files("care_workflows.testing").joinpath("lifecycle.json").read_text(encoding="utf-8")
    machines = json_format.Parse(text, GetLifecycleResponse()).machines
    return {machine.name: Table(machine) for machine in machines}


_TABLES: Final = _tables()
STATUS: Final = _TABLES["status"]
RECOVERY: Final = _TABLES["recovery"]

FORM_LIVE: Final = frozenset({"FORM_REQUESTED", "AWAITING_CONTACT"})
"""A form is out."""


def is_live(state: str) -> bool:
    """Tell whether a recovery in ``state`` has not ended: the close of its ticket would end it."""
    return "ticket_closed" in RECOVERY.allowed(state)
