"""The service's settings: which ones belong together, and which ones production refuses."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from care_dev.stack import environment as stack
from care_dev.stack.ports import Ports
from care_roles import environment
from care_roles.environment import ConfigurationError
from care_service.running.configuration import ServiceSettings
from care_service.running.tls_files import TlsFiles
from care_service.tokens.claims import ClaimNames
from care_service.tokens.rules import TokenRules

KEY: Final = urlsafe_b64encode(b"a test key that no log line shows").decode()
ISSUER: Final = {
    "CARE_TOKEN_KEYS": "https://login.example.com/jwks.json?tenant=7",
    "CARE_TOKEN_ISSUER": "https://login.example.com",
    "CARE_TOKEN_AUDIENCE": "care",
}
BASE: Final = {
    "CARE_DATABASE_URL": "postgresql://care@127.0.0.1:5432/care",
    "CARE_LINK_KEYS": f"k1:{KEY}",
    "CARE_WEB_URL": "https://care.example.com",
}
PRODUCTION: Final = BASE | ISSUER | {"CARE_ENVIRONMENT": "production"}


def settings(variables: dict[str, str]) -> ServiceSettings:
    return environment.load(ServiceSettings, variables)


def refusal(variables: dict[str, str]) -> str:
    """Returns the error line for these variables."""
    with pytest.raises(ConfigurationError) as caught:
        settings(variables)
    said = str(caught.value)
    assert "\n" not in said
    assert KEY not in said
    return said


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


def test_development_needs_a_token_key_or_an_issuers_keys() -> None:
    assert settings(BASE | {"CARE_TOKEN_KEY": KEY}).token_rules == TokenRules(None, None, timedelta(seconds=30))
    assert settings(BASE | ISSUER).token_key is None
    assert settings(BASE | ISSUER | {"CARE_TOKEN_KEY": KEY}).token_keys == ISSUER["CARE_TOKEN_KEYS"]
    assert "CARE_TOKEN_KEYS is missing" in refusal(BASE)


def test_rules_of_tokens_come_from_the_environment() -> None:
    variables = ISSUER | {"CARE_TOKEN_LEEWAY": "0s", "CARE_TOKEN_CLAIMS": "org=team"}
    rules = TokenRules("https://login.example.com", "care", timedelta(0), ClaimNames(org="team"))
    assert settings(BASE | variables).token_rules == rules


@pytest.mark.parametrize("missing", ["CARE_TOKEN_ISSUER", "CARE_TOKEN_AUDIENCE"])
def test_an_issuers_keys_need_issuer_and_audience(missing: str) -> None:
    assert refusal(without(BASE | ISSUER, missing)).startswith(f"{missing} is missing: with CARE_TOKEN_KEYS")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CARE_TOKEN_KEYS", "ftp://login.example.com/keys", "https://"),
        ("CARE_TOKEN_KEYS", "https://user:hunter2@login.example.com/keys", "without user"),
        ("CARE_TOKEN_KEYS", "https://", "https://"),
        ("CARE_TOKEN_KEYS", "https://login.example.com:port/", "https://"),
        ("CARE_TOKEN_KEYS_REFRESH", "0s", "such as 90s"),
        ("CARE_TOKEN_LEEWAY", "-1s", "0s to 300s"),
        ("CARE_TOKEN_LEEWAY", "301s", "0s to 300s"),
        ("CARE_TOKEN_LEEWAY", "5m", "0s to 300s"),
        ("CARE_TOKEN_CLAIMS", "team=org", "org=https://example.com/org"),
        ("CARE_ENVIRONMENT", "prod", "'production'"),
        ("CARE_GRPC_PLAINTEXT", "yes", "'allowed'"),
    ],
)
def test_the_error_of_a_wrong_value_says_what_to_write(name: str, value: str, expected: str) -> None:
    said = refusal(BASE | ISSUER | {name: value})
    assert said.startswith(f"{name} ")
    assert expected in said
    assert "hunter2" not in said


def test_certificate_and_key_go_together() -> None:
    certificate, key = {"CARE_GRPC_TLS_CERTIFICATE": "/c.pem"}, {"CARE_GRPC_TLS_KEY": "/k.pem"}
    authorities = {"CARE_GRPC_TLS_CLIENT_CA": "/a.pem"}
    base = BASE | ISSUER
    assert settings(base).tls_files is None
    assert settings(base | certificate | key).tls_files == TlsFiles(Path("/c.pem"), Path("/k.pem"), None)
    both = settings(base | certificate | key | authorities)
    assert both.tls_files == TlsFiles(Path("/c.pem"), Path("/k.pem"), Path("/a.pem"))
    for half in (certificate, key):
        assert "belong together" in refusal(base | half)
    assert refusal(base | authorities).startswith("CARE_GRPC_TLS_CLIENT_CA needs")


def test_production_accepts_complete_settings() -> None:
    assert settings(PRODUCTION).environment == "production"
    assert settings(PRODUCTION | {"CARE_TOKEN_KEYS": "/etc/care/jwks.json"}).token_keys == "/etc/care/jwks.json"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CARE_TOKEN_KEY": KEY}, ["CARE_TOKEN_KEY is for development: unset it", "CARE_TOKEN_KEYS"]),
        ({"CARE_TOKEN_KEYS": ""}, ["CARE_TOKEN_KEYS is missing"]),
        ({"CARE_TOKEN_KEYS": "http://login.example.com/keys"}, ["CARE_TOKEN_KEYS must be an https:// URL"]),
        ({"CARE_TOKEN_KEYS": "HTTP://login.example.com/keys"}, ["CARE_TOKEN_KEYS must be an https:// URL"]),
        ({"CARE_LINK_KEYS": f"k1:{KEY},dev:{KEY}"}, ["CARE_LINK_KEYS contains dev, a key for development"]),
        ({"CARE_LINK_KEYS": f"dev2:{KEY}"}, ["CARE_LINK_KEYS contains dev2,"]),
        ({"CARE_WEB_URL": "http://care.example.com"}, ["CARE_WEB_URL must start with https://"]),
        ({"CARE_GRPC_ADDRESS": "0.0.0.0:50051"}, ["CARE_GRPC_ADDRESS", "CARE_GRPC_TLS_CERTIFICATE"]),
        ({"CARE_GRPC_ADDRESS": "[::]:50051"}, ["CARE_GRPC_ADDRESS", "CARE_GRPC_PLAINTEXT=allowed"]),
        ({"CARE_GRPC_ADDRESS": "care.internal:50051"}, ["CARE_GRPC_ADDRESS"]),
    ],
)
def test_production_refuses_settings_for_development(variables: dict[str, str], expected: list[str]) -> None:
    said = refusal(PRODUCTION | variables)
    assert [text for text in expected if text not in said] == []
    # Development accepts the same settings.
    settings(PRODUCTION | {"CARE_TOKEN_KEY": KEY} | variables | {"CARE_ENVIRONMENT": "development"})


@pytest.mark.parametrize(
    "variables",
    [
        {"CARE_GRPC_ADDRESS": "127.0.0.1:50051"},
        {"CARE_GRPC_ADDRESS": "[::1]:50051"},
        {"CARE_GRPC_ADDRESS": "localhost:50051"},
        {"CARE_GRPC_ADDRESS": "0.0.0.0:50051", "CARE_GRPC_PLAINTEXT": "allowed"},
        {"CARE_GRPC_ADDRESS": "0.0.0.0:50051", "CARE_GRPC_TLS_CERTIFICATE": "/c", "CARE_GRPC_TLS_KEY": "/k"},
    ],
)
def test_production_accepts_plaintext_if_it_is_local_or_allowed(variables: dict[str, str]) -> None:
    settings(PRODUCTION | variables)


def test_production_reports_all_mistakes_at_once(tmp_path: Path) -> None:
    found = stack.settings(tmp_path, Ports.plan(20000), BASE["CARE_DATABASE_URL"])["serve"]
    variables = {name: value for name, value in found.items() if name.startswith("CARE_")}
    settings(variables)
    said = refusal(variables | {"CARE_ENVIRONMENT": "production"})
    for name in ("CARE_TOKEN_KEY is for development", "CARE_LINK_KEYS contains dev", "CARE_WEB_URL must start"):
        assert name in said
