"""The table in docs/operating.md with the cost of each path, computed from the committed histories.

python -m tests.workflows.recording.table            prints the table
python -m tests.workflows.recording.table --write    writes the table to the page
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

from tests.workflows.recording import costs
from tests.workflows.recording.committed import load, of_path
from tests.workflows.recording.everything import PATHS

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "operating.md"
_FROM, _TO = "<!-- actions -->\n", "<!-- end -->"

_NOUNS: Final = {
    costs.ACTIVITY: ("activity", "activities"),
    costs.RETRY: ("retry", "retries"),
    costs.ATTRIBUTES: ("change of attributes", "changes of attributes"),
    costs.OPTIONS: ("change of options", "changes of options"),
}


def lines() -> Iterator[str]:
    """Yields the lines of the table, the whole ticket first."""
    yield "| path | what happens | actions | by kind | events |"
    yield "|---|---|---|---|---|"
    for name, path in PATHS.items():
        histories = [load(found) for found in of_path(name)]
        yield _row(f"`{name}`", path.description, histories)
        if len(histories) > 1:
            for history in histories:
                workflow = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
                yield _row("", f"… its run of `{workflow}`", [history])


def update(text: str) -> str:
    """Returns the page's `text` with the current table."""
    before, found, rest = text.partition(_FROM)
    _, closed, after = rest.partition(_TO)
    if not found or not closed:
        raise SystemExit(f"{PAGE.name} needs a block from {_FROM.strip()} to {_TO}")
    table = "\n".join(lines())
    return f"{before}{_FROM}{table}\n{_TO}{after}"


def write() -> None:
    """Writes the table to the page."""
    PAGE.write_text(update(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _row(name: str, description: str, histories: Iterable[WorkflowHistory]) -> str:
    spent: Counter[str] = Counter()
    events = 0
    for history in histories:
        spent.update(costs.actions(history))
        events += len(history.events)
    by_kind = ", ".join(_with_noun(spent[kind], kind) for kind in costs.KINDS if spent[kind])
    return f"| {name} | {description} | {spent.total()} | {by_kind} | {events} |"


def _with_noun(number: int, kind: str) -> str:
    one, many = _NOUNS.get(kind, (kind, f"{kind}s"))
    return f"{number} {one if number == 1 else many}"


def main(argv: Sequence[str]) -> None:
    """Prints the table, or writes it to the page."""
    if "--write" in argv:
        write()
    else:
        print("\n".join(lines()))


if __name__ == "__main__":
    main(sys.argv[1:])
