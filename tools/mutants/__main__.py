"""Makes small edits (mutants, in the terms of mutation testing) to the product, and lists those that survive.

It makes one edit at a time. An edit survives if no test and no type check notices it.

    python -m tools.mutants                all edits
    python -m tools.mutants --short        the few that CI tries
    python -m tools.mutants --only TEXT    those whose name contains the text
    python -m tools.mutants --list         prints the edits and tries none
    python -m tools.mutants --jobs 2       tries two at a time

Exits with 1 if an edit survived: a test is missing, or too weak. Exits with 2 if an edit or a check is broken.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue

from tools.mutants.edit import Edit, EditError
from tools.mutants.edits import EDITS
from tools.mutants.running import BrokenBaselineError, Copy, Outcome, check_baseline, copied_checkout, try_edit


def main(argv: list[str] | None = None, edits: Sequence[Edit] = EDITS) -> int:
    """Runs the command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="try only the few that CI tries")
    parser.add_argument("--only", metavar="TEXT", default="", help="try those whose name contains TEXT")
    parser.add_argument("--list", action="store_true", help="print the edits, try none")
    parser.add_argument("--jobs", "-j", metavar="N", type=int, default=1, help="how many to try at a time")
    options = parser.parse_args(argv)
    chosen = [edit for edit in edits if options.only in edit.name and (edit.is_short or not options.short)]
    if options.list:
        for edit in chosen:
            print(f"{edit.name:<70}{edit.path}")
        return 0
    try:
        survived = _try_all(chosen, options.jobs)
    except (EditError, BrokenBaselineError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(chosen)} edits, {survived} survived")
    return 1 if survived else 0


def _try_all(edits: Sequence[Edit], jobs: int) -> int:
    """Prints the outcome of each edit. Returns how many survived."""
    with ExitStack() as stack:
        # The pool is left last: after an interrupt, the copies end their checks first, and then the threads end.
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        copies: SimpleQueue[Copy] = SimpleQueue()
        for _ in range(jobs):
            copies.put(stack.enter_context(copied_checkout()))

        def attempt(edit: Edit) -> Outcome:
            copy = copies.get()
            try:
                return try_edit(copy, edit)
            finally:
                copies.put(copy)

        begin, copy = time.monotonic(), copies.get()
        check_baseline(copy, edits)
        copies.put(copy)
        print(f"Without an edit, all checks pass ({time.monotonic() - begin:.0f} s)", flush=True)
        survived = 0
        for outcome in pool.map(attempt, edits):
            survived += outcome.survived
            print(_line(outcome), flush=True)
    return survived


def _line(outcome: Outcome) -> str:
    verdict = "SURVIVED" if outcome.survived else f"noticed by {outcome.noticed_by}"
    return f"{outcome.edit.name:<70}{outcome.seconds:6.1f} s  {verdict}"


if __name__ == "__main__":
    # SIGTERM ends the program as Ctrl-C does: servers end, and copies are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
