"""Parses docker-compose.yml, with variables such as those of `care keys` filled in, and the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final, TypedDict, cast

import yaml
from dotenv import dotenv_values

from care_cli.keys import environment_file

ROOT: Final = Path(__file__).resolve().parents[2]
OWN_IMAGE: Final = "care"

_VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[?-])(?P<rest>[^}]*)\}")
_INSTRUCTION: Final = re.compile(r"^([A-Z]+) (.*)$", re.MULTILINE)


class HealthCheck(TypedDict):
    """The fields of a health check that tests read."""

    test: list[str]


class Dependency(TypedDict):
    """The condition that another container must meet first."""

    condition: str


class ConfigMount(TypedDict):
    """A file of `configs` that is mounted into a container."""

    source: str
    target: str


class Service(TypedDict, total=False):
    """The fields of a service that tests read."""

    image: str
    command: list[str]
    entrypoint: list[str]
    environment: dict[str, str]
    healthcheck: HealthCheck
    depends_on: dict[str, Dependency]
    configs: list[ConfigMount]
    ports: list[str]
    volumes: list[str]
    restart: str
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]


class Compose(TypedDict):
    """The fields of the file that tests read."""

    services: dict[str, Service]
    configs: dict[str, dict[str, str]]
    volumes: dict[str, None]


def fresh_variables() -> dict[str, str]:
    """Returns the variables of a new `.env` file."""
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(environment_file())).items()}


def text() -> str:
    """Returns the text of docker-compose.yml."""
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def required() -> set[str]:
    """Returns the names of the required variables."""
    return {match["name"] for match in _VARIABLE.finditer(text()) if match["kind"] == "?"}


class _Loader(yaml.SafeLoader):
    """A loader that refuses duplicate keys, as Docker Compose does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        """See yaml.SafeLoader. Checks the mapping's own keys, before merge keys add others."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        duplicates = sorted({key for key in keys if keys.count(key) > 1})
        if duplicates:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate keys: {duplicates}", node.start_mark)
        found: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return found


def load(variables: Mapping[str, str]) -> Compose:
    """Returns docker-compose.yml with `variables` filled in. Optional variables that are missing get their defaults."""

    def fill(match: re.Match[str]) -> str:
        return variables[match["name"]] if match["kind"] == "?" else variables.get(match["name"], match["rest"])

    filled = _VARIABLE.sub(fill, text())
    assert "${" not in filled, "a variable in an unsupported syntax"
    return cast("Compose", yaml.load(filled, _Loader))  # noqa: S506 - a SafeLoader


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, on one line."""

    name: str
    arguments: str


def dockerfile() -> list[Instruction]:
    """Returns the instructions of the Dockerfile in order."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    joined = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", "")
    return [Instruction(name, " ".join(arguments.split())) for name, arguments in _INSTRUCTION.findall(joined)]
