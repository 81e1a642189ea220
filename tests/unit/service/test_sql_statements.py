"""Each statement explains its purpose and its parameters, and `python -m tools.sql` prints it completely."""

from __future__ import annotations

import re

import pytest

from tools import sql

STATEMENTS = sql.statements()
PARAMETER = re.compile(r"\$[0-9]+")


def split(text: str) -> tuple[str, str]:
    """Returns the comments at the start, and the rest."""
    lines = text.splitlines()
    end = next(at for at, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def test_the_statements_for_operators_exist() -> None:
    modules = {name.partition(".")[0] for name in STATEMENTS}
    assert {"loads", "outbox", "expected_workflows", "feed", "stored_responses", "ticket_lists", "commits"} <= modules


@pytest.mark.parametrize("name", [name for name in STATEMENTS if not name.startswith("commits.")])
def test_a_statement_explains_itself_and_its_parameters(name: str) -> None:
    comments, body = split(STATEMENTS[name])
    assert sql.purpose(comments).endswith(".")
    assert set(PARAMETER.findall(comments)) == set(PARAMETER.findall(body))


def test_a_long_line_is_not_broken_inside_a_quotation() -> None:
    line = "  SELECT " + "a, " * 36 + "' x ' || b"
    first, second = sql._wrap(line)
    assert first.endswith("a,")
    assert second == "    ' x ' || b"


def test_one_statement_is_printed_or_all_of_a_module(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_statements(*names: str) -> str:
        monkeypatch.setattr("sys.argv", ["sql", *names])
        sql.main()
        return capsys.readouterr().out

    assert print_statements("outbox.CLAIM").startswith("-- outbox.CLAIM\n-- Claims outbox rows")
    assert print_statements("outbox").count("-- outbox.") == sum(name.startswith("outbox.") for name in STATEMENTS)
    assert len(print_statements().splitlines()) == len(STATEMENTS)
    with pytest.raises(SystemExit, match=r"no statement outbox\.NONE"):
        print_statements("outbox.NONE")
