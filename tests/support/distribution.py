"""The distribution as a user installs it: the built wheel, and the install lines that the documents show."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[2]
_ARGUMENT: Final = r"'[^'\n]+'|[\w.\[\],=<>~!/:@-]+"
_LINE: Final = re.compile(rf"pip install(?P<arguments>(?: +(?:{_ARGUMENT}))*)")


@dataclass(frozen=True)
class Wheel:
    """A built wheel."""

    path: Path
    metadata: Message
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """The distribution's name."""
        return str(self.metadata["Name"])

    @property
    def extras(self) -> frozenset[str]:
        """The extras that the wheel offers."""
        return frozenset(self.metadata.get_all("Provides-Extra", []))

    @property
    def base(self) -> frozenset[str]:
        """The names of the distributions that the base install requires."""
        lines = [Requirement(line) for line in self.metadata.get_all("Requires-Dist", [])]
        return frozenset(line.name for line in lines if line.marker is None or line.marker.evaluate({"extra": ""}))

    @property
    def packages(self) -> frozenset[str]:
        """The import packages at the wheel's top level."""
        return frozenset(file.partition("/")[0] for file in self.files if file.endswith("/__init__.py"))

    def modules(self, *packages: str) -> list[str]:
        """Returns the names of all modules of these packages."""
        found = [file for file in self.files if file.endswith(".py") and file.partition("/")[0] in packages]
        return sorted(file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in found)


def build_wheel(folder: Path) -> Wheel:
    """Builds the wheel into `folder` with the build backend that is installed here; needs no network."""
    hatchling = Path(sysconfig.get_path("scripts")) / "hatchling"
    command = [str(hatchling), "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    [path] = folder.glob("*.whl")
    with ZipFile(path) as archive:
        files = tuple(archive.namelist())
        [metadata] = [file for file in files if file.endswith(".dist-info/METADATA")]
        return Wheel(path, Parser().parsestr(archive.read(metadata).decode()), files)


@dataclass(frozen=True)
class InstallLine:
    """A `pip install` that a document or a message shows. `arguments` is empty if they could not be read."""

    where: str
    """The file, relative to the repository's root."""
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: pip install {' '.join(self.arguments)}"


def install_lines(*files: Path) -> list[InstallLine]:
    """Returns the install lines of these files, in their order."""
    found = []
    for file in files:
        for match in _LINE.finditer(file.read_text(encoding="utf-8")):
            arguments = re.findall(_ARGUMENT, match["arguments"])
            where = file.relative_to(ROOT).as_posix()
            found.append(InstallLine(where, tuple(argument.strip("'") for argument in arguments)))
    return found


def documents() -> list[Path]:
    """Returns the documents for people: the README, the guide for contributors, and the documentation."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
