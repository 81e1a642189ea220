"""The command `python -m tests.model`; see the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.model.exploration import Exploration
from tests.model.moves import Model
from tests.model.properties import ALL
from tests.model.rules import RULES, Rules
from tests.model.states import FULL

_MOST_STATES: Final = 5_000_000


def main() -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", epilog="Rules: " + ", ".join(RULES))
    parser.add_argument("--max-states", type=int, default=_MOST_STATES, help="for each of the budgets")
    parser.add_argument("--without", nargs="+", default=[], choices=RULES, metavar="RULE", help="leave out these rules")
    parser.add_argument("--each", action="store_true", help="leave out each rule in turn")
    options = parser.parse_args()
    left_out = [[rule] for rule in RULES] if options.each else [options.without]
    # With `--each`, a rule fails if all properties hold without it.
    failed = [rules for rules in left_out if _explore(rules, options.max_states) is bool(options.each)]
    return 1 if failed else 0


def _explore(without: list[str], most_states: int) -> bool:
    """Explores the budgets until one violates a property; prints and returns whether all properties hold."""
    for budget in FULL:
        began = time.monotonic()
        found = Exploration(Model(budget, Rules(without))).run(most_states, ALL if without else frozenset())
        spent = f"{tuple(budget)} {found.states:>8} states {time.monotonic() - began:4.0f} s"
        path: Sequence[str] = ()
        verdict = "holds" if found.complete else "unfinished"
        if found.shortest:
            name, path = found.shortest
            verdict = f"violated in {len(path) - 1} moves: {name}"
        print(f"{' '.join(without) or 'all rules':19} {spent}  {verdict}", *path, sep="\n    ", flush=True)
        if path or not found.complete:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
