"""The worker's variables for SMS and the webhook: a channel is configured completely, and only in one way."""

from base64 import b64encode
from collections.abc import Mapping

import pytest

from care_roles.environment import ConfigurationError, load
from care_roles.fields import Address
from care_workflows.channels.sms import SmsAccount
from care_workflows.channels.webhook import WebhookEndpoint
from care_workflows.worker import WorkerSettings

TOKEN = {"CARE_TOKEN": "the-workers-token"}
AUTH_TOKEN = "the-accounts-auth-token"
SMS = {
    "CARE_SMS_URL": "https://api.twilio.com/",
    "CARE_SMS_ACCOUNT": "AC1",
    "CARE_SMS_AUTH_TOKEN": AUTH_TOKEN,
    "CARE_SMS_SENDER": "+15005550006",
}
CALLBACKS = {"CARE_SMS_CALLBACK_URL": "https://news.example/", "CARE_SMS_CALLBACK_ADDRESS": "127.0.0.1:8081"}
SECRET = f"whsec_{b64encode(b'the first secret of a webhook').decode()}"
NEXT_SECRET = f"whsec_{b64encode(b'the other secret of a webhook').decode()}"
WEBHOOK_URL = "https://example.com/hook/?key=secret-in-the-query"
WEBHOOK = {
    "CARE_WEBHOOK_URL": WEBHOOK_URL,
    "CARE_WEBHOOK_SECRETS": SECRET,
    "CARE_WEBHOOK_CHANNELS": "SMS",
}
SMTP = {"CARE_SMTP_ADDRESS": "smtp.example.com:587", "CARE_SMTP_SENDER": "care@example.com"}


def settings(*variables: Mapping[str, str]) -> WorkerSettings:
    environ = dict(TOKEN)
    for some in variables:
        environ |= some
    return load(WorkerSettings, environ)


def error_of(*variables: Mapping[str, str]) -> str:
    """Returns the error for these variables: one line that shows no secret."""
    with pytest.raises(ConfigurationError) as error:
        settings(*variables)
    line = str(error.value)
    assert "\n" not in line
    assert [secret for secret in (AUTH_TOKEN, SECRET, NEXT_SECRET, "secret-in-the-query") if secret in line] == []
    return line


def without(variables: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in variables.items() if other != name}


def test_no_channel_is_configured_by_default() -> None:
    none = settings()
    assert (none.sms, none.sms_callback_address, none.webhook) == (None, None, None)


def test_sms() -> None:
    assert settings(SMS).sms == SmsAccount("https://api.twilio.com", "AC1", AUTH_TOKEN, "+15005550006")


def test_sms_with_callbacks() -> None:
    found = settings(SMS, CALLBACKS)
    assert found.sms
    assert found.sms.callback_url == "https://news.example"
    assert found.sms_callback_address == Address("127.0.0.1", 8081)


def test_webhook() -> None:
    found = settings(WEBHOOK | {"CARE_WEBHOOK_SECRETS": f"{SECRET}, {NEXT_SECRET}"})
    assert found.webhook == WebhookEndpoint(WEBHOOK_URL, [SECRET, NEXT_SECRET])
    assert found.webhook_channels == ("SMS",)


@pytest.mark.parametrize("missing", SMS)
def test_sms_needs_all_of_its_account(missing: str) -> None:
    assert error_of(without(SMS, missing)).startswith(f"{missing} is missing: set it to ")
    assert error_of(without(SMS, missing), CALLBACKS).startswith(f"{missing} is missing: set it to ")


@pytest.mark.parametrize("missing", CALLBACKS)
def test_callbacks_need_a_public_and_an_internal_address(missing: str) -> None:
    assert error_of(SMS, without(CALLBACKS, missing)).startswith(f"{missing} is missing: set it to ")


@pytest.mark.parametrize("missing", WEBHOOK)
def test_the_webhook_needs_all_of_its_variables(missing: str) -> None:
    assert error_of(without(WEBHOOK, missing)).startswith(f"{missing} is missing: set it to ")


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("CARE_SMS_URL", "api.twilio.com", "http"),
        ("CARE_SMS_URL", "http://api.twilio.com", "must be https"),
        ("CARE_SMS_CALLBACK_URL", "https://news.example/?a=b", "no user, password, query"),
        ("CARE_SMS_CALLBACK_ADDRESS", "8081", "host:port"),
        ("CARE_WEBHOOK_URL", "example.com/hook?key=secret-in-the-query", "http"),
        ("CARE_WEBHOOK_URL", "http://example.com/?key=secret-in-the-query", "must be https"),
        ("CARE_WEBHOOK_SECRETS", SECRET.removeprefix("whsec_"), "whsec_"),
        ("CARE_WEBHOOK_SECRETS", "whsec_c2hvcnQ=", "24 to 64"),
        ("CARE_WEBHOOK_SECRETS", f"whsec_{b64encode(b'x' * 65).decode()}", "24 to 64"),
        ("CARE_WEBHOOK_SECRETS", f"{SECRET},{NEXT_SECRET}é", "base64"),
        ("CARE_WEBHOOK_SECRETS", f"{SECRET},", "separated by commas"),
        ("CARE_WEBHOOK_CHANNELS", "FAX", "EMAIL, SMS"),
        ("CARE_WEBHOOK_CHANNELS", "sms", "EMAIL, SMS"),
        ("CARE_WEBHOOK_CHANNELS", "SMS,SMS", "EMAIL, SMS"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write(name: str, value: str, advice: str) -> None:
    channel = WEBHOOK if name in WEBHOOK else SMS | CALLBACKS
    line = error_of(channel | {name: value})
    assert line.startswith(name)
    assert advice in line


def test_plain_http_is_allowed_only_on_this_machine() -> None:
    found = settings(SMS | {"CARE_SMS_URL": "http://127.0.0.1:8000"})
    assert found.sms
    assert found.sms.url == "http://127.0.0.1:8000"
    found = settings(WEBHOOK | {"CARE_WEBHOOK_URL": "http://localhost/hook"})
    assert found.webhook
    assert found.webhook.url == "http://localhost/hook"


def test_a_channel_cannot_be_configured_twice() -> None:
    assert "CARE_WEBHOOK_CHANNELS has SMS, which CARE_SMS_URL serves" in error_of(SMS, WEBHOOK)
    both = WEBHOOK | {"CARE_WEBHOOK_CHANNELS": "EMAIL,SMS"}
    assert "CARE_WEBHOOK_CHANNELS has EMAIL, which CARE_SMTP_ADDRESS serves" in error_of(SMTP, both)
    assert settings(SMTP, WEBHOOK).webhook_channels == ("SMS",)
    assert settings(SMS, WEBHOOK | {"CARE_WEBHOOK_CHANNELS": "EMAIL"}).webhook_channels == ("EMAIL",)
    assert settings(both).webhook_channels == ("EMAIL", "SMS")


def test_no_secret_is_shown() -> None:
    shown = repr(settings(SMS, CALLBACKS, WEBHOOK | {"CARE_WEBHOOK_CHANNELS": "EMAIL"}))
    assert [secret for secret in (AUTH_TOKEN, SECRET, "secret-in-the-query") if secret in shown] == []
