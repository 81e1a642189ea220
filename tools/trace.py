"""Prints the trace of one recovery, from SendRecoveryForm to UnlockChat, as a tree.

python -m tools.trace            starts the whole system, runs the demo and prints the tree with durations
python -m tools.trace --write    also writes the tree to docs/operating.md, without the durations, which always differ
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio

from care_dev.data.reviews import load_reviews
from care_dev.demo.walkthrough import run_walkthrough
from care_dev.stack.ports import PORT_COUNT
from care_dev.stack.stack import running
from tools import ports
from tools.collector import Collector, Span, run_collector

FIRST_SPAN: Final = "care.v1.ConversationService/SendRecoveryForm"
LAST_SPAN: Final = "care.v1.WorkerService/UnlockChat"

_PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "operating.md"
_BLOCK_START, _BLOCK_END = "<!-- trace -->\n", "<!-- end -->"
_NAME_WIDTH: Final = 76


def cut_trace(spans: Sequence[Span], first: str, last: str) -> list[Span]:
    """Finds the trace with a span named `first`. Returns its spans that begin before its first `last` span ends."""
    trace_id = next(span.trace for span in spans if span.name == first)
    trace = [span for span in spans if span.trace == trace_id]
    end = min(span.end for span in trace if span.name == last)
    return [span for span in trace if span.start <= end]


def tree_lines(trace: Sequence[Span], all_spans: Sequence[Span], *, durations: bool) -> Iterator[str]:
    """Yields the lines of the tree. `all_spans` provides the names of linked traces."""
    roots = {span.trace: span.name for span in all_spans if not span.parent}

    def lines(span: Span, lead: str, branch: str, below: str) -> Iterator[str]:
        duration = f"{(span.end - span.start) / 1e6:9.1f} ms" if durations else ""
        yield f"{lead + branch + span.name:{_NAME_WIDTH}} {span.service:10}{duration}".rstrip()
        for link in span.links:
            if link != span.trace:
                yield f"{lead + below}   ⇠ woken by another trace: {roots.get(link, link)}"
        children = sorted((child for child in trace if child.parent == span.id), key=lambda child: child.start)
        for child in children:
            is_last = child is children[-1]
            yield from lines(child, lead + below, "└─ " if is_last else "├─ ", "   " if is_last else "│  ")

    for root in (span for span in trace if not span.parent):
        yield from lines(root, "", "", "")


async def _record(collector: Collector, home: Path) -> list[Span]:
    """Runs the demo on a new system and returns all spans after its roles have exited."""
    async with running(home, ports.first_free(PORT_COUNT)) as stack:
        await run_walkthrough(stack, load_reviews(), lambda _: None)
    return collector.spans


def _replace_block(text: str, lines: str) -> str:
    before, found, rest = text.partition(_BLOCK_START)
    _, closed, after = rest.partition(_BLOCK_END)
    if not found or not closed:
        sys.exit(f"{_PAGE.name} needs a block from {_BLOCK_START.strip()} to {_BLOCK_END}")
    return f"{before}{_BLOCK_START}```text\n{lines}\n```\n{_BLOCK_END}{after}"


def main(argv: Sequence[str]) -> None:
    """Runs the command."""
    print("Starting the system and running the demo (half a minute) …", file=sys.stderr)
    with run_collector() as collector, TemporaryDirectory(prefix="care-trace-") as folder:
        os.environ.update(collector.variables)
        # If this account is root, PostgreSQL runs as another one, which needs access to the folder.
        Path(folder).chmod(0o711)
        spans = anyio.run(_record, collector, Path(folder) / "stack")
    write = "--write" in argv
    trace = cut_trace(spans, FIRST_SPAN, LAST_SPAN)
    lines = "\n".join(tree_lines(trace, spans, durations=not write))
    print(lines)
    if write:
        _PAGE.write_text(_replace_block(_PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
