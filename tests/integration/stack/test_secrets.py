"""The development secrets of a home, and the tokens that are signed with them."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from care_dev.stack import secrets
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role, mint


def claims(home: Path, token: str) -> dict[str, object]:
    """Verifies a token as the service does, with the key in the file, and returns its claims."""
    key = json.loads((home / "secrets.json").read_text())["token_key"]
    return jwt.decode(token, base64.urlsafe_b64decode(key), algorithms=["HS256"], options={"require": ["exp", "iat"]})


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    secrets.load(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_the_keys_are_made_once_and_differ_between_homes(tmp_path: Path) -> None:
    first = secrets.load(tmp_path / "one")
    assert secrets.load(tmp_path / "one") == first
    other = secrets.load(tmp_path / "two")
    assert len({first.token_key, first.link_key, other.token_key, other.link_key}) == 4


def test_concurrent_first_calls_get_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(secrets.load, [tmp_path] * 64))) == 1


def test_the_keys_are_long_enough_and_in_the_form_of_the_settings(tmp_path: Path) -> None:
    made = secrets.load(tmp_path)
    assert len(base64.urlsafe_b64decode(made.token_key)) >= 32
    key_id, colon, key = made.link_keys.partition(":")
    assert key_id
    assert colon
    assert len(base64.urlsafe_b64decode(key)) >= 32


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"token_key": "short", "link_key": "short"}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(StackError, match=r"secrets\.json is damaged: delete it"):
        secrets.load(tmp_path)


@pytest.mark.parametrize(
    ("role", "roles"),
    [
        (Role.AGENT, ["agent"]),
        (Role.SUPERVISOR, ["agent", "supervisor"]),
        (Role.SERVICE, ["service"]),
        (Role.WORKER, ["worker"]),
    ],
)
def test_a_token_names_its_caller(tmp_path: Path, role: Role, roles: list[str]) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    found = claims(tmp_path, mint(tmp_path, "acme", "alice", role, "Alice"))
    assert found["sub"] == "alice"
    assert found["org"] == "acme"
    assert found["roles"] == roles
    assert found["name"] == "Alice"
    issued, expires = found["iat"], found["exp"]
    assert isinstance(issued, int)
    assert isinstance(expires, int)
    assert before.timestamp() <= issued <= datetime.now(UTC).timestamp()
    assert expires - issued == timedelta(days=30).total_seconds()


@pytest.mark.parametrize(("role", "subject"), [(Role.SERVICE, "care-service"), (Role.WORKER, "care-worker")])
def test_a_program_may_have_no_organization_and_has_a_default_name(tmp_path: Path, role: Role, subject: str) -> None:
    found = claims(tmp_path, mint(tmp_path, role=role))
    assert found["sub"] == subject
    assert "org" not in found


def test_a_token_can_name_the_service_that_calls_on_its_bearers_behalf(tmp_path: Path) -> None:
    assert "act" not in claims(tmp_path, mint(tmp_path, "acme", "alice"))
    found = claims(tmp_path, mint(tmp_path, "acme", "alice", acting_service="crm"))
    assert (found["sub"], found["act"]) == ("alice", {"sub": "crm"})


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR])
@pytest.mark.parametrize(("org", "agent", "missing"), [(None, "alice", "--org"), ("acme", None, "--agent")])
def test_a_person_has_an_organization_and_an_id(
    tmp_path: Path, role: Role, org: str | None, agent: str | None, missing: str
) -> None:
    with pytest.raises(StackError, match=f"add {missing}"):
        mint(tmp_path, org, agent, role)


def test_a_resource_name_is_not_an_id(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="--org organizations/acme: give the bare id"):
        mint(tmp_path, "organizations/acme", "alice")


def test_care_token_prints_the_token_and_nothing_else_before_any_care_up(tmp_path: Path) -> None:
    home = tmp_path / "new"
    bob = ("--org", "acme", "--agent", "bob", "--acting-service", "crm")
    command = [sys.executable, "-m", "care_cli", "token", "--home", str(home), *bob]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert (claims(home, line)["sub"], claims(home, line)["act"]) == ("bob", {"sub": "crm"})


def test_care_token_says_what_is_missing_on_stderr(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "care_cli", "token", "--home", str(tmp_path), "--agent", "bob"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "--org acme" in line
