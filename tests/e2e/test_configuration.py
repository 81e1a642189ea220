"""A role or stack with a wrong configuration ends at start, with one line that says what to do."""

from __future__ import annotations

import asyncio
import os
import socket
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from temporalio.client import Client

from care_dev.stack import postgres
from care_dev.stack.ports import HOST
from care_dev.stack.secrets import Role, mint
from care_roles import environment
from care_roles.environment import ConfigurationError, RoleSettings
from care_roles.temporal import connect_config
from care_service.running.application import service
from care_service.running.configuration import ServiceSettings
from care_web.configuration import WebConfiguration
from care_workflows.worker import WorkerSettings
from tests.e2e.program import CompletedProgram, run_care
from tests.e2e.scenario import Scenario
from tests.support.certificates import authority, replace, write_pair
from tests.support.system import System, own_ports

SECRET: Final = urlsafe_b64encode(b"to be read nowhere, least in logs").decode()
"""A key that is long enough. It is the same in all test processes, because names of tests contain it."""

VALID: Final[Mapping[str, Mapping[str, str]]] = {
    "serve": {
        "CARE_DATABASE_URL": f"postgresql://care:{SECRET}@127.0.0.1:1/care",  # where nothing listens
        "CARE_GRPC_ADDRESS": f"{HOST}:0",
        "CARE_TOKEN_KEY": SECRET,
        "CARE_LINK_KEYS": f"k1:{SECRET}",
        "CARE_WEB_URL": "http://127.0.0.1:8080",
    },
    "work": {"CARE_TOKEN": SECRET, "CARE_SERVICE_ADDRESS": f"{HOST}:1"},
    "web": {"CARE_SERVICE_ADDRESS": f"{HOST}:1", "CARE_WEB_ADDRESS": f"{HOST}:0"},
}
"""Correct variables, which each test changes in one place."""

SETTINGS: Final[Mapping[str, type[RoleSettings]]] = {
    "serve": ServiceSettings,
    "work": WorkerSettings,
    "web": WebConfiguration,
}

SECRETS: Final = {"CARE_DATABASE_URL", "CARE_LINK_KEYS", "CARE_TOKEN", "CARE_TOKEN_KEY"}
"""Variables whose values no log may contain."""


def beside(system: System, role: str) -> dict[str, str]:
    """Returns the variables of a second process of a role: those of the system, except for addresses to listen on."""
    variables = dict(system.stack.environment[role])
    variables.pop("CARE_METRICS_ADDRESS", None)
    return variables


def shows_no_secret(variables: Mapping[str, str], written: str) -> None:
    secret = [value for name, value in variables.items() if name in SECRETS]
    assert [value for value in [SECRET[:10], *secret] if value in written] == []


async def refuses(role: str, variables: Mapping[str, str], *expected: str) -> CompletedProgram:
    """Checks that the role ends with one line that contains each of `expected`, and that its output shows no secret."""
    ended = await run_care(role, variables=variables)
    ended.assert_refused(f"care {role}:", *expected)
    shows_no_secret(variables, ended.output + ended.errors)
    return ended


def complaint(role: str, variables: Mapping[str, str]) -> str:
    """Returns the error of the role's settings: one line without a secret."""
    with pytest.raises(ConfigurationError) as caught:
        environment.load(SETTINGS[role], variables)
    said = str(caught.value)
    assert "\n" not in said
    shows_no_secret(variables, said)
    return said


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        ("serve", {"CARE_TOKEN_KEY": SECRET[:20], "CARE_LINK_KEYS": SECRET}),
        ("serve", {"CARE_LOG_FROMAT": "console"}),
        ("work", {"CARE_TOKEN": f"{SECRET} {SECRET}"}),
        ("web", {"CARE_WEB_ADDRESS": "localhost"}),
    ],
)
async def test_a_role_ends_with_the_error_of_its_settings(role: str, wrong: Mapping[str, str]) -> None:
    """A role ends with the error of its settings. So the tests below check the settings without a process."""
    variables = {**VALID[role], **wrong}
    ended = await refuses(role, variables, *wrong)
    assert ended.errors == f"care {role}: {complaint(role, variables)}\n"


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("serve", "CARE_DATABASE_URL"),
        ("serve", "CARE_TOKEN_KEY"),
        ("serve", "CARE_LINK_KEYS"),
        ("serve", "CARE_WEB_URL"),
        ("work", "CARE_TOKEN"),
    ],
)
def test_a_missing_variable_is_named_with_an_example(role: str, missing: str) -> None:
    variables = {name: value for name, value in VALID[role].items() if name != missing}
    assert f'{missing}="' in complaint(role, variables)


