"""Drives one bad review and its ticket, as the agent who owns the ticket and as the customer."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import ActivityType
from care.v1.recovery_pb2 import Recovery, RecoveryState
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from care_client.errors import CareError
from care_client.workflow_names import contact_recovery_id
from care_dev.demo.customer_browser import submit_form
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role
from care_rules.entities.recovery import ReplyState
from tests.e2e.site import SiteReview
from tests.support.system import TIMEOUT, System, eventually

A = TypeVar("A")

ORGANIZATION: Final = "e2e"
_numbers = count(1)
_phones = cycle(range(1000))
"""The last four digits of phone numbers. Ofcom reserves these London numbers for fiction."""


def unique_word() -> str:
    """Returns a word that occurs nowhere else, so that tests can search for it."""
    return f"word{secrets.token_hex(6)}"


@dataclass(frozen=True)
class Person:
    """A customer with unique data."""

    email: str = field(default_factory=lambda: f"{unique_word()}@example.com")
    phone: str = field(default_factory=lambda: f"+44207946{next(_phones):04}")
    display_name: str = field(default_factory=lambda: f"Robin {unique_word()}")
    message: str = field(default_factory=lambda: f"Mornings are best, {unique_word()}.")

    def form_values(self) -> dict[str, str]:
        """Returns the values of the form's fields."""
        return {
            "email": self.email,
            "phone": self.phone,
            "display_name": self.display_name,
            "message": self.message,
            "consent": "yes",
        }


