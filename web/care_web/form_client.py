"""Reads a recovery form from the service and submits it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from care.v1 import customer_service_pb2 as pb
from care_client.errors import CareError
from care_roles.logs import get_logger
from care_web.business_name import clean_business_name
from care_web.service_errors import DEFAULT_WAIT, TryLater, convert_error, convert_read_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub
    from care_web.submission import Submission

# The deadlines of calls, in seconds. They limit how long a customer waits for a page.
_READ_SECONDS: Final = 5.0
_SUBMIT_SECONDS: Final = 10.0

logger = get_logger(__name__)


class FormState(StrEnum):
    """The states of ``care.v1.ContactFormState``. The values are keys of text groups."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Form:
    """A recovery form as its page shows it."""

    state: FormState
    business_name: str
    """One line, safe to show inside other text. May be empty."""
    reply_text: str
    consent_text: str
    phone_region: str
    """The region of phone numbers without a country code. Empty if such numbers are refused."""
    expire_time: datetime | None

    @property
    def accepts_submissions(self) -> bool:
        """Whether the form can be submitted."""
        return self.state in {FormState.OPEN, FormState.ANSWERED, FormState.CLOSED}


class FormEnded(Exception):
    """The form no longer accepts submissions. ``state`` is EXPIRED or WITHDRAWN.

    The service's error does not tell WITHDRAWN from REPLACED. Read the form for its exact state.
    """

    def __init__(self, state: FormState) -> None:
        super().__init__(state)
        self.state: Final = state


class FormClient:
    """Calls ``CustomerService`` for the form's pages."""

    def __init__(self, service: CustomerServiceAsyncStub) -> None:
        self._service = service

    async def read(self, token: str) -> Form:
        """Returns the form behind a link.

        Raises ``LinkUnknown`` if the link is not valid, and ``TryLater`` if the service cannot respond now.
        """
        try:
            response = await self._service.GetContactForm(pb.GetContactFormRequest(token=token), timeout=_READ_SECONDS)
        except CareError as error:
            raise convert_read_error("GetContactForm", error) from None
        form = response.form
        state = _STATES.get(form.state)
        if state is None:  # the service is newer than this page
            logger.error("unknown form state", state=int(form.state))
            raise TryLater(DEFAULT_WAIT)
        return Form(
            state=state,
            business_name=clean_business_name(form.business_name),
            reply_text=form.reply_text.strip(),
            consent_text=form.consent_text.strip(),
            phone_region=form.phone_region,
            expire_time=form.expire_time.ToDatetime(UTC) if form.HasField("expire_time") else None,
        )

    async def submit(self, token: str, submission: Submission) -> str:
        """Submits contact details and returns the customer's reference number. The call is safe to repeat.

        Raises ``LinkUnknown``, ``FormEnded``, ``InvalidFields`` or ``TryLater``; each class says when.
        """
        try:
            try:
                return await self._submit(token, submission)
            except CareError as error:
                if error.reason != "REQUEST_ID_REUSED":
                    raise
                # The customer went back, edited the form and sent it again. Treat the edit as a new submission.
                return await self._submit(token, submission.with_new_request_id())
        except CareError as error:
            if error.reason in _END_STATES:
                raise FormEnded(_END_STATES[error.reason]) from None
            raise convert_error("SubmitContact", error) from None

    async def _submit(self, token: str, submission: Submission) -> str:
        response = await self._service.SubmitContact(submission.to_request(token), timeout=_SUBMIT_SECONDS)
        return response.reference


_STATES: Final[Mapping[int, FormState]] = {
    pb.CONTACT_FORM_STATE_OPEN: FormState.OPEN,
    pb.CONTACT_FORM_STATE_ANSWERED: FormState.ANSWERED,
    pb.CONTACT_FORM_STATE_EXPIRED: FormState.EXPIRED,
    pb.CONTACT_FORM_STATE_WITHDRAWN: FormState.WITHDRAWN,
    pb.CONTACT_FORM_STATE_REPLACED: FormState.REPLACED,
    pb.CONTACT_FORM_STATE_CLOSED: FormState.CLOSED,
}

_END_STATES: Final = {
    "LINK_EXPIRED": FormState.EXPIRED,
    "LINK_WITHDRAWN": FormState.WITHDRAWN,
}
"""The state of an ended form, by the reason of the service's error."""
