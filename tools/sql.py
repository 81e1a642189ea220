r"""Prints complete SQL statements of the service, to read them or to paste them into psql.

python -m tools.sql             lists their names and purposes
python -m tools.sql NAME ...    prints statements by name, such as `outbox.CLAIM`, or all of a module, such as `outbox`

The statements of lists, counts and commits depend on the call, and are printed for an example. In psql 16 or later,
`\bind` gives a statement its parameters.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.engine import make_url

from care_rules.filters.conditions import Always, Comparison
from care_rules.filters.syntax import Comparator
from care_rules.queries import TicketQuery
from care_rules.scheduling import ScheduledDecision
from care_rules.timing import DeadlineKind
from care_service import storage
from care_service.storage import commits, count_statements, feed, ticket_counts, ticket_lists
from care_service.usecases.feed import FeedFilter, FeedPosition
from care_workflows.testing.desk import Desk
from care_workflows.testing.policy import Policy

_NOW: Final = datetime(2026, 5, 4, 9, tzinfo=UTC)
_DIALECT: Final = make_url("postgresql+asyncpg://").get_dialect()()
_WIDTH: Final = 120
_WORD: Final = re.compile(r"\s*(?:'[^']*'|[^\s'])+")
_CLAUSE: Final = re.compile(r" (LEFT OUTER JOIN|JOIN|WHERE|ORDER BY|GROUP BY)\b")


def statements() -> dict[str, str]:
    """Returns all statements by their names: `module.CONSTANT`, or `module.function` for an example of its results."""
    return {name: _laid_out(text) for name, text in (*_constants(), *_examples())}


def purpose(text: str) -> str:
    """Returns the first line of a statement, which says what it is for."""
    return text.splitlines()[0].removeprefix("-- ")


def _constants() -> Iterator[tuple[str, str]]:
    for module in iter_modules(storage.__path__):
        for name, value in vars(import_module(f"{storage.__name__}.{module.name}")).items():
            if name.isupper() and not name.startswith("_"):
                for key, text in value.items() if isinstance(value, Mapping) else [("", value)]:
                    if isinstance(text, str) and text.lstrip().startswith("-- "):
                        yield f"{module.name}.{name}" + (f"[{key}]" if key else ""), text


def _examples() -> Iterator[tuple[str, str]]:
    desk = _Recorder("acme", Policy())
    ticket = desk.create_ticket(_NOW, "review-1")
    desk.send_form(ticket, "Write to us: {form_link}", _NOW)
    created, sent = desk.decisions
    yield "commits.insert_statement", commits.insert_statement(created, None).sql()
    yield "commits.update_statement", commits.update_statement(sent, None).sql()
    begin, end = FeedPosition(1_000, 0), FeedPosition(2_000, 0)
    changes = feed.changes_statement(FeedFilter("acme", None, Always()), begin, end, 100)
    yield "feed.changes_statement", _compile("Lists the next changes of the change feed.", changes)
    page = ticket_lists.list_statement(TicketQuery("acme", 51), gather=False)
    yield "ticket_lists.list_statement", _compile("Lists a page of tickets, here without a filter.", page)
    kept = ticket_counts.counts_statement("acme", Always())
    yield "ticket_counts.counts_statement", _compile("Counts tickets by their stage, here without a filter.", kept)
    read = count_statements.count_statement("acme", Comparison("stars", Comparator.EQUAL, 1), gather=False)
    yield "count_statements.count_statement", _compile("Counts tickets by reading them, here by their stars.", read)


class _Recorder(Desk):
    """A desk that keeps the decisions that it commits."""

    def __init__(self, organization: str, policy: Policy) -> None:
        super().__init__(organization, policy)
        self.decisions: list[ScheduledDecision] = []

    def commit(self, scheduled: ScheduledDecision, *, deadline: DeadlineKind | None = None) -> None:
        """See Desk."""
        self.decisions.append(scheduled)
        super().commit(scheduled, deadline=deadline)


def _compile(description: str, statement: Select[Any]) -> str:
    compiled: Any = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = "; ".join(f"${at}: {compiled.params[name]}" for at, name in enumerate(compiled.positiontup, 1))
    text = re.sub(r"\s*\n\s*", "\n", str(compiled))
    return "\n".join((f"-- {description}", f"-- Here {values}", _CLAUSE.sub(r"\n\1", text)))


def _laid_out(text: str) -> str:
    lines = textwrap.dedent(text).strip().splitlines()
    return "\n".join(part for line in lines for part in _wrap(line)) + "\n"


def _wrap(line: str) -> list[str]:
    """Breaks a long line at spaces, but not inside a quotation."""
    if len(line) <= _WIDTH or line.startswith("--"):
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines = [indent]
    for word in _WORD.findall(line):
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append(f"{indent}  ")
        lines[-1] += word if lines[-1].strip() else word.lstrip()
    return [each.rstrip() for each in lines]


def main() -> None:
    """Runs the command."""
    every, wanted = statements(), sys.argv[1:]
    if not wanted:
        for name, text in every.items():
            print(f"{name:40} {purpose(text)}")
    for each in wanted:
        found = {name: text for name, text in every.items() if name == each or name.partition(".")[0] == each}
        if not found:
            sys.exit(f"There is no statement {each}: python -m tools.sql lists them.")
        for name, text in found.items():
            print(f"-- {name}\n{text}")


if __name__ == "__main__":
    main()
