"""docker-compose.yml and Dockerfile as tests read them: parsed, with the variables that `care keys` makes filled in."""

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
    """What of a health check tests look at."""

    test: list[str]


class Dependency(TypedDict):
    """What a container waits for in another."""

    condition: str


class ConfigMount(TypedDict):
    """A file of `configs` in a container."""

    source: str
    target: str


class Service(TypedDict, total=False):
    """What of a service tests look at."""

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
    """What of the file tests look at."""

    services: dict[str, Service]
    configs: dict[str, dict[str, str]]
    volumes: dict[str, None]


def fresh_variables() -> dict[str, str]:
    """The variables of a new `.env`, read as Docker Compose reads it."""
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(environment_file())).items()}


def text() -> str:
    """docker-compose.yml as it stands."""
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def required() -> set[str]:
    """The variables without which Docker Compose refuses the file."""
    return {match["name"] for match in _VARIABLE.finditer(text()) if match["kind"] == "?"}


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, as Docker Compose does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        """See yaml.SafeLoader; the keys of this very mapping are compared, before others are merged into it."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands twice", node.start_mark)
        found: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return found


def load(variables: Mapping[str, str]) -> Compose:
    """docker-compose.yml with `variables` filled in, and defaults for those that have one."""

    def fill(match: re.Match[str]) -> str:
        return variables[match["name"]] if match["kind"] == "?" else variables.get(match["name"], match["rest"])

    filled = _VARIABLE.sub(fill, text())
    assert "${" not in filled, "a variable in a form that these tests do not know"
    return cast("Compose", yaml.load(filled, _Loader))  # noqa: S506 - a SafeLoader


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, with its lines joined."""

    name: str
    arguments: str


def dockerfile() -> list[Instruction]:
    """The instructions of the Dockerfile, in order."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    joined = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", "")
    return [Instruction(name, " ".join(arguments.split())) for name, arguments in _INSTRUCTION.findall(joined)]
