"""Draws the README's state diagrams from the table of the state machines.

python -m tools.diagrams            writes the diagrams
python -m tools.diagrams --check    writes nothing; exits with status 1 if they are out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from care_rules.diagrams import diagrams

_ROOT: Final = Path(__file__).resolve().parent.parent
_README: Final = _ROOT / "README.md"


def replace_diagrams(text: str) -> str:
    """Returns `text` with the current diagram in each block from `<!-- diagram: name -->` to `<!-- end -->`."""
    for name, diagram in diagrams().items():
        begin, end = f"<!-- diagram: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{_README.name} needs a block from {begin.strip()} to {end}")
        text = f"{before}{begin}```mermaid\n{diagram}```\n{end}{after}"
    return text


def main() -> None:
    """Runs the command."""
    text = _README.read_text(encoding="utf-8")
    current = replace_diagrams(text)
    if "--check" not in sys.argv[1:]:
        _README.write_text(current, encoding="utf-8")
    elif text != current:
        sys.exit(f"{_README.name} is out of date with the state machines: run `make diagrams`")


if __name__ == "__main__":
    main()
