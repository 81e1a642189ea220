"""TLS and mutual TLS, with certificates made by the test."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from care.v1.ticket_service_pb2 import GetTicketRequest
from care_client.client import CareClient
from care_client.errors import Unavailable
from care_client.tls import Tls
from tests.unit.client.certificates import Pair, authority, issued
from tests.unit.client.scripted import Script, serving

REQUEST = GetTicketRequest(name="organizations/acme/tickets/17")


@pytest.fixture(scope="module")
def ca() -> Pair:
    return authority()


@pytest.fixture(scope="module")
def server(ca: Pair) -> Pair:
    return issued(ca, "service")


def file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


async def test_the_connection_is_encrypted_and_carries_the_token(ca: Pair, server: Pair, tmp_path: Path) -> None:
    script, tls = Script(), Tls.load(file(tmp_path, "ca.pem", ca.pem))
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)])
    async with serving(script, credentials) as address, CareClient.connect(address, "abc", tls=tls) as care:
        await care.tickets.GetTicket(REQUEST)
    assert [call.authorization for call in script.calls] == [("Bearer abc",)]


async def test_a_server_of_another_authority_is_rejected(server: Pair) -> None:
    script = Script()
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)])
    async with (
        serving(script, credentials) as address,
        CareClient.connect(address, "abc", tls=Tls(ca=authority().pem)) as care,
    ):
        with pytest.raises(Unavailable):
            await care.tickets.GetTicket(REQUEST)
    assert script.calls == []


async def test_authorities_of_the_machine_are_trusted(
    ca: Pair, server: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OpenSSL's variable names the file with the machine's authorities. Here it has only the test's authority.
    monkeypatch.setenv("SSL_CERT_FILE", str(file(tmp_path, "machine.pem", ca.pem)))
    script = Script()
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)])
    async with serving(script, credentials) as address, CareClient.connect(address, "abc", tls=Tls()) as care:
        await care.tickets.GetTicket(REQUEST)
    assert len(script.calls) == 1


async def test_authorities_of_the_machine_may_be_in_a_folder(
    ca: Pair, server: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(tmp_path, "0a1b2c3d.0", ca.pem)
    file(tmp_path, "README", b"no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "there-is-none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    script = Script()
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)])
    async with serving(script, credentials) as address, CareClient.connect(address, tls=Tls()) as care:
        await care.tickets.GetTicket(REQUEST)
    assert len(script.calls) == 1


async def test_mutual_tls_sends_the_client_certificate(ca: Pair, server: Pair, tmp_path: Path) -> None:
    script, own = Script(), issued(ca, "billing")
    tls = Tls.load(
        file(tmp_path, "ca.pem", ca.pem), file(tmp_path, "client.pem", own.pem), file(tmp_path, "client.key", own.key)
    )
    credentials = grpc.ssl_server_credentials([(server.key, server.pem)], ca.pem, require_client_auth=True)
    async with serving(script, credentials) as address:
        async with CareClient.connect(address, "abc", tls=tls) as care:
            await care.tickets.GetTicket(REQUEST)
        async with CareClient.connect(address, "abc", tls=Tls(ca=ca.pem)) as without:
            with pytest.raises(Unavailable):
                await without.tickets.GetTicket(REQUEST)
    assert [call.peer for call in script.calls] == ["billing"]


def test_a_certificate_without_its_key_is_refused(ca: Pair) -> None:
    with pytest.raises(ValueError, match="both or neither"):
        Tls(certificate=ca.pem)


def test_files_that_cannot_be_used_are_named(ca: Pair, tmp_path: Path) -> None:
    own, text = issued(ca, "billing"), file(tmp_path, "text", b"no certificate")
    certificate = file(tmp_path, "client.pem", own.pem)
    with pytest.raises(ValueError, match=r"absent\.pem cannot be read"):
        Tls.load(tmp_path / "absent.pem")
    with pytest.raises(ValueError, match="text contains no certificate"):
        Tls.load(text)
    for name, key in {"text": b"no key", "other.key": issued(ca, "x").key, "locked.key": own.locked_key}.items():
        expected = rf"{name} is not the unencrypted PEM key of the certificate in .*client\.pem"
        with pytest.raises(ValueError, match=expected):
            Tls.load(None, certificate, file(tmp_path, name, key))


def test_the_key_is_not_shown(ca: Pair) -> None:
    assert "PRIVATE" not in repr(Tls(certificate=ca.pem, key=ca.key))
