"""Lints the contract with buf, and checks that it is compatible with the baseline.

    python -m tools.buf_checks                    lint, and compare with the baseline
    python -m tools.buf_checks --write-baseline   make the current contract the baseline

buf reads a descriptor image that protoc writes, because buf itself would download the imports `google/*`. The baseline
is such an image of the latest contract that callers have. buf ignores custom options, so a test compares the access
rules of the methods with a snapshot.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIG: Final = ROOT / "protos" / "buf.yaml"
BASELINE: Final = ROOT / "protos" / "baseline" / "care.binpb"


def write_image(image: Path, *options: str) -> bool:
    """Writes the descriptor image of protos/care. Returns whether protoc accepted the files."""
    command = [sys.executable, str(ROOT / "protos" / "generate.py"), "--image", str(image), *options]
    return subprocess.run(command, check=False).returncode == 0


def buf(*arguments: str) -> bool:
    """Runs this environment's buf. Returns whether it found no problems."""
    program = Path(sysconfig.get_path("scripts")) / "buf"
    return subprocess.run([str(program), *arguments, "--config", str(CONFIG)], check=False).returncode == 0


def is_tracked(path: Path) -> bool:
    """Returns whether git tracks `path`."""
    command = ["git", "-C", str(ROOT), "ls-files", "--error-unmatch", str(path)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def is_compatible(image: Path) -> bool:
    """Returns whether callers of the baseline can use the contract in `image`."""
    if BASELINE.exists():
        if buf("breaking", str(image), "--against", str(BASELINE)):
            return True
        print(
            "The contract would break its callers. Add new elements and keep the existing ones. Only before the first "
            "release: run `make proto-baseline`, and give the reason in the commit message.",
            file=sys.stderr,
        )
        return False
    name = BASELINE.relative_to(ROOT)
    if is_tracked(BASELINE):
        print(f"{name} is missing: restore it with `git checkout -- {name}`", file=sys.stderr)
        return False
    print(f"{name} does not exist, so nothing was compared: create it with `make proto-baseline`")
    return True


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="tools.buf_checks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write-baseline", action="store_true", help="make the current contract the baseline")
    if parser.parse_args(argv).write_baseline:
        # The baseline has no comments, so that rewording one does not change the file.
        return 0 if write_image(BASELINE, "--no-comments") else 1
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "care.binpb"
        if not write_image(image):
            return 1
        linted = buf("lint", str(image))
        return 0 if is_compatible(image) and linted else 1


if __name__ == "__main__":
    sys.exit(main())