@pytest.mark.parametrize(
    ("role", "name", "value", "advice"),
    [
        ("serve", "CARE_DATABASE_URL", f"mysql://care:{SECRET}@db/care", "postgresql://"),
        ("serve", "CARE_GRPC_ADDRESS", "50051", "host:port"),
        ("serve", "CARE_GRPC_ADDRESS", "127.0.0.1:99999", "port"),
        ("serve", "CARE_TOKEN_KEY", SECRET[:20], "32 bytes"),
        ("serve", "CARE_LINK_KEYS", SECRET, "id:"),
        ("serve", "CARE_LINK_KEYS", f"k1:{SECRET[:20]}", "32 bytes"),
        ("serve", "CARE_LINK_KEYS", f"k1:{SECRET},k1:{SECRET}", "unique"),
        ("serve", "CARE_WEB_URL", "care.example", "http"),
        ("serve", "CARE_WEB_URL", "ftp://care.example", "http"),
        ("serve", "CARE_ENVIRONMENT", "production", "CARE_TOKEN_KEY is for development: unset it"),
        ("serve", "CARE_GRPC_TLS_CERTIFICATE", "/nonexistent/tls.crt", "CARE_GRPC_TLS_KEY"),
        ("serve", "CARE_MODERATION_CHECKS", "soon", "10m"),
        ("serve", "CARE_SETTLE_TIME", "-1m", "1m"),
        ("serve", "CARE_DRAIN_TIME", "forever", "1m"),
        ("serve", "CARE_MAX_CALLS", "0", "1"),
        ("serve", "CARE_MAX_CALL_TIME", "0s", "1m"),
        ("serve", "CARE_DATABASE_POOL_SIZE", "many", "integer"),
        ("serve", "CARE_METRICS_ADDRESS", "9464", "host:port"),
        ("work", "CARE_METRICS_ADDRESS", "9464", "host:port"),
        ("serve", "CARE_LOG_FORMAT", "xml", "json"),
        ("work", "CARE_REVIEW_SITE_URL", "127.0.0.1:8090", "http"),
        ("work", "CARE_SERVICE_ADDRESS", "127.0.0.1:0", "port"),
        ("work", "CARE_SMS_URL", "api.twilio.com", "http"),
        ("work", "CARE_TOKEN", "two words", "care token"),
        ("work", "CARE_WEBHOOK_SECRETS", SECRET, "whsec_"),
        ("web", "CARE_WEB_ADDRESS", "localhost", "host:port"),
        ("web", "CARE_SERVICE_ADDRESS", "http://127.0.0.1:50051", "host:port"),
    ],
)
def test_the_error_of_a_wrong_value_says_what_to_write(role: str, name: str, value: str, advice: str) -> None:
    said = complaint(role, {**VALID[role], name: value})
    assert name in said
    assert advice in said


