"""`care keys` and `care token` with a key from the environment."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from care_cli.app import app
from care_cli.keys import WORKER_TOKEN_LIFETIME
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role, mint, sign
from tests.support.compose import fresh_variables


def test_the_workers_token_is_signed_with_the_key_beside_it() -> None:
    variables = fresh_variables()
    key = base64.urlsafe_b64decode(variables["CARE_TOKEN_KEY"])
    claims = jwt.decode(variables["CARE_TOKEN"], key, algorithms=["HS256"])
    assert claims["roles"] == ["worker"]
    left = datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC)
    assert timedelta(days=364) < left <= WORKER_TOKEN_LIFETIME


def test_a_token_is_signed_with_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    key = fresh_variables()["CARE_TOKEN_KEY"]
    monkeypatch.setenv("CARE_TOKEN_KEY", key)
    done = CliRunner().invoke(app, ["token", "--org", "acme", "--agent", "alice"])
    claims = jwt.decode(done.stdout.strip(), base64.urlsafe_b64decode(key), algorithms=["HS256"])
    assert (claims["sub"], claims["org"], claims["roles"]) == ("alice", "acme", ["agent"])


def test_a_given_folder_takes_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = fresh_variables()["CARE_TOKEN_KEY"]
    monkeypatch.setenv("CARE_TOKEN_KEY", key)
    done = CliRunner().invoke(app, ["token", "--role", "worker", "--home", str(tmp_path)])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(done.stdout.strip(), base64.urlsafe_b64decode(key), algorithms=["HS256"])
    mine = mint(tmp_path, role=Role.WORKER)
    assert mine.partition(".")[0] == done.stdout.partition(".")[0]


@pytest.mark.parametrize("key", ["short", "ä" * 64, ""])
def test_a_key_that_the_service_would_refuse_is_refused(key: str) -> None:
    with pytest.raises(StackError, match="CARE_TOKEN_KEY must be base64url of at least 32 bytes"):
        sign(key, role=Role.WORKER)
