"""One bad review with its ticket, and what the agent who owns it and the customer who wrote it do."""

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
from care_dev.demo.pages import answer_form
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role
from care_rules.entities.recovery import ReplyState
from tests.e2e.site import SiteReview
from tests.support.system import PATIENCE, System, eventually

A = TypeVar("A")

ORGANIZATION: Final = "e2e"
_numbers = count(1)
_phones = cycle(range(1000))
"""The last four digits; London numbers that Ofcom keeps for use in fiction."""


def word() -> str:
    """A word that nobody else writes, so that it can be searched for."""
    return f"word{secrets.token_hex(6)}"


@dataclass(frozen=True)
class Person:
    """A customer, unlike any other."""

    email: str = field(default_factory=lambda: f"{word()}@example.com")
    phone: str = field(default_factory=lambda: f"+44207946{next(_phones):04}")
    display_name: str = field(default_factory=lambda: f"Robin {word()}")
    message: str = field(default_factory=lambda: f"Mornings are best, {word()}.")

    def answers(self) -> dict[str, str]:
        """What this person types into the form."""
        return {
            "email": self.email,
            "phone": self.phone,
            "display_name": self.display_name,
            "message": self.message,
            "consent": "yes",
        }


@dataclass
class Case:
    """A ticket of alice's."""

    system: System
    http: httpx.AsyncClient
    site: SiteReview
    review: str = ""
    ticket: str = ""

    @classmethod
    async def open(cls, system: System) -> Case:
        """A new review, its ticket raised, and taken by alice."""
        http = await system.http()
        site = SiteReview(http, system.stack.urls.review_site, ORGANIZATION, f"review-{next(_numbers)}")
        case = cls(system, http, site)
        await case.raise_ticket()
        return case

    @property
    def alice(self) -> CareClient:
        return self.system.client(ORGANIZATION, "alice")

    @property
    def intake(self) -> CareClient:
        return self.system.client(ORGANIZATION, "intake", Role.SERVICE)

    async def raise_ticket(self) -> None:
        """Publish the review if it isn't, and raise and take a ticket for it."""
        if not self.review:
            author, text = f"Kim {word()}", f"Cold soup, {word()}."
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
            self.review = (await insist(lambda: self.intake.reviews.IngestReview(ingest))).review.name
        create = tickets.CreateTicketRequest(
            parent=f"organizations/{ORGANIZATION}", ticket=Ticket(review=self.review), request_id=str(uuid4())
        )
        self.ticket = (await insist(lambda: self.intake.tickets.CreateTicket(create))).ticket.name
        take = tickets.TakeTicketRequest(name=self.ticket, request_id=str(uuid4()))
        await insist(lambda: self.alice.tickets.TakeTicket(take))

    def keep_private(self, texts: dict[str, str]) -> None:
        """Note what no log and no history may have, each text with what it is."""
        self.system.private.update(texts)

    # What alice does.

    async def send(self, text: str = "") -> str:
        """Ask for the form; returns the recovery's name."""
        text = text or f"We are sorry, {word()}. Please tell us how to reach you: {{form_link}}"
        self.keep_private({text.partition("{form_link}")[0].strip(): "a reply's text"})
        request = conversations.SendRecoveryFormRequest(parent=self.ticket, reply_text=text, request_id=str(uuid4()))
        return (await insist(lambda: self.alice.conversations.SendRecoveryForm(request))).recovery.name

    async def withdraw(self, recovery: str) -> None:
        request = conversations.WithdrawRecoveryFormRequest(name=recovery, request_id=str(uuid4()))
        await insist(lambda: self.alice.conversations.WithdrawRecoveryForm(request))

    async def add_contact(self, person: Person) -> str:
        """Enter an address that became known in another way; returns the recovery's name."""
        self.keep_private(_described(person))
        request = conversations.AddContactRequest(
            parent=self.ticket,
            email=person.email,
            phone=person.phone,
            display_name=person.display_name,
            request_id=str(uuid4()),
        )
        return (await insist(lambda: self.alice.conversations.AddContact(request))).recovery.name

    async def add_note(self, text: str) -> None:
        self.keep_private({text: "a note"})
        request = conversations.AddNoteRequest(parent=self.ticket, text=text, request_id=str(uuid4()))
        await insist(lambda: self.alice.conversations.AddNote(request))

    async def close(self) -> None:
        request = tickets.CloseTicketRequest(name=self.ticket, request_id=str(uuid4()))
        await insist(lambda: self.alice.tickets.CloseTicket(request))

    # What the customer does.

    async def public_link(self) -> str | None:
        """The link to a form in the public reply; None if there is none."""
        words = (await self.site.reply() or "").split()
        return next((word for word in words if word.startswith(f"{self.system.stack.urls.web}/f/")), None)

    async def link(self, recovery: str, patience: float = PATIENCE) -> str:
        """The link to the recovery's form, once the reply is known to be public."""
        await self.reaches(recovery, "AWAITING_CONTACT", patience)
        link = await self.public_link()
        assert link is not None
        self.keep_private({link: "a link", token_of(link): "a link's token"})
        return link

    async def submit(self, link: str, person: Person) -> None:
        """Fill the form in and send it; again, as the page asks for, while the service is away."""
        self.keep_private(_described(person))

        async def taken() -> str | None:
            try:
                return await answer_form(self.http, link, person.answers())
            except (StackError, httpx.HTTPError):
                return None

        await eventually(f"an answer to {self.site.external_id}", taken)

    # What came of it.

    async def get(self, recovery: str) -> Recovery:
        request = conversations.GetRecoveryRequest(name=recovery)
        return (await insist(lambda: self.alice.conversations.GetRecovery(request))).recovery

    async def get_ticket(self) -> Ticket:
        request = tickets.GetTicketRequest(name=self.ticket)
        return (await insist(lambda: self.alice.tickets.GetTicket(request))).ticket

    async def state(self, recovery: str) -> str:
        """Machine 2's state."""
        return RecoveryState.Name((await self.get(recovery)).state).removeprefix("RECOVERY_STATE_")

    async def reaches(self, recovery: str, state: str, patience: float = PATIENCE) -> None:
        """Return once the recovery is in `state`."""

        async def there() -> bool:
            return await self.state(recovery) == state

        await eventually(f"{state} of {recovery}", there, patience)

    async def is_marked(self, recovery: str, *marks: ReplyState) -> None:
        """Return once its reply at the review site is marked as one of `marks`."""

        async def there() -> bool:
            return await self.reply_state(recovery) in marks

        await eventually(f"{' or '.join(marks)} of {recovery}", there)

    async def has_ended(self, recovery: str) -> bool:
        """Whether its workflow has nothing left to do; one that had ended before may not have been woken again yet."""
        workflow = (await self.system.temporal()).get_workflow_handle(workflow_of(recovery))
        try:
            return (await workflow.describe()).status is WorkflowExecutionStatus.COMPLETED
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # then it has not been started yet
                raise
            return False

    async def rests(self, recovery: str, patience: float = PATIENCE) -> None:
        """Return once its workflow has nothing left to do."""

        async def ended() -> bool:
            return await self.has_ended(recovery)

        await eventually(f"the end of {workflow_of(recovery)}", ended, patience)

    async def reply_state(self, recovery: str) -> ReplyState:
        [row] = await self.system.sql("SELECT reply_state FROM recoveries WHERE id = $1", id_of(recovery))
        return ReplyState(row["reply_state"])

    async def log(self, recovery: str = "") -> Counter[str]:
        """How often each thing was done; with a recovery, to that one."""
        request = tickets.ListActivitiesRequest(parent=self.ticket, page_size=1000)
        found = (await insist(lambda: self.alice.tickets.ListActivities(request))).activities
        return Counter(
            ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_")
            for entry in found
            if recovery in ("", entry.recovery)
        )


async def insist(call: Callable[[], Awaitable[A]], patience: float = PATIENCE) -> A:
    """Repeat a call, with the request id that it carries, until the service answers, as a client has to."""

    async def attempt() -> A | None:
        try:
            return await call()
        except CareError as error:
            if not error.retryable:
                raise
            return None

    return await eventually("an answer of the service", attempt, patience)


def id_of(recovery: str) -> UUID:
    """The id in a recovery's name."""
    return UUID(recovery.rpartition("/")[2])


def workflow_of(recovery: str) -> str:
    """The workflow id that belongs to a recovery's name."""
    _, organization, _, number, _, recovery_id = recovery.split("/")
    return contact_recovery_id(organization, int(number), recovery_id)


def token_of(link: str) -> str:
    """The token in a form's link."""
    return urlsplit(link).path.rpartition("/")[2]


def _described(person: Person) -> dict[str, str]:
    described = {
        person.email: "an email address",
        person.phone: "a phone number",
        person.display_name: "a customer's name",
        person.message: "a customer's words",
    }
    return {text: what for text, what in described.items() if text}
