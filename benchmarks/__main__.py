"""Measures Care beside a bare stack, prints the table, and writes `benchmarks/results.json`.

    python -m benchmarks                    measures all rows and writes the results and the picture
    python -m benchmarks --only ROW ...     measures some rows and writes nothing
    python -m benchmarks --quick            runs each row with tiny counts and writes nothing

The main figure is the server process's CPU time per call. It determines how many calls one process can serve, and other
load on the machine hardly affects it. Each figure is the median of all rounds, which alternate between the sides.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import load, picture, report
from benchmarks.bench import Bench, Figures, Group
from benchmarks.catalog import ROWS
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.rows import calls, processes, scale, stack, start, watchers
from care_dev.stack import postgres

_GROUPS: Final[Sequence[Group]] = (
    calls.measure,
    processes.measure,
    start.measure,
    watchers.measure,
    stack.measure,
    scale.measure,
)


async def _measure(effort: Effort, wanted: frozenset[str], folder: Path) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    async with postgres.running(folder) as server:
        bench = Bench(effort, server, folder, wanted)
        for group in _GROUPS:
            found |= {key: figures async for key, figures in group(bench)}
    return {row.key: found[row.key] for row in ROWS if row.key in wanted}


def main(argv: Sequence[str]) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Care beside a minimal stack.")
    parser.add_argument("--quick", action="store_true", help="run every row with tiny counts, for CI; write nothing")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="ROW",
        choices=[row.key for row in ROWS],
        help="measure these rows and write nothing: %(choices)s",
    )
    options = parser.parse_args(argv)
    wanted = frozenset(options.only or (row.key for row in ROWS))
    with tempfile.TemporaryDirectory(prefix="care-bench-") as folder:
        Path(folder).chmod(0o711)  # if this account is root, PostgreSQL runs as another one
        found = asyncio.run(_measure(QUICK if options.quick else FULL, wanted, Path(folder)))
    print(report.table(found))
    print(f"\nLoad generator: {load.DESCRIPTION}")
    if options.quick:
        print("The figures of --quick mean nothing: its counts are tiny.")
    elif not options.only:
        report.write(found, FULL)
        picture.write()


if __name__ == "__main__":
    main(sys.argv[1:])