@dataclass
class Scenario:
    """A review and its ticket, which alice owns."""

    system: System
    http: httpx.AsyncClient
    site: SiteReview
    review: str = ""
    ticket: str = ""

    @classmethod
    async def open(cls, system: System) -> Scenario:
        """Publishes a new review, creates its ticket and takes it as alice."""
        http = await system.http()
        site = SiteReview(http, system.stack.urls.review_site, ORGANIZATION, f"review-{next(_numbers)}")
        scenario = cls(system, http, site)
        await scenario.create_ticket()
        return scenario

    @property
    def alice(self) -> CareClient:
        return self.system.client(ORGANIZATION, "alice")

    @property
    def intake(self) -> CareClient:
        return self.system.client(ORGANIZATION, "intake", Role.SERVICE)

    async def create_ticket(self) -> None:
        """Publishes and ingests the review if it is new, creates a ticket for it, and takes the ticket."""
        if not self.review:
            author, text = f"Kim {unique_word()}", f"Cold soup, {unique_word()}."
            self.keep_private({author: "a review's author", text: "a review's text"})
            await self.site.publish(author, text)
            written = Timestamp()
            written.GetCurrentTime()
            review = Review(
                site="local",
                external_id=self.site.external_id,
                location=f"organizations/{ORGANIZATION}/locations/soho",
                author_display_name=author,
                stars=1,
                text=text,
                url=self.site.page,
                create_time=written,
            )
            ingest = reviews.IngestReviewRequest(parent=f"organizations/{ORGANIZATION}", review=review)
            self.review = (await retry_until_available(lambda: self.intake.reviews.IngestReview(ingest))).review.name
        create = tickets.CreateTicketRequest(
            parent=f"organizations/{ORGANIZATION}", ticket=Ticket(review=self.review), request_id=str(uuid4())
        )
        self.ticket = (await retry_until_available(lambda: self.intake.tickets.CreateTicket(create))).ticket.name
        take = tickets.TakeTicketRequest(name=self.ticket, request_id=str(uuid4()))
        await retry_until_available(lambda: self.alice.tickets.TakeTicket(take))

    def keep_private(self, texts: dict[str, str]) -> None:
        """Registers texts that no log and no workflow history may contain, each with a description."""
        self.system.private.update(texts)

    # What alice does

    async def send_form(self, text: str = "") -> str:
        """Sends the recovery form. Returns the name of the recovery."""
        text = text or f"We are sorry, {unique_word()}. Please tell us how to reach you: {{form_link}}"
        self.keep_private({text.partition("{form_link}")[0].strip(): "a reply's text"})
        request = conversations.SendRecoveryFormRequest(parent=self.ticket, reply_text=text, request_id=str(uuid4()))
        return (await retry_until_available(lambda: self.alice.conversations.SendRecoveryForm(request))).recovery.name

    async def withdraw(self, recovery: str) -> None:
        request = conversations.WithdrawRecoveryFormRequest(name=recovery, request_id=str(uuid4()))
        await retry_until_available(lambda: self.alice.conversations.WithdrawRecoveryForm(request))

    async def add_contact(self, person: Person) -> str:
        """Adds a contact that is known from elsewhere. Returns the name of the recovery."""
        self.keep_private(_describe(person))
        request = conversations.AddContactRequest(
            parent=self.ticket,
            email=person.email,
            phone=person.phone,
            display_name=person.display_name,
            request_id=str(uuid4()),
        )
        return (await retry_until_available(lambda: self.alice.conversations.AddContact(request))).recovery.name

    async def add_note(self, text: str) -> None:
        self.keep_private({text: "a note"})
        request = conversations.AddNoteRequest(parent=self.ticket, text=text, request_id=str(uuid4()))
        await retry_until_available(lambda: self.alice.conversations.AddNote(request))

    async def close(self) -> None:
        request = tickets.CloseTicketRequest(name=self.ticket, request_id=str(uuid4()))
        await retry_until_available(lambda: self.alice.tickets.CloseTicket(request))

    # What the customer does

    async def find_public_link(self) -> str | None:
        """Returns the link to a form in the public reply, or None if there is none."""
        words = (await self.site.get_reply() or "").split()
        return next((word for word in words if word.startswith(f"{self.system.stack.urls.web}/f/")), None)

    async def wait_for_form_link(self, recovery: str, timeout: float = TIMEOUT) -> str:
        """Waits until the service knows that the reply is public. Returns the link to the recovery's form."""
        await self.wait_for_state(recovery, "AWAITING_CONTACT", timeout)
        link = await self.find_public_link()
        assert link is not None
        self.keep_private({link: "a link", link_token(link): "a link's token"})
        return link

    async def submit_form(self, link: str, person: Person) -> None:
        """Submits the form. Repeats this while the service is unavailable, as the page asks the customer to."""
        self.keep_private(_describe(person))

        async def accepted() -> str | None:
            try:
                return await submit_form(self.http, link, person.form_values())
            except (StackError, httpx.HTTPError):
                return None

        await eventually(f"submitting the form of {self.site.external_id}", accepted)

    # Results

    async def get_recovery(self, recovery: str) -> Recovery:
        request = conversations.GetRecoveryRequest(name=recovery)
        return (await retry_until_available(lambda: self.alice.conversations.GetRecovery(request))).recovery

    async def get_ticket(self) -> Ticket:
        request = tickets.GetTicketRequest(name=self.ticket)
        return (await retry_until_available(lambda: self.alice.tickets.GetTicket(request))).ticket

    async def get_state(self, recovery: str) -> str:
        """Returns the state of the recovery."""
        return RecoveryState.Name((await self.get_recovery(recovery)).state).removeprefix("RECOVERY_STATE_")

    async def wait_for_state(self, recovery: str, state: str, timeout: float = TIMEOUT) -> None:
        """Waits until the recovery is in `state`."""

        async def is_reached() -> bool:
            return await self.get_state(recovery) == state

        await eventually(f"{state} of {recovery}", is_reached, timeout)

    async def wait_for_reply_state(self, recovery: str, *states: ReplyState) -> None:
        """Waits until the recovery's reply is in one of `states`."""

        async def is_reached() -> bool:
            return await self.get_reply_state(recovery) in states

        await eventually(f"{' or '.join(states)} of {recovery}", is_reached)

    async def workflow_has_ended(self, recovery: str) -> bool:
        """Returns whether the recovery's workflow has completed.

        A workflow that completed earlier may be about to be woken again.
        """
        workflow = (await self.system.temporal()).get_workflow_handle(recovery_workflow_id(recovery))
        try:
            return (await workflow.describe()).status is WorkflowExecutionStatus.COMPLETED
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # the workflow has not been started yet
                raise
            return False

    async def wait_for_workflow_end(self, recovery: str, timeout: float = TIMEOUT) -> None:
        """Waits until the recovery's workflow has completed."""

        async def ended() -> bool:
            return await self.workflow_has_ended(recovery)

        await eventually(f"the end of {recovery_workflow_id(recovery)}", ended, timeout)

    async def get_reply_state(self, recovery: str) -> ReplyState:
        [row] = await self.system.sql("SELECT reply_state FROM recoveries WHERE id = $1", recovery_uuid(recovery))
        return ReplyState(row["reply_state"])

    async def count_activities(self, recovery: str = "") -> Counter[str]:
        """Counts the ticket's activities by type. If a recovery is given, counts only its activities."""
        request = tickets.ListActivitiesRequest(parent=self.ticket, page_size=1000)
        found = (await retry_until_available(lambda: self.alice.tickets.ListActivities(request))).activities
        return Counter(
            ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_")
            for entry in found
            if recovery in ("", entry.recovery)
        )


async def retry_until_available(call: Callable[[], Awaitable[A]], timeout: float = TIMEOUT) -> A:
    """Repeats a call with the same request id while its error is retryable, as a client must do."""

    async def attempt() -> A | None:
        try:
            return await call()
        except CareError as error:
            if not error.retryable:
                raise
            return None

    return await eventually("a response of the service", attempt, timeout)


def recovery_uuid(recovery: str) -> UUID:
    """Returns the id in a recovery's name."""
    return UUID(recovery.rpartition("/")[2])


def recovery_workflow_id(recovery: str) -> str:
    """Returns the workflow id of a recovery, given its name."""
    _, organization, _, number, _, recovery_id = recovery.split("/")
    return contact_recovery_id(organization, int(number), recovery_id)


def link_token(link: str) -> str:
    """Returns the token in a form's link."""
    return urlsplit(link).path.rpartition("/")[2]


def _describe(person: Person) -> dict[str, str]:
    described = {
        person.email: "an email address",
        person.phone: "a phone number",
        person.display_name: "a customer's name",
        person.message: "a customer's message",
    }
    return {text: what for text, what in described.items() if text}
