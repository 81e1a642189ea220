"""The search: visits all reachable states breadth first, so that counterexamples are as short as possible."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from tests.model.moves import PROGRESS, Model
from tests.model.properties import NEVER_RESTS, violations_at_rest, violations_of_move, violations_of_state
from tests.model.states import Recovery, State

_NO_PARENT: Final = -1


@dataclass(frozen=True, slots=True)
class Found:
    """The result of an exploration."""

    states: int
    """How many states were seen: all of them if the exploration is complete."""
    complete: bool
    """Whether all reachable states were seen."""
    violations: Mapping[str, Sequence[str]]
    """The first counterexample of each property that does not hold: the initial state's name and the moves from it."""

    @property
    def shortest(self) -> tuple[str, Sequence[str]] | None:
        """The property with the shortest counterexample, and that counterexample."""
        return min(self.violations.items(), key=lambda item: len(item[1]), default=None)


class Exploration:
    """One exploration of a model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._numbers: dict[State, int] = {}
        self.states: list[State] = []
        self._parents = array("l")
        self._found: dict[str, tuple[int, list[str]]] = {}
        self._shared: dict[tuple[Recovery, ...], tuple[Recovery, ...]] = {}
        self._progress_into: dict[int, array[int]] = {}
        self._rests = bytearray()

    def run(self, most_states: int, stop_at: AbstractSet[str] = frozenset()) -> Found:
        """Explores until all states or `most_states` were seen, or until a property in `stop_at` is violated."""
        for _, state in self._model.initial():
            self._add(state, _NO_PARENT)
        at = 0
        while at < len(self.states) < most_states and stop_at.isdisjoint(self._found):
            self._expand(at)
            at += 1
        complete = at == len(self.states)
        if complete and not self._found:
            self._find_endless()
        violations = {name: self._trace(*where) for name, where in self._found.items()}
        return Found(len(self.states), complete, violations)

    def _expand(self, at: int) -> None:
        state, rests = self.states[at], True
        for move in self._model.moves(state):
            number = self._numbers.get(move.after)
            if number is None:
                number = self._add(move.after, at)
            self._note(violations_of_move(state, move), at, [move.label])
            if move.kind is PROGRESS:
                rests = False
                self._progress_into.setdefault(number, array("l")).append(at)
        self._rests[at] = rests
        if rests:
            self._note(violations_at_rest(state), at, [])

    def _add(self, state: State, parent: int) -> int:
        # States share equal tuples of recoveries. This halves the memory.
        state = state._replace(recoveries=self._shared.setdefault(state.recoveries, state.recoveries))
        number = self._numbers[state] = len(self.states)
        self._note(violations_of_state(state), number, [])
        self.states.append(state)
        self._parents.append(parent)
        self._rests.append(0)
        return number

    def _note(self, violations: Iterable[str], number: int, path: list[str]) -> None:
        for name in violations:
            self._found.setdefault(name, (number, path))

    def _find_endless(self) -> None:
        """Records a state from which the system can't come to rest. Walks backwards from the states of rest."""
        todo = deque(number for number, rests in enumerate(self._rests) if rests)
        while todo:
            for before in self._progress_into.pop(todo.popleft(), ()):
                if not self._rests[before]:
                    self._rests[before] = 1
                    todo.append(before)
        endless = self._rests.find(0)
        if endless >= 0:
            self._found[NEVER_RESTS] = (endless, [])

    def _trace(self, number: int, path: list[str]) -> list[str]:
        while (parent := self._parents[number]) != _NO_PARENT:
            moves = self._model.moves(self.states[parent])
            path = [next(move.label for move in moves if move.after == self.states[number]), *path]
            number = parent
        return [self._model.initial()[number][0], *path]
