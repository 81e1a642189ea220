"""TLS and mutual TLS of the server, and certificates that are replaced while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from care.v1 import directory_service_pb2 as directory
from care.v1 import lifecycle_service_pb2 as lifecycle
from care.v1.directory_service_pb2_grpc import DirectoryServiceStub
from care.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from care_dev.stack import postgres
from care_roles.environment import ConfigurationError
from care_service.running.tls import server_credentials
from care_service.running.tls_files import TlsFiles
from tests.support.care import Care, care
from tests.support.certificates import authority, channel_credentials, replace, write_pair
from tests.support.issuer import Issuer, private_key


@pytest.fixture(scope="session")
def database_url(server: postgres.Server) -> str:
    return server.create_database("tls")


@dataclass
class Files:
    """The files of a server and its certificate authority."""

    folder: Path
    ca: trustme.CA

    @property
    def certificate(self) -> Path:
        return self.folder / "tls.crt"

    @property
    def key(self) -> Path:
        return self.folder / "tls.key"

    @property
    def client_ca(self) -> Path:
        return self.folder / "clients.crt"

    @property
    def variables(self) -> dict[str, str]:
        return {"CARE_GRPC_TLS_CERTIFICATE": str(self.certificate), "CARE_GRPC_TLS_KEY": str(self.key)}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path, authority())
    write_pair(made.ca, made.certificate, made.key)
    return made


async def accepts(service: Care, credentials: grpc.ChannelCredentials | None) -> bool:
    """Returns whether a new connection with these credentials is accepted."""
    open_channel = (
        grpc.aio.insecure_channel(service.address, options=_OWN)
        if credentials is None
        else grpc.aio.secure_channel(service.address, credentials, options=_OWN)
    )
    async with open_channel as channel:
        return await is_served(channel)


_OWN = (("grpc.use_local_subchannel_pool", 1),)
"""Without this option, channels of one process would share connections."""


async def is_served(channel: grpc.aio.Channel) -> bool:
    try:
        answer = await LifecycleServiceStub(channel).GetLifecycle(lifecycle.GetLifecycleRequest(), timeout=20)
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - another code must fail the test
        return False
    return len(answer.machines) > 0


@asynccontextmanager
async def serve_with_tls(database_url: str, files: Files, **more: str) -> AsyncIterator[Care]:
    async with care(database_url, variables=files.variables | more) as running:
        yield running


async def test_the_server_shows_its_certificate_and_accepts_no_plaintext(database_url: str, files: Files) -> None:
    async with serve_with_tls(database_url, files) as service:
        assert await accepts(service, channel_credentials(files.ca))
        assert not await accepts(service, channel_credentials(authority()))
        assert not await accepts(service, None)


async def test_with_mutual_tls_clients_need_a_certificate_of_the_right_authority(
    database_url: str, files: Files
) -> None:
    clients = authority()
    replace(files.client_ca, clients.cert_pem.bytes())
    async with serve_with_tls(database_url, files, CARE_GRPC_TLS_CLIENT_CA=str(files.client_ca)) as service:
        assert await accepts(service, channel_credentials(files.ca, clients))
        assert not await accepts(service, channel_credentials(files.ca))
        assert not await accepts(service, channel_credentials(files.ca, authority()))
        # The authority of the server is not the authority of the clients.
        assert not await accepts(service, channel_credentials(files.ca, files.ca))
        newer = authority()
        replace(files.client_ca, clients.cert_pem.bytes() + newer.cert_pem.bytes())
        assert await accepts(service, channel_credentials(files.ca, newer))
        assert await accepts(service, channel_credentials(files.ca, clients))
        replace(files.client_ca, newer.cert_pem.bytes())
        assert not await accepts(service, channel_credentials(files.ca, clients))


async def test_a_renewed_certificate_is_used_without_a_restart(database_url: str, files: Files) -> None:
    async with (
        serve_with_tls(database_url, files) as service,
        grpc.aio.secure_channel(service.address, channel_credentials(files.ca), options=_OWN) as before,
    ):
        assert await is_served(before)
        newer = authority()
        write_pair(newer, files.certificate, files.key)
        assert await accepts(service, channel_credentials(newer))
        assert not await accepts(service, channel_credentials(files.ca))
        # A connection stays open after its certificate was replaced.
        assert await is_served(before)


async def test_invalid_files_leave_the_valid_ones_in_use(database_url: str, files: Files) -> None:
    newer = authority()
    async with serve_with_tls(database_url, files) as service:
        certificate, key = files.folder / "next.crt", files.folder / "next.key"
        write_pair(newer, certificate, key)
        for content in (b"", b"no certificate", certificate.read_bytes()):
            replace(files.certificate, content)
            assert await accepts(service, channel_credentials(files.ca))
        files.key.unlink()
        assert await accepts(service, channel_credentials(files.ca))
        replace(files.key, key.read_bytes())
        assert await accepts(service, channel_credentials(newer))


async def test_a_production_service_accepts_an_issuers_token_over_tls(
    database_url: str, files: Files, tmp_path: Path
) -> None:
    issuer = Issuer(str(tmp_path / "jwks.json"))
    issuer.add("a", "EdDSA")
    replace(tmp_path / "jwks.json", issuer.jwk_set)
    production = {**issuer.variables, "CARE_ENVIRONMENT": "production", "CARE_TOKEN_KEY": ""}
    async with (
        serve_with_tls(database_url, files, **production) as service,
        grpc.aio.secure_channel(service.address, channel_credentials(files.ca), options=_OWN) as channel,
    ):
        metadata = (("authorization", f"Bearer {issuer.token('a')}"),)
        request = directory.GetOrganizationRequest(name="organizations/org")
        answer = await DirectoryServiceStub(channel).GetOrganization(request, metadata=metadata)
        assert answer.organization.name == "organizations/org"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("certificate", None, "CARE_GRPC_TLS_CERTIFICATE: .*/tls.crt can't be read"),
        ("certificate", b"", "CARE_GRPC_TLS_CERTIFICATE: .* contains no certificate in PEM form"),
        ("certificate", b"\x30\x82", "CARE_GRPC_TLS_CERTIFICATE: .* contains no certificate in PEM form"),
        ("key", None, "CARE_GRPC_TLS_KEY: .*/tls.key can't be read"),
        ("key", b"", "CARE_GRPC_TLS_KEY: .* contains no private key in PEM form"),
        (
            "key",
            private_key("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            "CARE_GRPC_TLS_KEY: .* is encrypted",
        ),
        ("key", authority().issue_cert("127.0.0.1").private_key_pem.bytes(), "is not the key of the first certificate"),
        ("client_ca", None, "CARE_GRPC_TLS_CLIENT_CA: .*/clients.crt can't be read"),
        (
            "client_ca",
            b"-----BEGIN CERTIFICATE-----\n",
            "CARE_GRPC_TLS_CLIENT_CA: .* contains no certificate in PEM form",
        ),
    ],
    ids=range(9),
)
def test_an_unusable_file_is_named_in_one_line(files: Files, name: str, content: bytes | None, expected: str) -> None:
    replace(files.client_ca, files.ca.cert_pem.bytes())
    path: Path = getattr(files, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected) as caught:
        server_credentials(TlsFiles(files.certificate, files.key, files.client_ca))
    assert "\n" not in str(caught.value)
