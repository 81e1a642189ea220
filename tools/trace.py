"""Prints one trace, from SendRecoveryForm to UnlockChat, as a tree; its spans come from a real run of the whole system.

python -m tools.trace            starts the system, plays the demo's ticket, prints the tree with durations
python -m tools.trace --write    puts the tree into docs/operating.md, without durations, which differ each time
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
from care_dev.demo.story import play
from care_dev.stack.ports import PORT_COUNT
from care_dev.stack.stack import running
from tools import ports
from tools.collector import Collector, Span, collecting

BEGIN: Final = "care.v1.ConversationService/SendRecoveryForm"
END: Final = "care.v1.WorkerService/UnlockChat"

_PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "operating.md"
_FROM, _TO = "<!-- trace -->\n", "<!-- end -->"
_NAME_WIDTH: Final = 76


def until(spans: Sequence[Span], begin: str, end: str) -> list[Span]:
    """Returns what of the trace that `begin` is in had begun when the first `end` of it was over."""
    trace = next(span.trace for span in spans if span.name == begin)
    found = [span for span in spans if span.trace == trace]
    last = min(span.end for span in found if span.name == end)
    return [span for span in found if span.begin <= last]


def tree(spans: Sequence[Span], everything: Sequence[Span], *, durations: bool) -> Iterator[str]:
    """Yields the lines of one trace; `everything` names the traces that its spans are linked to."""
    roots = {span.trace: span.name for span in everything if not span.parent}

    def lines(span: Span, lead: str, branch: str, below: str) -> Iterator[str]:
        took = f"{(span.end - span.begin) / 1e6:9.1f} ms" if durations else ""
        yield f"{lead + branch + span.name:{_NAME_WIDTH}} {span.service:10}{took}".rstrip()
        for link in span.links:
            if link != span.trace:
                yield f"{lead + below}   ⇠ woken by another trace: {roots.get(link, link)}"
        children = sorted((child for child in spans if child.parent == span.id), key=lambda child: child.begin)
        for child in children:
            is_last = child is children[-1]
            yield from lines(child, lead + below, "└─ " if is_last else "├─ ", "   " if is_last else "│  ")

    for root in (span for span in spans if not span.parent):
        yield from lines(root, "", "", "")


async def _record(collector: Collector, home: Path) -> list[Span]:
    """Plays the demo's ticket on a system of its own, and returns all spans once its roles have ended."""
    async with running(home, ports.first_free(PORT_COUNT)) as stack:
        await play(stack, load_reviews(), lambda _: None)
    return collector.spans


def _written(text: str, lines: str) -> str:
    before, found, rest = text.partition(_FROM)
    _, closed, after = rest.partition(_TO)
    if not found or not closed:
        sys.exit(f"{_PAGE.name} needs a block from {_FROM.strip()} to {_TO}")
    return f"{before}{_FROM}```text\n{lines}\n```\n{_TO}{after}"


def main(argv: Sequence[str]) -> None:
    """Prints or writes."""
    print("Starting the system and playing one ticket (half a minute) …", file=sys.stderr)
    with collecting() as collector, TemporaryDirectory(prefix="care-trace-") as folder:
        os.environ.update(collector.variables)
        # Servers that may not run as root run as another account, which has to get through.
        Path(folder).chmod(0o711)
        spans = anyio.run(_record, collector, Path(folder) / "stack")
    writes = "--write" in argv
    lines = "\n".join(tree(until(spans, BEGIN, END), spans, durations=not writes))
    print(lines)
    if writes:
        _PAGE.write_text(_written(_PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
