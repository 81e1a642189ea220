"""The adapter for SMS, over HTTP to a provider that speaks Twilio's Messages API (version 2010-04-01).

https://www.twilio.com/docs/messaging/api/message-resource
"""

import re
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.exchange import DEFAULT_DEADLINE, Answer, ProviderHttp
from care_workflows.channels.messenger import Outgoing, Progress, Receipt
from care_workflows.channels.sms_codes import FAILURES, LOGIN_REFUSED, PASSING
from care_workflows.channels.sms_text import fit
from care_workflows.names import last_segment, parse_message

_DELIVERED: Final = frozenset({"delivered", "read"})
_NOT_DELIVERED: Final = frozenset({"undelivered", "failed", "canceled"})
_MESSAGING_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_OF_THE_ACCOUNT: Final = frozenset({httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND})
_LONGEST_SID: Final = 200


@dataclass(frozen=True, slots=True)
class SmsAccount:
    """Who sends SMS for us, and whom they are from."""

    url: str
    """Base URL of the provider, without a slash at its end."""
    account: str
    """The account's SID, which is also the user name."""
    auth_token: str = field(repr=False)
    sender: str
    """A phone number in E.164, a short code, an alphanumeric sender, or the SID of a messaging service (MG…)."""
    callback_url: str = ""
    """Public base URL of our own listener for news of a message (see ``care_workflows.callbacks``); empty for none."""


class TwilioSms:
    """Sends by one request per message; an implementation of ``Messenger``.

    The Messages API knows no idempotency key. Where the provider took a message and its answer was lost, or the worker
    died before the outcome was recorded, the next attempt sends the message again, and the customer gets it twice; the
    chat's page has it once. The window is the time from the end of the request to the recorded outcome: one answer and
    one call of the service, and at most the attempt's deadline (``steps.ATTEMPT_DEADLINE``).
    """

    def __init__(self, account: SmsAccount, deadline: float = DEFAULT_DEADLINE) -> None:
        """Point at ``account``; opens no connection yet. ``deadline`` is in seconds, per call."""
        self._account = account
        self._messages = f"{account.url}/2010-04-01/Accounts/{quote(account.account, safe='')}/Messages"
        self._http = ProviderHttp(deadline, auth=(account.account, account.auth_token))

    async def __aenter__(self) -> Self:
        """Return the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the provider; see ``Messenger.send``."""
        answer = await self._http.exchange("POST", f"{self._messages}.json", form=self._form(message))
        if not answer.is_success:
            raise _refusal(answer)
        return _receipt(answer)

    async def check(self, provider_id: str) -> Receipt:
        """Ask how far the message got; see ``Messenger.check``.

        A refusal to tell says nothing of the message, so it is not one of the message. One that the provider does not
        know any more, as it keeps them for a time only, is not worth another question.
        """
        answer = await self._http.exchange("GET", f"{self._messages}/{quote(provider_id, safe='')}.json")
        if not answer.is_success:
            return Receipt(Progress.SENT, provider_id, can_be_checked=answer.status != httpx.codes.NOT_FOUND)
        return _receipt(answer)

    def _form(self, message: Outgoing) -> dict[str, str]:
        account = self._account
        is_service = _MESSAGING_SERVICE.fullmatch(account.sender)
        form = {
            "To": message.address,
            "MessagingServiceSid" if is_service else "From": account.sender,
            "Body": fit(message.text, message.chat_link),
        }
        if account.callback_url:
            form["StatusCallback"] = callback_url(account.callback_url, message.message)
        return form


def callback_url(base_url: str, message: str) -> str:
    """Return where the provider tells news of ``message``, a resource name: ``…/sms/{organization}/{ticket}/{id}``."""
    name = parse_message(message)
    parts = (name.organization, name.ticket, last_segment(message))
    return f"{base_url}/sms/{'/'.join(quote(part, safe='') for part in parts)}"


def _receipt(answer: Answer) -> Receipt:
    """Return what a message resource says; one that did not arrive is raised as ``MessageRefused``."""
    sid, status = answer.text("sid"), answer.text("status")
    if not 0 < len(sid) <= _LONGEST_SID or not sid.isprintable():
        raise MessengerUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
    if status in _DELIVERED:
        return Receipt(Progress.DELIVERED, sid)
    if status in _NOT_DELIVERED:
        code = _code(answer, "error_code")
        raise MessageRefused(FAILURES.get(code, DeliveryFailure.BOUNCED), _words(code, answer.text("error_message")))
    # Queued, accepted, scheduled, sending, sent, or a status that is newer than this code.
    return Receipt(Progress.SENT, sid, can_be_checked=True)


def _refusal(answer: Answer) -> MessageRefused | MessengerUnavailable:
    code = _code(answer, "code")
    if code in PASSING:
        return MessengerUnavailable(UnavailableReason.RATE_LIMITED)
    if code == LOGIN_REFUSED or (answer.status == httpx.codes.UNAUTHORIZED and code not in FAILURES):
        return MessengerUnavailable(UnavailableReason.LOGIN_REFUSED)
    otherwise = DeliveryFailure.NOT_PERMITTED if answer.status in _OF_THE_ACCOUNT else DeliveryFailure.OTHER
    return MessageRefused(FAILURES.get(code, otherwise), _words(code, answer.text("message")))


def _code(answer: Answer, name: str) -> int:
    """Return an error code; 0 where there is none."""
    code = (answer.fields or {}).get(name)
    return code if isinstance(code, int) else 0


def _words(code: int, words: str) -> str:
    return f"{code}: {words}" if code else words
