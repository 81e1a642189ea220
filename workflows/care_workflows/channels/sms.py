"""The adapter for SMS, over HTTP to a provider with Twilio's Messages API (version 2010-04-01).

https://www.twilio.com/docs/messaging/api/message-resource
"""

import re
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt
from care_workflows.channels.provider_http import DEFAULT_DEADLINE, ProviderClient, ProviderResponse
from care_workflows.channels.sms_text import fit_sms
from care_workflows.channels.twilio_errors import FAILURES, LOGIN_REFUSED, TEMPORARY
from care_workflows.resource_names import last_segment, parse_message

_DELIVERED: Final = frozenset({"delivered", "read"})
_NOT_DELIVERED: Final = frozenset({"undelivered", "failed", "canceled"})
_MESSAGING_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_ACCOUNT_STATUSES: Final = frozenset({httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND})
_MAX_SID_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class SmsAccount:
    """Our account at the provider, and the sender of the messages."""

    url: str
    """Base URL of the provider, without a trailing slash."""
    account: str
    """The account's SID, which is also the user name of the login."""
    auth_token: str = field(repr=False)
    sender: str
    """A phone number in E.164, a short code, an alphanumeric sender, or the SID of a messaging service (MG…)."""
    callback_url: str = ""
    """Public base URL of the listener for callbacks (``care_workflows.sms_callbacks``); empty for no callbacks."""


class TwilioSms:
    """Sends by one request per message; an implementation of ``Messenger``.

    The Messages API has no idempotency keys. If the provider accepted a message but its response was lost, or the
    worker crashed before it recorded the outcome, the next attempt sends the message again. Then the customer gets it
    twice, while the chat's page shows it once. A failure has this effect only between the end of the request and the
    record of the outcome: during one response and one call of the service, which together take at most
    ``activity_options.ATTEMPT_DEADLINE``.
    """

    def __init__(self, account: SmsAccount, deadline: float = DEFAULT_DEADLINE) -> None:
        """``deadline`` is in seconds, per call."""
        self._account = account
        self._messages = f"{account.url}/2010-04-01/Accounts/{quote(account.account, safe='')}/Messages"
        self._http = ProviderClient(deadline, auth=(account.account, account.auth_token))

    async def __aenter__(self) -> Self:
        """Returns the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, message: OutgoingMessage) -> Receipt:
        """Hands the message to the provider; see ``Messenger.send``."""
        response = await self._http.request("POST", f"{self._messages}.json", form=self._form(message))
        if not response.is_success:
            raise _error(response)
        return _receipt(response)

    async def check(self, provider_id: str) -> Receipt:
        """Asks how far the message got; see ``Messenger.check``.

        If the provider refuses this request, the message counts as sent. A provider keeps messages for a limited
        time. A message that the provider no longer has is not checked again.
        """
        response = await self._http.request("GET", f"{self._messages}/{quote(provider_id, safe='')}.json")
        if not response.is_success:
            return Receipt(Progress.SENT, provider_id, can_be_checked=response.status != httpx.codes.NOT_FOUND)
        return _receipt(response)

    def _form(self, message: OutgoingMessage) -> dict[str, str]:
        account = self._account
        is_service = _MESSAGING_SERVICE.fullmatch(account.sender)
        form = {
            "To": message.address,
            "MessagingServiceSid" if is_service else "From": account.sender,
            "Body": fit_sms(message.text, message.chat_link),
        }
        if account.callback_url:
            form["StatusCallback"] = callback_url(account.callback_url, message.message)
        return form


def callback_url(base_url: str, message: str) -> str:
    """Returns the callback URL of ``message``, a resource name: ``…/sms/{organization}/{ticket}/{id}``."""
    ticket = parse_message(message)
    parts = (ticket.organization, ticket.number, last_segment(message))
    return f"{base_url}/sms/{'/'.join(quote(part, safe='') for part in parts)}"


def _receipt(response: ProviderResponse) -> Receipt:
    """Converts the provider's message resource to a receipt.

    Raises ``MessageRefused`` if the message did not arrive, and ``MessengerUnavailable`` if the resource has no valid
    SID.
    """
    sid, status = response.text("sid"), response.text("status")
    if not 0 < len(sid) <= _MAX_SID_LENGTH or not sid.isprintable():
        raise MessengerUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    if status in _DELIVERED:
        return Receipt(Progress.DELIVERED, sid)
    if status in _NOT_DELIVERED:
        code = _code(response, "error_code")
        reason = FAILURES.get(code, DeliveryFailure.BOUNCED)
        raise MessageRefused(reason, _explanation(code, response.text("error_message")))
    # Queued, accepted, scheduled, sending, sent, or a status that is newer than this code.
    return Receipt(Progress.SENT, sid, can_be_checked=True)


def _error(response: ProviderResponse) -> MessageRefused | MessengerUnavailable:
    """Returns the exception for a response with a client error."""
    code = _code(response, "code")
    if code in TEMPORARY:
        return MessengerUnavailable(UnavailableReason.RATE_LIMITED)
    if code == LOGIN_REFUSED or (response.status == httpx.codes.UNAUTHORIZED and code not in FAILURES):
        return MessengerUnavailable(UnavailableReason.LOGIN_REFUSED)
    default = DeliveryFailure.NOT_PERMITTED if response.status in _ACCOUNT_STATUSES else DeliveryFailure.OTHER
    return MessageRefused(FAILURES.get(code, default), _explanation(code, response.text("message")))


def _code(response: ProviderResponse, name: str) -> int:
    """Returns the error code in the field ``name``; 0 if there is none."""
    code = (response.fields or {}).get(name)
    return code if isinstance(code, int) else 0


def _explanation(code: int, text: str) -> str:
    return f"{code}: {text}" if code else text
