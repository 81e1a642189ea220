"""Generates docs/api from the contract.

python -m tools.api_docs            writes the pages, and deletes those of services that no longer exist
python -m tools.api_docs --check    writes nothing; exits with status 1 if a page is out of date
"""

from __future__ import annotations

import sys
from typing import Final

from tools.api_docs.contract import ROOT, load_contract
from tools.api_docs.reference import reference_pages

FOLDER: Final = ROOT / "docs" / "api"


def main() -> None:
    """Runs the command."""
    wanted = {FOLDER / name: text for name, text in reference_pages(load_contract()).items()}
    present = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    if "--check" in sys.argv[1:]:
        stale = sorted(path.name for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        if stale:
            sys.exit(
                f"docs/api is out of date with protos/ ({', '.join(stale)}): run `make api-docs` and commit the result"
            )
        return
    FOLDER.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