@pytest.mark.parametrize("role", list(VALID))
def test_an_unknown_variable_is_refused_with_the_likely_one(role: str) -> None:
    said = complaint(role, {**VALID[role], "CARE_LOG_FROMAT": "console"})
    assert "CARE_LOG_FROMAT" in said
    assert "did you mean CARE_LOG_FORMAT?" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEMPORAL_ADDRESS", "http://127.0.0.1:7233"),
        ("TEMPORAL_PROFILE", "nobody"),
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/nonexistent/client.pem"),
    ],
)
def test_temporals_own_variables_are_checked(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        connect_config({name: value})


@pytest.mark.parametrize("role", ["serve", "work"])
async def test_a_role_checks_temporals_own_variables(system: System, role: str) -> None:
    # Everything else is correct, so only these variables can cause the error.
    variables = {**beside(system, role), "TEMPORAL_PROFILE": "nobody"}
    if role == "serve":
        variables["CARE_GRPC_ADDRESS"] = f"{HOST}:0"
    await refuses(role, variables, "TEMPORAL_PROFILE")


@pytest.mark.parametrize(("role", "name"), [("serve", "CARE_GRPC_ADDRESS"), ("web", "CARE_WEB_ADDRESS")])
async def test_a_taken_port_is_named(system: System, role: str, name: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        address = f"{HOST}:{taken.getsockname()[1]}"
        await refuses(role, {**beside(system, role), name: address}, name, address)


@pytest.mark.parametrize("role", ["serve", "work"])
async def test_a_taken_metrics_port_is_named(system: System, role: str) -> None:
    address = system.stack.environment[role]["CARE_METRICS_ADDRESS"]
    variables = dict(system.stack.environment[role])
    if role == "serve":
        variables["CARE_GRPC_ADDRESS"] = f"{HOST}:0"
    await refuses(role, variables, "CARE_METRICS_ADDRESS", address, "choose another")


async def test_an_unknown_exporter_of_traces_is_named() -> None:
    await refuses("serve", {**VALID["serve"], "OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER", "otlp")


async def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    await refuses("serve", VALID["serve"], "CARE_DATABASE_URL", "127.0.0.1", "running")


async def test_a_database_of_a_newer_version_is_named(system: System) -> None:
    variables = beside(system, "serve")
    name = f"newer{os.getpid()}"
    url = await asyncio.to_thread(postgres.server(system.stack.home).create_database, name)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE alembic_version (version_num text)")
    await connection.execute("INSERT INTO alembic_version VALUES ('of_tomorrow')")
    await connection.close()
    variables |= {"CARE_DATABASE_URL": url, "CARE_GRPC_ADDRESS": f"{HOST}:0"}
    await refuses("serve", variables, "CARE_DATABASE_URL", "newer version", "of_tomorrow")


async def test_a_database_that_does_not_exist_is_named(system: System) -> None:
    url = system.stack.database_url.replace("/care?", "/nonesuch?")
    variables = {**beside(system, "serve"), "CARE_GRPC_ADDRESS": f"{HOST}:0", "CARE_DATABASE_URL": url}
    await refuses("serve", variables, "CARE_DATABASE_URL", "nonesuch")


@pytest.mark.parametrize("wrong", ["of another key", "of another role"])
async def test_a_worker_whose_token_the_service_refuses_ends(system: System, tmp_path: Path, wrong: str) -> None:
    token = mint(tmp_path, role=Role.WORKER) if wrong == "of another key" else system.stack.token(role=Role.SERVICE)
    variables = {**beside(system, "work"), "CARE_TOKEN": token, "CARE_TASK_QUEUE": "of-nobody"}
    await refuses("work", variables, "CARE_TOKEN", "care token")


@pytest.mark.parametrize(
    "name", ["CARE_GRPC_TLS_CERTIFICATE", "CARE_GRPC_TLS_KEY", "CARE_GRPC_TLS_CLIENT_CA", "CARE_TOKEN_KEYS"]
)
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    made = authority()
    write_pair(made, tmp_path / "tls.crt", tmp_path / "tls.key")
    replace(tmp_path / "clients.crt", made.cert_pem.bytes())
    variables = {
        **VALID["serve"],
        "CARE_GRPC_TLS_CERTIFICATE": str(tmp_path / "tls.crt"),
        "CARE_GRPC_TLS_KEY": str(tmp_path / "tls.key"),
        "CARE_GRPC_TLS_CLIENT_CA": str(tmp_path / "clients.crt"),
        "CARE_TOKEN_ISSUER": "https://login.example.com",
        "CARE_TOKEN_AUDIENCE": "care",
        name: str(tmp_path / "wrong"),
    }
    await refuses("serve", variables, name, str(tmp_path / "wrong"))
    (tmp_path / "wrong").write_bytes(b"nothing of use")
    with pytest.raises(ConfigurationError) as caught:
        await _serve_with(variables)
    said = str(caught.value)
    assert [word for word in (name, str(tmp_path / "wrong")) if word not in said] == [], said
    assert "\n" not in said


async def _serve_with(variables: Mapping[str, str]) -> None:
    """Starts the service in this process."""
    temporal = await Client.connect(f"{HOST}:1", lazy=True)
    async with service(environment.load(ServiceSettings, variables), temporal):
        pytest.fail("it runs")


async def test_a_missing_key_of_live_forms_is_named(system: System, scenario: Scenario) -> None:
    await scenario.send_form()
    keys = f"k2:{SECRET}"
    variables = {**beside(system, "serve"), "CARE_GRPC_ADDRESS": f"{HOST}:0", "CARE_LINK_KEYS": keys}
    await refuses("serve", variables, "CARE_LINK_KEYS", "dev", "add them again")


async def test_a_stack_on_a_taken_port_names_it_and_leaves_nothing_running(tmp_path: Path) -> None:
    with own_ports() as first, socket.create_server((HOST, first + 4)):
        ended = await run_care("up", "--home", str(tmp_path / "home"), "--first-port", str(first))
    ended.assert_refused(f"port {first + 4}", "--first-port")


async def test_a_second_stack_in_one_home_names_the_first(system: System) -> None:
    with own_ports() as first:
        ended = await run_care("up", "--home", str(system.stack.home), "--first-port", str(first))
    ended.assert_refused(f"process {os.getpid()}", str(system.stack.home))


async def test_a_stack_refuses_a_misspelt_variable(tmp_path: Path) -> None:
    with own_ports() as first:
        arguments = ("up", "--home", str(tmp_path / "home"), "--first-port", str(first))
        ended = await run_care(*arguments, variables={"CARE_SETTLE_TME": "1m"})
    ended.assert_refused("CARE_SETTLE_TME", "CARE_SETTLE_TIME")


@pytest.mark.parametrize("first", ["0", "65530"])
async def test_a_stack_refuses_invalid_ports(tmp_path: Path, first: str) -> None:
    ended = await run_care("up", "--home", str(tmp_path / "home"), "--first-port", first)
    ended.assert_refused("--first-port", first)
