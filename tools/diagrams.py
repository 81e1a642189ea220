"""Generates the README's state diagrams, and the test kit's copy of the state machines.

python -m tools.diagrams            writes both files
python -m tools.diagrams --check    writes nothing; exits with status 1 if a file is out of date
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


def lifecycle_json() -> str:
    """Returns the response of GetLifecycle as JSON, without the diagrams, for the test kit."""
    response = GetLifecycleResponse()
    response.CopyFrom(lifecycle())
    for machine in response.machines:
        machine.ClearField("mermaid")
    return f"{json_format.MessageToJson(response, indent=1)}\n"


def main() -> None:
    """Runs the command."""
    wanted = {_README: replace_diagrams(_README.read_text(encoding="utf-8")), _KIT: lifecycle_json()}
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} is out of date with the state machines: run `make diagrams`")


if __name__ == "__main__":
    main()
