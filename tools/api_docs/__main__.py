"""Keeps docs/api what the contract says.

python -m tools.api_docs            writes the pages, and removes those of services that are gone
python -m tools.api_docs --check    writes nothing; exit status 1 if they differ
"""

from __future__ import annotations

import sys
from typing import Final

from tools.api_docs.contract import ROOT, load
from tools.api_docs.pages import pages

FOLDER: Final = ROOT / "docs" / "api"


def main() -> None:
    """Writes or checks."""
    wanted = {FOLDER / name: text for name, text in pages(load()).items()}
    present = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    if "--check" in sys.argv[1:]:
        stale = sorted(path.name for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        if stale:
            sys.exit(
                f"docs/api is not what protos/ says ({', '.join(stale)}): run `make api-docs` and commit the result"
            )
        return
    FOLDER.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
