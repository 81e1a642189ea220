"""A role reads its environment strictly. Errors are one line that names the variable and shows no secret."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import AfterValidator, SecretStr

from care_roles.environment import PREFIX, VARIABLES, ConfigurationError, RoleSettings, load, run
from care_roles.fields import Address, BaseUrl, Durations, ListenAddress, LogFormat

KEY = "0123456789abcdef"


def too_short(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < len(KEY):
        raise ValueError(f"must have {len(KEY)} characters")
    return key


class Settings(RoleSettings):
    token_key: Annotated[SecretStr, AfterValidator(too_short)]
    web_url: BaseUrl
    grpc_address: ListenAddress = Address("127.0.0.1", 50051)
    moderation_checks: Durations = ()
    log_format: LogFormat = "json"


GOOD = {"CARE_TOKEN_KEY": KEY, "CARE_WEB_URL": "http://127.0.0.1:8080"}


def refusal(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(Settings, environ)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None  # it would contain the values
    return str(caught.value)


def test_variables_set_the_fields_and_other_fields_keep_their_defaults() -> None:
    settings = load(Settings, GOOD | {"CARE_MODERATION_CHECKS": "1s,2s", "PATH": "/bin", "CARE_LOG_FORMAT": ""})
    assert settings.token_key.get_secret_value() == KEY
    assert [check.total_seconds() for check in settings.moderation_checks] == [1, 2]
    assert settings.grpc_address == Address("127.0.0.1", 50051)
    assert settings.log_format == "json"


def test_the_process_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert load(Settings).web_url == "http://127.0.0.1:8080"
    # A given environment completely replaces that of the process.
    assert "CARE_WEB_URL is missing" in refusal(CARE_TOKEN_KEY=KEY)


def test_variables_of_other_roles_are_ignored() -> None:
    assert load(Settings, GOOD | dict.fromkeys(VARIABLES.keys() - GOOD.keys(), "")).log_format == "json"


def test_unknown_name_is_refused_with_the_closest_known_one() -> None:
    message = refusal(**GOOD, CARE_WEBURL="http://x")
    assert message == "CARE_WEBURL is not a variable of Care: did you mean CARE_WEB_URL?"


def test_unknown_name_without_a_similar_one_is_refused_with_all_known_ones() -> None:
    message = refusal(**GOOD, CARE_XYZ="1")
    assert message.startswith("CARE_XYZ is not a variable of Care: ")
    assert all(name in message for name in VARIABLES)


def test_missing_variables_are_named_with_their_purpose_and_an_example() -> None:
    message = refusal()
    for name in ("CARE_TOKEN_KEY", "CARE_WEB_URL"):
        assert f"{name} is missing: set it to the {VARIABLES[name]}, such as {name}=" in message


def test_wrong_value_is_shown_with_what_to_write() -> None:
    message = refusal(**GOOD | {"CARE_GRPC_ADDRESS": "50051", "CARE_LOG_FORMAT": "xml"})
    assert "CARE_GRPC_ADDRESS must be host:port, such as 127.0.0.1:50051" in message
    assert "'50051'" in message
    assert "'json' or 'console'" in message


def test_secrets_are_never_shown() -> None:
    assert "hunter2" not in refusal(**GOOD | {"CARE_TOKEN_KEY": "hunter2"})
    assert "hunter2" not in refusal(**GOOD | {"CARE_WEB_URL": "http://care:hunter2@127.0.0.1"})


def test_configuration_error_ends_the_role_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        load(Settings, {})

    assert run(main, "serve") == 2
    assert capsys.readouterr().err.startswith("care serve: CARE_TOKEN_KEY is missing")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_gracefully(number: signal.Signals) -> None:
    stopped = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # a graceful stop may take some time
            stopped.append(True)

    assert run(main, "work") == 0
    assert stopped


def test_process_can_end_with_the_role() -> None:
    program = """
import atexit
from care_roles.environment import run
atexit.register(print, "torn down")
async def main():
    print("worked")
run(main, "work", ends_process=True)
print("returned")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "worked\n"


def test_other_exceptions_are_raised() -> None:
    async def main() -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run(main, "work")


def test_cancellation_without_a_signal_is_not_a_graceful_stop() -> None:
    async def main() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(main, "work")
