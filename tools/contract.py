"""Holds the contract to buf's rules, and to what it promised before.

    python -m tools.contract                    lint, and compare with the baseline
    python -m tools.contract --write-baseline   make the present contract the baseline

buf reads a descriptor image made by protoc, because it could fetch the imports `google/*` only over the network. The
baseline is such an image, of the contract as callers last got it. buf does not see custom options: who may call which
method has a snapshot of its own among the tests.
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
    """Writes the descriptor image of protos/care; returns whether protoc accepted the files."""
    command = [sys.executable, str(ROOT / "protos" / "generate.py"), "--image", str(image), *options]
    return subprocess.run(command, check=False).returncode == 0


def buf(*arguments: str) -> bool:
    """Runs the buf of this environment; returns whether it found nothing to say."""
    program = Path(sysconfig.get_path("scripts")) / "buf"
    return subprocess.run([str(program), *arguments, "--config", str(CONFIG)], check=False).returncode == 0


def is_tracked(path: Path) -> bool:
    """Returns whether git knows `path`: then its absence is a mistake."""
    command = ["git", "-C", str(ROOT), "ls-files", "--error-unmatch", str(path)]  # the git of the PATH, as for anyone
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def keeps_promises(image: Path) -> bool:
    """Returns whether `image` breaks no caller of the baseline."""
    if BASELINE.exists():
        if buf("breaking", str(image), "--against", str(BASELINE)):
            return True
        print(
            "The contract breaks its callers. Add beside what is there, or, before a first release only, "
            "run `make proto-baseline` and say why in the commit.",
            file=sys.stderr,
        )
        return False
    name = BASELINE.relative_to(ROOT)
    if is_tracked(BASELINE):
        print(f"{name} is gone: restore it with `git checkout -- {name}`", file=sys.stderr)
        return False
    print(f"{name} does not exist yet, so nothing was compared: write it with `make proto-baseline`")
    return True


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.contract", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write-baseline", action="store_true", help="make the present contract the baseline")
    if parser.parse_args(argv).write_baseline:
        # Without comments: then a reworded comment does not change the file.
        return 0 if write_image(BASELINE, "--no-comments") else 1
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "care.binpb"
        if not write_image(image):
            return 1
        linted = buf("lint", str(image))
        return 0 if keeps_promises(image) and linted else 1


if __name__ == "__main__":
    sys.exit(main())
