"""The environment variables of `care work` for messages to customers: SMTP, SMS and a signed webhook."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, model_validator

from care_client.channel import is_local
from care_client.tls import Tls
from care_roles import environment
from care_roles.environment import RoleSettings
from care_roles.fields import Address, BaseUrl, EndpointUrl, ListenAddress, ServiceAddress
from care_workflows.channels.email_message import parse_email_address
from care_workflows.channels.sms import SmsAccount
from care_workflows.channels.smtp import SmtpServer
from care_workflows.channels.webhook import WebhookEndpoint

CHANNELS: Final = {"EMAIL": "CARE_SMTP_ADDRESS", "SMS": "CARE_SMS_URL"}
"""The values of the contract's ``Channel``, each with the variable that configures Care's own adapter for it."""

_SECRET_BYTES: Final = range(24, 65)


def _parse_webhook_secrets(value: object) -> object:
    """Parses ``whsec_…,whsec_…``; raises ValueError, whose message does not contain the value."""
    if not isinstance(value, str):
        return value
    secrets = [part.strip() for part in value.split(",")]
    if not all(_is_webhook_secret(secret) for secret in secrets):
        raise ValueError("must be whsec_ and the base64 of 24 to 64 random bytes; several are separated by commas")
    return secrets


def _is_webhook_secret(text: str) -> bool:
    try:
        key = b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith("whsec_") and len(key) in _SECRET_BYTES


def _parse_channels(value: object) -> object:
    """Parses ``EMAIL,SMS``; raises ValueError."""
    if not isinstance(value, str):
        return value
    channels = [part.strip() for part in value.split(",")]
    if not set(channels) <= set(CHANNELS) or len(set(channels)) < len(channels):
        raise ValueError(f"must be one or more of {', '.join(CHANNELS)}, separated by commas")
    return channels


class SmtpSettings(RoleSettings):
    """The variables of the server that sends our emails."""

    smtp_address: ServiceAddress | None = None
    """host:port of the server; None for no email by SMTP."""
    smtp_security: Literal["tls", "starttls", "none"] = "starttls"
    smtp_ca: Path | None = None
    """PEM file of the certificate authorities to trust; None for the machine's own."""
    smtp_sender: str = ""
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")

    _smtp_ca: bytes | None = PrivateAttr(None)

    @property
    def smtp_server(self) -> SmtpServer | None:
        """The server; None if none is configured."""
        if self.smtp_address is None:
            return None
        return SmtpServer(
            host=self.smtp_address.host,
            port=self.smtp_address.port,
            sender=self.smtp_sender,
            security=self.smtp_security,
            ca=self._smtp_ca,
            username=self.smtp_username,
            password=self.smtp_password.get_secret_value(),
        )

    @model_validator(mode="after")
    def _require_sender(self) -> Self:
        if self.smtp_address is not None and not self.smtp_sender:
            raise ValueError(environment.missing("CARE_SMTP_SENDER"))
        if self.smtp_sender:
            try:
                parse_email_address(self.smtp_sender)
            except ValueError as error:
                raise ValueError(f"CARE_SMTP_SENDER {error}") from None
        return self

    @model_validator(mode="after")
    def _load_smtp_ca(self) -> Self:
        if self.smtp_ca is not None:
            try:
                self._smtp_ca = Tls.load(self.smtp_ca).ca
            except ValueError as error:
                raise ValueError(f"CARE_SMTP_CA: {error}") from None
        return self

    @model_validator(mode="after")
    def _keep_password_secret(self) -> Self:
        is_plain = self.smtp_security == "none" and bool(self.smtp_username)
        if self.smtp_address is not None and is_plain and not is_local(str(self.smtp_address)):
            raise ValueError(
                f"the password would go to {self.smtp_address} unencrypted: set CARE_SMTP_SECURITY to tls or starttls"
            )
        return self


class SmsSettings(RoleSettings):
    """The variables of the account that sends our SMS. Set all variables of the account, or none.

    The two variables for callbacks are optional, but belong together.
    """

    sms_url: BaseUrl | None = None
    """Base URL of a provider with Twilio's Messages API."""
    sms_account: str = ""
    sms_auth_token: SecretStr = SecretStr("")
    sms_sender: str = ""
    sms_callback_url: BaseUrl | None = None
    """Public base URL that leads to ``sms_callback_address``."""
    sms_callback_address: ListenAddress | None = None

    @property
    def sms(self) -> SmsAccount | None:
        """The account; None if none is configured."""
        if self.sms_url is None:
            return None
        return SmsAccount(
            url=self.sms_url,
            account=self.sms_account,
            auth_token=self.sms_auth_token.get_secret_value(),
            sender=self.sms_sender,
            callback_url=self.sms_callback_url or "",
        )

    @model_validator(mode="after")
    def _require_all_of_sms(self) -> Self:
        account: dict[str, object] = {
            "CARE_SMS_URL": self.sms_url,
            "CARE_SMS_ACCOUNT": self.sms_account,
            "CARE_SMS_AUTH_TOKEN": self.sms_auth_token.get_secret_value(),
            "CARE_SMS_SENDER": self.sms_sender,
        }
        callbacks: dict[str, object] = {
            "CARE_SMS_CALLBACK_URL": self.sms_callback_url,
            "CARE_SMS_CALLBACK_ADDRESS": self.sms_callback_address,
        }
        if any(callbacks.values()):
            _require_all(callbacks | account)
        elif any(account.values()):
            _require_all(account)
        _require_encryption("CARE_SMS_URL", self.sms_url)
        return self


class WebhookSettings(RoleSettings):
    """The variables of the signed webhook that receives messages. Set all of them, or none."""

    webhook_url: EndpointUrl | None = Field(None, repr=False)
    webhook_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(_parse_webhook_secrets)] = ()
    """Each secret signs every request. There are several while the receiver changes its secret."""
    webhook_channels: Annotated[tuple[str, ...], BeforeValidator(_parse_channels)] = ()

    @property
    def webhook(self) -> WebhookEndpoint | None:
        """The endpoint; None if none is configured."""
        if self.webhook_url is None:
            return None
        return WebhookEndpoint(self.webhook_url, [secret.get_secret_value() for secret in self.webhook_secrets])

    @model_validator(mode="after")
    def _require_all_of_webhook(self) -> Self:
        webhook = {
            "CARE_WEBHOOK_URL": self.webhook_url,
            "CARE_WEBHOOK_SECRETS": self.webhook_secrets,
            "CARE_WEBHOOK_CHANNELS": self.webhook_channels,
        }
        if any(webhook.values()):
            _require_all(webhook)
        _require_encryption("CARE_WEBHOOK_URL", self.webhook_url)
        return self


class MessengerSettings(SmtpSettings, SmsSettings, WebhookSettings):
    """The variables of all messengers. Each channel has at most one messenger."""

    @model_validator(mode="after")
    def _require_one_messenger_per_channel(self) -> Self:
        adapters = {"EMAIL": self.smtp_address, "SMS": self.sms_url}
        for channel in self.webhook_channels:
            if adapters[channel]:
                raise ValueError(
                    f"CARE_WEBHOOK_CHANNELS has {channel}, which {CHANNELS[channel]} serves: remove one of the two"
                )
        return self


def _require_all(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if not value:
            raise ValueError(environment.missing(name))


def _require_encryption(name: str, url: str | None) -> None:
    parts = urlsplit(url or "")
    port = parts.port or 80
    if parts.scheme == "http" and not is_local(str(Address(parts.hostname or "", port))):
        raise ValueError(f"{name} must be https: customer data would leave this machine unencrypted")
