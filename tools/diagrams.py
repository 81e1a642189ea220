"""Keeps the README's state diagrams, and the test kit's copy of the table, what the table says.

python -m tools.diagrams            writes them
python -m tools.diagrams --check    writes nothing; exit status 1 if they differ
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from google.protobuf import json_format

from care.v1.lifecycle_service_pb2 import GetLifecycleResponse
from care_rules.diagrams import diagrams
from care_service.rpc.lifecycle_service import lifecycle

_ROOT: Final = Path(__file__).resolve().parent.parent
_README: Final = _ROOT / "README.md"
_KIT: Final = _ROOT / "workflows/care_workflows/testing/lifecycle.json"


def updated(text: str) -> str:
    """Returns `text` with each block between `<!-- diagram: name -->` and `<!-- end -->` drawn anew."""
    for name, diagram in diagrams().items():
        begin, end = f"<!-- diagram: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{_README.name} needs a block from {begin.strip()} to {end}")
        text = f"{before}{begin}```mermaid\n{diagram}```\n{end}{after}"
    return text


def table() -> str:
    """Returns what the test kit knows of the machines: GetLifecycle's answer, without its pictures."""
    answer = GetLifecycleResponse()
    answer.CopyFrom(lifecycle())
    for machine in answer.machines:
        machine.ClearField("mermaid")
    return f"{json_format.MessageToJson(answer, indent=1)}\n"


def main() -> None:
    """Writes or checks."""
    wanted = {_README: updated(_README.read_text(encoding="utf-8")), _KIT: table()}
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} shows other state machines than the table: run `make diagrams`")


if __name__ == "__main__":
    main()
