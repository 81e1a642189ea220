"""The worker's variables for email. A wrong value is reported at the start, in one line that shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_roles import environment
from care_workflows.worker import WorkerSettings
from tests.support.certificates import authority

BASE = {"CARE_TOKEN": "a.b.c", "CARE_SMTP_ADDRESS": "smtp.example.com:587", "CARE_SMTP_SENDER": "care@example.com"}


def load(**given: str) -> WorkerSettings:
    return environment.load(WorkerSettings, {**BASE, **given})


def test_without_an_address_there_is_no_email() -> None:
    assert environment.load(WorkerSettings, {"CARE_TOKEN": "a.b.c"}).smtp_server is None


def test_starttls_is_the_default(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().cert_pem.bytes())
    server = load(CARE_SMTP_CA=str(ca), CARE_SMTP_USERNAME="care", CARE_SMTP_PASSWORD="secret").smtp_server
    assert server is not None
    assert (server.host, server.port, server.security) == ("smtp.example.com", 587, "starttls")
    assert (server.sender, server.username, server.password) == ("care@example.com", "care", "secret")
    assert server.ca == ca.read_bytes()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"CARE_SMTP_SENDER": ""}, "CARE_SMTP_SENDER is missing"),
        ({"CARE_SMTP_SENDER": "Care"}, "CARE_SMTP_SENDER must be an email address"),
        ({"CARE_SMTP_SECURITY": "ssl"}, "CARE_SMTP_SECURITY input should be 'tls', 'starttls' or 'none'"),
        ({"CARE_SMTP_CA": "/nowhere/ca.pem"}, "CARE_SMTP_CA: /nowhere/ca.pem cannot be read"),
        (
            {"CARE_SMTP_SECURITY": "none", "CARE_SMTP_USERNAME": "care", "CARE_SMTP_PASSWORD": "secret"},
            "the password would go to smtp.example.com:587 unencrypted: set CARE_SMTP_SECURITY to tls or starttls",
        ),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, str], expected: str) -> None:
    with pytest.raises(environment.ConfigurationError) as mistake:
        load(**given)
    assert str(mistake.value).startswith(expected)
    assert "\n" not in str(mistake.value)
    assert "secret" not in str(mistake.value)


def test_a_login_without_encryption_is_allowed_only_to_this_machine() -> None:
    given = {"CARE_SMTP_ADDRESS": "127.0.0.1:25", "CARE_SMTP_SECURITY": "none", "CARE_SMTP_USERNAME": "care"}
    assert load(**given).smtp_server is not None
