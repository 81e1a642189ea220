"""Writes and checks the two lock files.

    python -m tools.lock             write them, and keep the versions that still match pyproject.toml
    python -m tools.lock --upgrade   write them with the newest versions that match
    python -m tools.lock --check     write nothing; exit with status 1 if they are out of date

requirements.lock has all dependencies. requirements-image.lock has those of the container image, in the same versions.

A lock is valid for all platforms and Python versions, by markers. It has hashes, so that every installation is
identical. It contains no paths or addresses of the machine that wrote it. If no package registry is reachable, the
check compares only names and versions, and says so.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Mapping
from importlib.metadata import requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final = ROOT / "pyproject.toml"
LOCK: Final = ROOT / "requirements.lock"
IMAGE_LOCK: Final = ROOT / "requirements-image.lock"
COMPILE: Final = (
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--python-version=3.11",
    "--no-emit-index-url",
    "--custom-compile-command=make lock",
)
# The options for each lock. The second lock takes its versions from the first.
LOCKS: Final[Mapping[Path, tuple[str, ...]]] = {
    LOCK: ("--all-extras", "--group=maintain"),
    IMAGE_LOCK: ("--extra=image", f"--constraints={LOCK.name}", "--no-annotate"),
}
# Matches an index address, a local path or a direct reference.
FOREIGN: Final = re.compile(r"://|file:|^\s*-(?!-hash)|\s@\s|^[./]", re.MULTILINE)
PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
# Parts of uv's errors for a registry that was not reachable. A registry without a matching package is another error.
UNREACHABLE: Final = ("error sending request", "Failed to fetch", "dns error")


def locked_versions(lock: str) -> dict[str, set[Version]]:
    """Returns the locked versions of each package. With markers, a package can have several."""
    versions: dict[str, set[Version]] = {}
    for name, version in PIN.findall(lock):
        versions.setdefault(canonicalize_name(name), set()).add(Version(version))
    return versions


def all_requirements(project: str) -> list[Requirement]:
    """Returns the requirements of the base, all extras and all groups, except those on the project's own extras."""
    tables = tomllib.loads(project)
    table = tables["project"]
    groups = [*table["optional-dependencies"].values(), *tables["dependency-groups"].values()]
    lines = [*table["dependencies"], *(line for group in groups for line in group)]
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.name != table["name"]]


def unmet_requirements(project: str, lock: str) -> list[str]:
    """Returns an error for each requirement that the lock does not meet."""
    locked = locked_versions(lock)
    return [
        f"pyproject.toml requires {requirement}, but requirements.lock has no such version"
        for requirement in all_requirements(project)
        if not any(version in requirement.specifier for version in locked.get(canonicalize_name(requirement.name), ()))
    ]


def low_floors(project: str) -> list[str]:
    """Returns an error for each runtime whose lower bound in pyproject.toml is not the one of the generated code."""
    base = {requirement.name: requirement for requirement in all_requirements(project)}
    generator = next(iter(base["grpcio-tools"].specifier)).version
    tools = [Requirement(line) for line in requires("grpcio-tools") or []]
    protobuf = next(
        spec.version for tool in tools if tool.name == "protobuf" for spec in tool.specifier if ">" in spec.operator
    )
    floors = {"grpcio": generator, "protobuf": protobuf}
    return [
        f"pyproject.toml must require {name}>={floor}: grpcio-tools {generator} generates code for that version"
        for name, floor in floors.items()
        if f">={floor}" != str(base[name].specifier)
    ]


def compile_lock(target: Path, *options: str) -> str:
    """Resolves pyproject.toml into `target`, and prefers the versions that `target` has already.

    Returns uv's error, or an empty string.
    """
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    command = [str(uv), *COMPILE, *options, f"--output-file={target}", PROJECT.name]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip() or f"uv exited with status {done.returncode}"


def check() -> list[str]:
    """Returns the problems of the locks."""
    project, lock = PROJECT.read_text(encoding="utf-8"), LOCK.read_text(encoding="utf-8")
    problems = low_floors(project) + unmet_requirements(project, lock)
    problems += [
        f"{path.name} contains an index, a path or an address, which differ between machines"
        for path in LOCKS
        if FOREIGN.search(path.read_text(encoding="utf-8"))
    ]
    if problems:
        return problems
    with tempfile.TemporaryDirectory() as folder:
        for path, options in LOCKS.items():
            fresh = Path(folder) / path.name
            shutil.copyfile(path, fresh)
            error = compile_lock(fresh, *options)
            if any(sign in error for sign in UNREACHABLE):
                print("No package registry is reachable: compared only names and versions.")
                return []
            if error:
                return [error]
            if fresh.read_text(encoding="utf-8") != path.read_text(encoding="utf-8"):
                problems.append(f"{path.name} is out of date with pyproject.toml")
    return problems


def write(*options: str) -> list[str]:
    """Writes the locks. Returns uv's errors."""
    for path, own in LOCKS.items():
        # The image's lock takes the versions of the other lock, so its own previous versions must not be preferred.
        if error := compile_lock(path, *own, *(options if path == LOCK else ["--upgrade"])):
            return [error]
    return []


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="tools.lock", description=(__doc__ or "").partition("\n")[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="write nothing; exit with status 1 if a lock is out of date")
    mode.add_argument("--upgrade", action="store_true", help="use the newest versions that match")
    options = parser.parse_args(argv)
    if options.check:
        problems = check()
        problems += ["Run `make lock` and commit the result."] if problems else []
    else:
        problems = write(*(["--upgrade"] if options.upgrade else []))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
