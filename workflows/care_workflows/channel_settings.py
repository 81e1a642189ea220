"""What the role `care work` reads from the environment about its channels: Google, email, SMS, a webhook."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings

from care_client.channel import is_local
from care_client.tls import Tls
from care_roles import environment
from care_roles.fields import Address, BaseUrl, EndpointUrl, ListenAddress, ServiceAddress
from care_workflows.channels.email_composing import parse_mailbox
from care_workflows.channels.google_account import GoogleAccount
from care_workflows.channels.google_business import DEFAULT_DEADLINE, PUBLIC_URL, GoogleBusiness
from care_workflows.channels.sms import SmsAccount
from care_workflows.channels.smtp import SmtpServer
from care_workflows.channels.webhook import WebhookEndpoint

CHANNELS: Final = ("EMAIL", "SMS")
"""The bare words of the contract's ``Channel``."""

_SECRET_BYTES: Final = range(24, 65)


def _webhook_secrets(value: object) -> object:
    """Read ``whsec_…,whsec_…``; raises ValueError, which does not show it."""
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


def _channels(value: object) -> object:
    """Read ``EMAIL,SMS``; raises ValueError."""
    if not isinstance(value, str):
        return value
    channels = [part.strip() for part in value.split(",")]
    if not set(channels) <= set(CHANNELS) or len(set(channels)) < len(channels):
        raise ValueError("must be EMAIL, SMS, or both with a comma between")
    return channels


class GoogleSettings(BaseSettings):
    """Replies to reviews at Google Business Profile."""

    google_credentials_file: Path | None = None
    """The key of the service account that replies."""
    google_url: BaseUrl = PUBLIC_URL
    google_overwrite: bool = False
    """Whether replies that we did not write are replaced."""

    _google_account: GoogleAccount | None = PrivateAttr(None)

    @property
    def google(self) -> GoogleBusiness | None:
        """The adapter; None where no service account is configured. To be asked for once."""
        if self._google_account is None:
            return None
        return GoogleBusiness(self._google_account, self.google_url, overwrite=self.google_overwrite)

    @model_validator(mode="after")
    def _load_google_account(self) -> Self:
        if self.google_credentials_file is None:
            return self
        url = urlsplit(self.google_url)
        if url.scheme != "https" and not is_local(f"{url.hostname}:0"):
            raise ValueError(f"CARE_GOOGLE_URL: tokens would go to {self.google_url} unencrypted: give an https URL")
        try:
            self._google_account = GoogleAccount.load(self.google_credentials_file, DEFAULT_DEADLINE)
        except ValueError as error:
            raise ValueError(f"CARE_GOOGLE_CREDENTIALS_FILE: {error}") from None
        return self


class SmtpSettings(BaseSettings):
    """Which server sends email for us."""

    smtp_address: ServiceAddress | None = None
    """host:port of the server that sends email for us."""
    smtp_security: Literal["tls", "starttls", "none"] = "starttls"
    smtp_ca: Path | None = None
    """PEM file of the authorities that vouch for it; without it those that the machine trusts."""
    smtp_sender: str = ""
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")

    _smtp_ca: bytes | None = PrivateAttr(None)

    @property
    def smtp_server(self) -> SmtpServer | None:
        """Where email goes to; None where none is configured."""
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
                parse_mailbox(self.smtp_sender)
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


class SmsSettings(BaseSettings):
    """Who sends SMS for us; all of it together, or none."""

    sms_url: BaseUrl | None = None
    """Base URL of a provider that speaks Twilio's Messages API."""
    sms_account: str = ""
    sms_auth_token: SecretStr = SecretStr("")
    sms_sender: str = ""
    sms_callback_url: BaseUrl | None = None
    """Public base URL behind which ``sms_callback_address`` listens."""
    sms_callback_address: ListenAddress | None = None

    @property
    def sms(self) -> SmsAccount | None:
        """Who sends SMS; None where nobody is configured."""
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
            _require(callbacks | account)
        elif any(account.values()):
            _require(account)
        _require_encryption("CARE_SMS_URL", self.sms_url)
        return self


class WebhookSettings(BaseSettings):
    """Who takes messages by a signed webhook, and of which channels; all of it together, or none."""

    webhook_url: EndpointUrl | None = Field(None, repr=False)
    webhook_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(_webhook_secrets)] = ()
    """Each signs; more than one while the receiver changes from one to another."""
    webhook_channels: Annotated[tuple[str, ...], BeforeValidator(_channels)] = ()

    @property
    def webhook(self) -> WebhookEndpoint | None:
        """Who takes the messages; None where nobody is configured."""
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
            _require(webhook)
        _require_encryption("CARE_WEBHOOK_URL", self.webhook_url)
        return self


def require_one_way(channels: Iterable[str], served: Mapping[str, str]) -> None:
    """Raise ValueError where the webhook is to serve one of ``channels`` that a variable in ``served`` serves, too."""
    for channel in channels:
        if channel in served:
            raise ValueError(
                f"CARE_WEBHOOK_CHANNELS has {channel}, which {served[channel]} serves: take one of the two away"
            )


def _require(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if not value:
            raise ValueError(environment.missing(name))


def _require_encryption(name: str, url: str | None) -> None:
    parts = urlsplit(url or "")
    port = parts.port or 80
    if parts.scheme == "http" and not is_local(str(Address(parts.hostname or "", port))):
        raise ValueError(f"{name} must be https: what is the customer's would leave this machine unencrypted")
