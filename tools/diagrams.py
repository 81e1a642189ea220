"""Draws the README's state diagrams from the table of the state machines.

python -m tools.diagrams            writes them
python -m tools.diagrams --check    writes nothing; exit status 1 if they differ
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from care_rules.diagrams import diagrams

_ROOT: Final = Path(__file__).resolve().parent.parent
_README: Final = _ROOT / "README.md"


def updated(text: str) -> str:
    """Returns `text` with each block between `<!-- diagram: name -->` and `<!-- end -->` drawn from the table."""
    for name, diagram in diagrams().items():
        begin, end = f"<!-- diagram: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{_README.name} needs a block from {begin.strip()} to {end}")
        text = f"{before}{begin}```mermaid\n{diagram}```\n{end}{after}"
    return text


def main() -> None:
    """Writes or checks."""
    text = _README.read_text(encoding="utf-8")
    wanted = updated(text)
    if "--check" not in sys.argv[1:]:
        _README.write_text(wanted, encoding="utf-8")
    elif text != wanted:
        sys.exit(f"{_README.name} shows other state machines than the table: run `make diagrams`")


if __name__ == "__main__":
    main()
