"""The wheel contains all packages of the repository, and the documents show how to install it."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import InvalidRequirement, Requirement

from tests.support.distribution import ROOT, InstallLine, Wheel, documents, install_lines

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = [ROOT / folder for folder in PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]]
SOURCES = [file for folder in FOLDERS for file in sorted(folder.rglob("*.py"))]
MESSAGES = [line for line in install_lines(*SOURCES) if any("care" in argument for argument in line.arguments)]
"""Error messages that say how to install a part of Care; other messages name other distributions."""
LINES = [*install_lines(*documents()), *MESSAGES]
OLD_NAME = re.compile(r"(?<![\w-])care\[\w")
"""`care` with extras, which is wrong, because the distribution has another name."""


def test_the_wheel_has_every_package_of_the_repository(wheel: Wheel) -> None:
    packages = {file.parent.name for folder in FOLDERS for file in folder.glob("*/__init__.py")}
    assert {"care", "care_client", "care_service", "care_workflows"} <= packages
    assert wheel.packages == packages


def test_public_packages_have_types(wheel: Wheel) -> None:
    assert {f"{package}/py.typed" for package in ("care", "care_client", "care_workflows")} <= set(wheel.files)


def test_the_base_requires_grpc_protobuf_and_the_opentelemetry_api(wheel: Wheel) -> None:
    grpc = {"googleapis-common-protos", "grpcio", "grpcio-status"}
    assert wheel.base == grpc | {"protobuf", "opentelemetry-api"}


def test_the_documents_show_how_to_install_the_client_and_the_workflows(wheel: Wheel) -> None:
    shown = {line.arguments for line in install_lines(*documents())}
    assert {(wheel.name,), (f"{wheel.name}[workflows]",)} <= shown


@pytest.mark.parametrize("line", LINES, ids=str)
def test_an_install_line_names_the_wheel_and_extras_that_it_has(line: InstallLine, wheel: Wheel) -> None:
    assert line.arguments, "its arguments can't be read"
    for argument in line.arguments:
        try:
            requirement = Requirement(argument)
        except InvalidRequirement:
            pytest.fail(f"{argument} is not a requirement")
        assert requirement.name == wheel.name
        assert requirement.extras <= wheel.extras
        assert requirement.specifier.contains(str(wheel.metadata["Version"]), prereleases=True)


def test_no_text_names_extras_of_another_distribution() -> None:
    texts = [*documents(), ROOT / "pyproject.toml", ROOT / "Dockerfile", *SOURCES]
    assert [file.name for file in texts if OLD_NAME.search(file.read_text(encoding="utf-8"))] == []
