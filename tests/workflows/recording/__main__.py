"""Plays paths of Care's workflows on real servers, and writes their histories to tests/workflows/histories.

python -m tests.workflows.recording                   all paths that have no history
python -m tests.workflows.recording NAME …            these paths; overwrites their histories
python -m tests.workflows.recording --all             all paths
python -m tests.workflows.recording --before PATCH …  keeps the present histories as those before that patch

The committed histories show that today's code can continue workflows that earlier code started. Record a path again
only if its history may be dropped: docs/changing-workflows.md says when.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack

from care_roles.environment import end_process
from tests.support import temporal
from tests.workflows.recording import committed, table
from tests.workflows.recording.everything import PATHS
from tests.workflows.recording.normal_form import dump
from tests.workflows.recording.stage import Stage

CONTINUE_AFTER_EVENTS = 20
"""The history length at which the server with short histories suggests continuing as new."""


PATIENCE = 60
"""The command fails if a path takes longer than this, in seconds."""


def main(argv: Sequence[str]) -> None:
    """Records paths and updates the table of costs."""
    parser = argparse.ArgumentParser(prog="make histories", description="Record how the workflows' paths go.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a path; by default all paths without a history")
    parser.add_argument("--all", action="store_true", help="record all paths again")
    parser.add_argument("--before", metavar="PATCH", help="keep the present histories as those before this patch")
    parser.add_argument("--list", action="store_true", help="list the paths and record nothing")
    options = parser.parse_args(argv)
    if options.list:
        print("\n".join(f"{path.name:45} {path.description}" for path in PATHS.values()))
        return
    if unknown := sorted(set(options.names) - set(PATHS)):
        parser.error(f"there is no path {', '.join(unknown)}: see --list")
    missing = [name for name in PATHS if not committed.of_path(name)]
    wanted = list(PATHS) if options.all else options.names or missing
    asyncio.run(_record(wanted, options.before))
    table.write()


async def _record(names: Iterable[str], patch: str | None) -> None:
    async with AsyncExitStack() as stack:
        limit = f"limit.historyCount.suggestContinueAsNew={CONTINUE_AFTER_EVENTS}"
        usual = await stack.enter_async_context(temporal.dev_server())
        short = await stack.enter_async_context(temporal.dev_server(["--dynamic-config-value", limit]))
        for name in names:
            stage = Stage((short if PATHS[name].histories_are_short else usual).client)
            async with asyncio.timeout(PATIENCE):
                await PATHS[name].play(stage)
            for present in committed.of_path(name):
                if patch:
                    committed.set_aside(present, patch)
                else:
                    committed.remove(present)
            for number, history in enumerate(stage.histories, start=1):
                part = f".{number}" if len(stage.histories) > 1 else ""
                committed.write(name + part, dump(history))
            print(f"{name}: {sum(len(history.events) for history in stage.histories)} events", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
    # Skips the interpreter's shutdown: native threads of Temporal's SDK may still call into the interpreter.
    end_process(0)
