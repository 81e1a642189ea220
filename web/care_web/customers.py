"""What the form's pages ask of the service: to read a form and to submit to it, and how each of these can fail."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from care.v1 import customer_service_pb2 as pb
from care_client.errors import CareError
from care_roles.logs import get_logger
from care_web.failures import DEFAULT_WAIT, TryLater, reading_refusal, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub
    from care_web.submission import Submission

_READ_SECONDS: Final = 5.0
_SUBMIT_SECONDS: Final = 10.0
"""Deadlines of the calls; a person looks at an empty page for that long at most."""

_EMBEDDINGS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""The characters that change the direction of what follows them (UAX #9); a name needs none."""

logger = get_logger(__name__)


class FormState(StrEnum):
    """What became of a form; as ``care.v1.ContactFormState``."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Form:
    """A form as its page shows it."""

    state: FormState
    business_name: str
    """One line without characters that change the direction of the text around it; may be empty."""
    reply_text: str
    consent_text: str
    phone_region: str
    """Region of phone numbers without country code; empty if such numbers are refused."""
    expire_time: datetime | None

    @property
    def takes_answers(self) -> bool:
        """Whether it can be filled in."""
        return self.state in {FormState.OPEN, FormState.ANSWERED, FormState.CLOSED}


class LinkEnded(Exception):
    """The form takes no answers any more; ``state`` says as far as the refusal tells what became of it."""

    def __init__(self, state: FormState) -> None:
        super().__init__(state)
        self.state: Final = state


class Customers:
    """``CustomerService`` in the words of the pages."""

    def __init__(self, service: CustomerServiceAsyncStub) -> None:
        self._service = service

    async def read(self, token: str) -> Form:
        """Return the form behind a link. Raises ``LinkUnknown`` and ``TryLater``."""
        try:
            answer = await self._service.GetContactForm(pb.GetContactFormRequest(token=token), timeout=_READ_SECONDS)
        except CareError as error:
            raise reading_refusal("GetContactForm", error) from None
        state = _STATES.get(answer.form.state)
        if state is None:  # of a newer service than this page
            logger.error("unknown form state", state=int(answer.form.state))
            raise TryLater(DEFAULT_WAIT)
        return Form(
            state=state,
            business_name=one_line(answer.form.business_name),
            reply_text=answer.form.reply_text.strip(),
            consent_text=answer.form.consent_text.strip(),
            phone_region=answer.form.phone_region,
            expire_time=answer.form.expire_time.ToDatetime(UTC) if answer.form.HasField("expire_time") else None,
        )

    async def submit(self, token: str, submission: Submission) -> str:
        """Leave an address and return what the customer can refer to; safe to repeat.

        Raises ``LinkUnknown``, ``LinkEnded``, ``NotAccepted``, ``TooMany`` and ``TryLater``.
        """
        try:
            return await self._submit(token, submission)
        except CareError as error:
            if error.reason != "REQUEST_ID_REUSED":
                raise _refusal(error) from None
        # The same page was sent before with other words in it, by way of the browser's "back": a further answer.
        try:
            return await self._submit(token, submission.renewed())
        except CareError as error:
            raise _refusal(error) from None

    async def _submit(self, token: str, submission: Submission) -> str:
        answer = await self._service.SubmitContact(submission.to_request(token), timeout=_SUBMIT_SECONDS)
        return answer.reference


_STATES: Final[Mapping[int, FormState]] = {
    pb.CONTACT_FORM_STATE_OPEN: FormState.OPEN,
    pb.CONTACT_FORM_STATE_ANSWERED: FormState.ANSWERED,
    pb.CONTACT_FORM_STATE_EXPIRED: FormState.EXPIRED,
    pb.CONTACT_FORM_STATE_WITHDRAWN: FormState.WITHDRAWN,
    pb.CONTACT_FORM_STATE_REPLACED: FormState.REPLACED,
    pb.CONTACT_FORM_STATE_CLOSED: FormState.CLOSED,
}

_ENDINGS: Final = {
    "LINK_EXPIRED": FormState.EXPIRED,
    "LINK_WITHDRAWN": FormState.WITHDRAWN,
}


def one_line(text: str) -> str:
    """Return ``text`` on one line and unable to turn its surroundings round, fit for a page's title."""
    visible = (" " if unicodedata.category(c) == "Cc" else c for c in text if c not in _EMBEDDINGS)
    return " ".join("".join(visible).split())


def _refusal(error: CareError) -> Exception:
    """Return what the pages make of a refused submission."""
    if error.reason in _ENDINGS:
        return LinkEnded(_ENDINGS[error.reason])
    return refusal("SubmitContact", error)
