"""Mermaid diagrams of the two state machines. The library `transitions` draws them from the tables of `lifecycle`."""

from __future__ import annotations

from typing import Any, Final

from transitions.extensions import GraphMachine

from care_rules.lifecycle import RECOVERY, STATUS, StateMachine, StateT


class _Model:
    """The model that the drawing extension requires."""


_HEADER: Final = "stateDiagram-v2"
_STYLING: Final = ("classDef ", "Class ", "state ")


def mermaid(machine: StateMachine[StateT]) -> str:
    """Returns a Mermaid state diagram of `machine`, without the drawing library's front matter and colors."""
    graph = GraphMachine(
        model=_Model(),
        states=[state.value for state in machine.states],
        initial=machine.initial.value,
        transitions=[
            {"trigger": rule.trigger.value, "source": source.value, "dest": rule.target.value}
            for rule in machine.rules
            for source in machine.sources(rule)
        ],
        auto_transitions=False,
        graph_engine="mermaid",
    )
    drawn: Any = graph.get_combined_graph()
    text: str = drawn.source
    lines = text[text.index(_HEADER) :].splitlines()
    remaining = [line.rstrip() for line in lines if line.strip() and not line.strip().startswith(_STYLING)]
    return "\n".join(remaining) + "\n"


def diagrams() -> dict[str, str]:
    """Returns the diagrams of both machines by name."""
    return {STATUS.name: mermaid(STATUS), RECOVERY.name: mermaid(RECOVERY)}
