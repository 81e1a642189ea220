"""Each role gets the variables that it needs, and none of the developer's that are for other programs."""

from __future__ import annotations

import os
from pathlib import Path

import jwt
import pytest

from care_dev.stack import environment, secrets
from care_dev.stack.errors import StackError
from care_dev.stack.ports import Ports
from care_dev.stack.processes import inherited_environment
from care_roles.environment import load
from care_workflows.worker import WorkerSettings

DATABASE = "postgresql://care@/care?host=/somewhere"


def test_the_roles_find_each_other(tmp_path: Path) -> None:
    roles = environment.settings(tmp_path, Ports.plan(20000), DATABASE)
    assert roles["serve"]["CARE_DATABASE_URL"] == DATABASE
    assert roles["serve"]["CARE_GRPC_ADDRESS"] == roles["work"]["CARE_SERVICE_ADDRESS"] == "127.0.0.1:20000"
    assert roles["web"]["CARE_SERVICE_ADDRESS"] == "127.0.0.1:20000"
    assert roles["serve"]["CARE_WEB_URL"] == f"http://{roles['web']['CARE_WEB_ADDRESS']}" == "http://127.0.0.1:20001"
    assert roles["serve"]["TEMPORAL_ADDRESS"] == roles["work"]["TEMPORAL_ADDRESS"] == "127.0.0.1:20002"
    assert roles["work"]["CARE_REVIEW_SITE_URL"] == "http://127.0.0.1:20004"
    assert roles["work"]["CARE_SMTP_ADDRESS"] == "127.0.0.1:20009"
    environment_of_worker = {name: value for name, value in roles["work"].items() if name.startswith("CARE_")}
    assert load(WorkerSettings, environment_of_worker).smtp_server is not None


def test_only_the_service_gets_keys_and_database_and_the_worker_its_token(tmp_path: Path) -> None:
    roles = environment.settings(tmp_path, Ports.plan(20000), DATABASE)
    own = {"CARE_DATABASE_URL", "CARE_TOKEN_KEY", "CARE_LINK_KEYS"}
    assert own <= roles["serve"].keys()
    assert not own & (roles["work"].keys() | roles["web"].keys() | roles["review-site"].keys())
    key = secrets.load(tmp_path).token_key_bytes
    assert jwt.decode(roles["work"]["CARE_TOKEN"], key, algorithms=["HS256"])["roles"] == ["worker"]


def test_variables_of_the_developer_are_passed_to_the_roles_that_accept_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARE_MODERATION_CHECKS", "1s")
    monkeypatch.setenv("CARE_DATABASE_URL", "postgresql://production")
    roles = environment.settings(tmp_path, Ports.plan(20000), DATABASE)
    assert roles["serve"]["CARE_MODERATION_CHECKS"] == "1s"
    assert "CARE_MODERATION_CHECKS" not in roles["work"]
    assert roles["serve"]["CARE_DATABASE_URL"] == DATABASE


@pytest.mark.parametrize("name", ["CARE_TOKEN", "TEMPORAL_ADDRESS", "TEMPORAL_API_KEY", "PGPORT", "PGHOST"])
def test_other_variables_are_not_inherited(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "elsewhere")
    inherited = inherited_environment()
    assert name not in inherited
    assert inherited["PATH"] == os.environ["PATH"]


def test_a_misspelled_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.require_known()
    monkeypatch.setenv("CARE_MODERATION_CHEKS", "1s")
    with pytest.raises(StackError, match=r"CARE_MODERATION_CHEKS is not a variable of Care: .*CARE_MODERATION_CHECKS"):
        environment.require_known()


def test_a_stack_is_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_ENVIRONMENT", "development")
    environment.require_known()
    monkeypatch.setenv("CARE_ENVIRONMENT", "production")
    with pytest.raises(StackError, match="CARE_ENVIRONMENT: a stack is for development: unset it"):
        environment.require_known()
