"""The connection of a role to the service: what its variables do, and the one-line errors of wrong variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest

from care.v1.ticket_service_pb2 import GetTicketRequest
from care_client.errors import Unauthenticated
from care_roles import environment
from care_roles.environment import ConfigurationError
from care_roles.service import AuthorizedConnection
from tests.unit.client.certificates import Pair, authority, issued
from tests.unit.client.scripted import Failure, Script, serving

REQUEST = GetTicketRequest(name="organizations/acme/tickets/17")


@pytest.fixture(scope="module")
def ca() -> Pair:
    return authority()


@pytest.fixture
def files(ca: Pair, tmp_path: Path) -> Mapping[str, str]:
    """Returns the paths of files by what the files contain. The file `absent` does not exist."""
    own = issued(ca, "worker")
    contents = {"ca": ca.pem, "certificate": own.pem, "key": own.key, "text": b"nothing", "token": b"from-a-file\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in [*contents, "absent"]}


def rotate(token: Path) -> None:
    token.write_text("rotated")


async def test_mutual_tls_and_a_token_file_that_is_rotated(ca: Pair, files: Mapping[str, str]) -> None:
    server, script = issued(ca, "service"), Script()
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)], ca.pem, require_client_auth=True)
    async with serving(script, credentials) as address:
        variables = {
            "CARE_SERVICE_ADDRESS": address,
            "CARE_SERVICE_CA": files["ca"],
            "CARE_SERVICE_CERTIFICATE": files["certificate"],
            "CARE_SERVICE_KEY": files["key"],
            "CARE_TOKEN_FILE": files["token"],
        }
        async with environment.load(AuthorizedConnection, variables).connect() as care:
            await care.tickets.GetTicket(REQUEST)
            rotate(Path(files["token"]))
            await care.tickets.GetTicket(REQUEST)
    assert [call.authorization for call in script.calls] == [("Bearer from-a-file",), ("Bearer rotated",)]
    assert [call.peer for call in script.calls] == ["worker", "worker"]


async def test_plaintext_with_a_fixed_token(files: Mapping[str, str]) -> None:
    script = Script(Failure(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED"))
    async with serving(script) as address:
        settings = environment.load(AuthorizedConnection, {"CARE_SERVICE_ADDRESS": address, "CARE_TOKEN": "abc"})
        async with settings.connect() as care:
            with pytest.raises(Unauthenticated):
                await care.tickets.GetTicket(REQUEST)
    assert [call.authorization for call in script.calls] == [("Bearer abc",)]


def test_the_authorities_of_the_machine_and_plaintext_by_request() -> None:
    away = {"CARE_SERVICE_ADDRESS": "care.example:443", "CARE_TOKEN": "abc"}
    trusting = environment.load(AuthorizedConnection, {**away, "CARE_SERVICE_CA": "system"})
    assert trusting.tls is not None
    assert trusting.tls.ca is None
    assert environment.load(AuthorizedConnection, {**away, "CARE_SERVICE_PLAINTEXT": "yes"}).tls is None


@pytest.mark.parametrize(
    ("variables", "advice"),
    [
        ({"CARE_SERVICE_CERTIFICATE": "certificate"}, "CARE_SERVICE_CERTIFICATE and CARE_SERVICE_KEY belong together"),
        ({"CARE_SERVICE_KEY": "key"}, "CARE_SERVICE_CERTIFICATE and CARE_SERVICE_KEY belong together"),
        ({"CARE_SERVICE_CERTIFICATE": "certificate", "CARE_SERVICE_KEY": "key"}, "needs CARE_SERVICE_CA"),
        ({"CARE_SERVICE_CA": "absent"}, "CARE_SERVICE_CA: "),
        ({"CARE_SERVICE_CA": "text"}, "CARE_SERVICE_CA: "),
        (
            {"CARE_SERVICE_CA": "ca", "CARE_SERVICE_CERTIFICATE": "certificate", "CARE_SERVICE_KEY": "text"},
            "CARE_SERVICE_CERTIFICATE: ",
        ),
        ({"CARE_TOKEN_FILE": "absent"}, "CARE_TOKEN_FILE: "),
        ({"CARE_TOKEN_FILE": "token", "CARE_TOKEN": "abc"}, "CARE_TOKEN and CARE_TOKEN_FILE are both set"),
        ({"CARE_TOKEN": "abc", "CARE_SERVICE_ADDRESS": "care.example:443"}, "set CARE_SERVICE_CA"),
        ({"CARE_TOKEN": "abc", "CARE_SERVICE_PLAINTEXT": "perhaps"}, "CARE_SERVICE_PLAINTEXT"),
    ],
)
def test_wrong_variables_are_refused(files: Mapping[str, str], variables: dict[str, str], advice: str) -> None:
    given = {name: files.get(value, value) for name, value in variables.items()}
    with pytest.raises(ConfigurationError, match=advice) as caught:
        environment.load(AuthorizedConnection, given)
    assert "\n" not in str(caught.value)
    assert "abc" not in str(caught.value)
