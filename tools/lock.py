"""Keeps the two locks what pyproject.toml asks for, and free of any machine's traces.

    python -m tools.lock             write them; versions that still fit stay
    python -m tools.lock --upgrade   write them with the newest versions that fit
    python -m tools.lock --check     write nothing; exit 1 if they are not current

requirements.lock holds everything, requirements-image.lock the same versions of what the container image needs.

A lock is for every platform and Python at once (markers decide), with hashes, so that an installation is the same
bytes everywhere. Where no registry is in reach, the check still compares names and versions, and says so.
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
# Each lock, with what goes into it; the second takes its versions from the first.
LOCKS: Final[Mapping[Path, tuple[str, ...]]] = {
    LOCK: ("--all-extras", "--group=maintain"),
    IMAGE_LOCK: ("--extra=image", f"--constraints={LOCK.name}", "--no-annotate"),
}
# What an index address, a local path or a direct reference would look like.
FOREIGN: Final = re.compile(r"://|file:|^\s*-(?!-hash)|\s@\s|^[./]", re.MULTILINE)
PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
# How uv says that a registry was out of reach, as opposed to: it answered no.
OUT_OF_REACH: Final = ("error sending request", "Failed to fetch", "dns error")


def pins(lock: str) -> dict[str, set[Version]]:
    """Returns the locked versions of each name; markers can give a name several."""
    found: dict[str, set[Version]] = {}
    for name, version in PIN.findall(lock):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def wanted(project: str) -> list[Requirement]:
    """Returns the requirements of the base, all extras and the maintainers' group, except those on our own extras."""
    tables = tomllib.loads(project)
    table = tables["project"]
    named = [*table["optional-dependencies"].values(), *tables["dependency-groups"].values()]
    lines = [*table["dependencies"], *(line for group in named for line in group)]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != table["name"]]


def unmet(project: str, lock: str) -> list[str]:
    """Returns a line for each requirement that the lock does not hold."""
    locked = pins(lock)
    return [
        f"pyproject.toml asks for {requirement}, requirements.lock has no such version"
        for requirement in wanted(project)
        if not any(version in requirement.specifier for version in locked.get(canonicalize_name(requirement.name), ()))
    ]


def low_floors(project: str) -> list[str]:
    """Returns a line for each runtime that pyproject.toml would accept although generated code refuses it."""
    base = {requirement.name: requirement for requirement in wanted(project)}
    generator = next(iter(base["grpcio-tools"].specifier)).version
    tools = [Requirement(line) for line in requires("grpcio-tools") or []]
    protobuf = next(
        spec.version for tool in tools if tool.name == "protobuf" for spec in tool.specifier if ">" in spec.operator
    )
    floors = {"grpcio": generator, "protobuf": protobuf}
    return [
        f"pyproject.toml must ask for {name}>={floor}: that is what grpcio-tools {generator} generates code for"
        for name, floor in floors.items()
        if f">={floor}" != str(base[name].specifier)
    ]


def compile_lock(target: Path, *options: str) -> str:
    """Resolves pyproject.toml into `target`, preferring the versions that it holds; returns uv's complaint, if any."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    command = [str(uv), *COMPILE, *options, f"--output-file={target}", PROJECT.name]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip() or f"uv stopped with status {done.returncode}"


def check() -> list[str]:
    """Returns what is wrong with the locks, a line each."""
    project, lock = PROJECT.read_text(encoding="utf-8"), LOCK.read_text(encoding="utf-8")
    problems = low_floors(project) + unmet(project, lock)
    problems += [
        f"{path.name} names an index, a path or an address: none of them is the same elsewhere"
        for path in LOCKS
        if FOREIGN.search(path.read_text(encoding="utf-8"))
    ]
    if problems:
        return problems
    with tempfile.TemporaryDirectory() as folder:
        for path, options in LOCKS.items():
            fresh = Path(folder) / path.name
            shutil.copyfile(path, fresh)
            complaint = compile_lock(fresh, *options)
            if any(sign in complaint for sign in OUT_OF_REACH):
                print("No package registry is in reach: compared names and versions only.")
                return []
            if complaint:
                return [complaint]
            if fresh.read_text(encoding="utf-8") != path.read_text(encoding="utf-8"):
                problems.append(f"{path.name} is not what pyproject.toml gives")
    return problems


def write(*options: str) -> list[str]:
    """Writes the locks; returns uv's complaint, if any."""
    for path, own in LOCKS.items():
        # The one for the image follows the other's versions, whatever it held before.
        if complaint := compile_lock(path, *own, *(options if path == LOCK else ["--upgrade"])):
            return [complaint]
    return []


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.lock", description=(__doc__ or "").partition("\n")[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="write nothing; exit 1 if a lock is not current")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
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
