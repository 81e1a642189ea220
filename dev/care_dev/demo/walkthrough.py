"""Takes one ticket from a bad review to CLOSED, by calls that a service, an agent's client or a browser would make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import recovery_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import Activity
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import Message
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import TICKET_PRIORITY_HIGH, TICKET_STATUS_CLOSED, Ticket
from care_client.client import CareClient
from care_client.workflow_names import TICKET_ATTRIBUTE, contact_recovery_id, ticket_value
from care_dev.data.reviews import GoogleReview, dump_reviews
from care_dev.demo.customer_browser import (
    find_chat_links,
    find_form_link,
    has_form_link,
    post_chat_message,
    review_page_url,
    submit_form,
)
from care_dev.demo.identity import AGENT, ORGANIZATION
from care_dev.demo.polling import poll_until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack

_SITE: Final = "local"
_BUSINESS: Final = "Copper Kettle"
_REPLY: Final = (
    "We are very sorry about this visit, and would like to make it right. Please tell us how to reach you: {form_link}"
)
_FORM_VALUES: Final = {
    "phone": "",
    "display_name": "A customer",
    "message": "Thank you for asking. Mornings are best.",
    "consent": "yes",
}

Report = Callable[[str], None]
"""Shows one line of progress to the user."""


@dataclass(frozen=True)
class Result:
    """What the demo shows at the end."""

    ticket: Ticket
    thread: Sequence[Message]
    activities: Sequence[Activity]
    links: dict[str, str]
    """URLs by their label."""


class Walkthrough:
    """Runs the steps of the demo, as the service `intake`, the agent alice and the customer."""

    def __init__(
        self, stack: Stack, service: CareClient, agent: CareClient, http: httpx.AsyncClient, report: Report
    ) -> None:
        self._stack = stack
        self._service = service
        self._agent = agent
        self._http = http
        self._report = report
        self._parent = f"organizations/{ORGANIZATION}"

    async def run(self, demo_reviews: Sequence[GoogleReview]) -> Result:
        """Runs all steps and returns the closed ticket with its thread and its activities."""
        await self._name_business(demo_reviews)
        await self._publish(demo_reviews)
        review = await self._choose_review(await self._ingest(demo_reviews))
        ticket = await self._start_ticket(review)
        recovery = await self._recover_contact(ticket, review)
        await self._chat(ticket)
        await self._close(ticket)
        page = review_page_url(self._stack.urls.review_site, ORGANIZATION, review.external_id)
        reply = f"{self._stack.urls.review_site}/v1/{ORGANIZATION}/reviews/{quote(review.external_id, safe='')}/reply"

        async def check_retracted() -> bool | None:
            return None if await has_form_link(self._http, reply, self._stack.urls.web) else True

        await poll_until("the removal of the link from the public reply", check_retracted)
        self._report("The link has been removed from the public reply")
        return await self._result(ticket, recovery, page)

    async def _name_business(self, demo_reviews: Sequence[GoogleReview]) -> None:
        organization = Organization(name=self._parent, display_name=_BUSINESS, default_phone_region="GB")
        await self._service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=organization))
        for location in sorted({review.location for review in demo_reviews}):
            place = Location(
                name=f"{self._parent}/locations/{location}", display_name=f"{_BUSINESS} {location.title()}"
            )
            request = directory.UpdateLocationRequest(location=place, allow_missing=True)
            await self._service.directory.UpdateLocation(request)

    async def _publish(self, demo_reviews: Sequence[GoogleReview]) -> None:
        url = f"{self._stack.urls.review_site}/v1/{ORGANIZATION}/reviews"
        headers = {"content-type": "application/json"}
        (await self._http.put(url, content=dump_reviews(demo_reviews), headers=headers)).raise_for_status()
        self._report(f"{len(demo_reviews)} reviews are on the review site")

    async def _ingest(self, demo_reviews: Sequence[GoogleReview]) -> list[Review]:
        ingested = []
        for review in demo_reviews:
            request = reviews.IngestReviewRequest(parent=self._parent, review=self._convert(review))
            ingested.append((await self._service.reviews.IngestReview(request)).review)
        self._report(f"Care has ingested {len(ingested)} reviews")
        return ingested

    def _convert(self, review: GoogleReview) -> Review:
        written, edited = Timestamp(), Timestamp()
        written.FromDatetime(review.create_time)
        edited.FromDatetime(review.update_time)
        return Review(
            site=_SITE,
            external_id=review.review_id,
            location=f"{self._parent}/locations/{review.location}",
            author_display_name="" if review.reviewer.is_anonymous else review.reviewer.display_name,
            stars=review.star_rating.stars,
            text=review.comment,
            url=review_page_url(self._stack.urls.review_site, ORGANIZATION, review.review_id),
            create_time=written,
            update_time=edited,
        )

    async def _choose_review(self, ingested: Sequence[Review]) -> Review:
        """Returns the first one-star review with a text and no open ticket, or the first review without a ticket."""
        for review in (review for review in ingested if review.stars == 1 and review.text):
            if not review.ticket:
                return review
            request = tickets.GetTicketRequest(name=review.ticket)
            if (await self._service.tickets.GetTicket(request)).ticket.status == TICKET_STATUS_CLOSED:
                return review
        return next(review for review in ingested if not review.ticket)

    async def _start_ticket(self, review: Review) -> Ticket:
        create = tickets.CreateTicketRequest(parent=self._parent, ticket=Ticket(review=review.name))
        ticket = (await self._service.tickets.CreateTicket(create)).ticket
        self._report(f"Ticket {ticket.number}: {ticket.subject}")
        alice = self._agent.tickets
        await alice.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        await alice.StartTicket(tickets.StartTicketRequest(name=ticket.name))
        update = tickets.UpdateTicketRequest(
            ticket=Ticket(name=ticket.name, priority=TICKET_PRIORITY_HIGH), update_mask=FieldMask(paths=["priority"])
        )
        await alice.UpdateTicket(update)
        self._report("Alice has taken the ticket and started to work on it")
        return ticket

    async def _recover_contact(self, ticket: Ticket, review: Review) -> str:
        alice = self._agent.conversations
        send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=_REPLY)
        recovery = (await alice.SendRecoveryForm(send)).recovery.name
        self._report(f"Alice has requested the recovery form. Workflow: {self._workflow(recovery)}")
        await self._wait_for_state(recovery, recovery_pb2.RECOVERY_STATE_AWAITING_CONTACT)
        page = review_page_url(self._stack.urls.review_site, ORGANIZATION, review.external_id)
        link = await find_form_link(self._http, page, self._stack.urls.web)
        if link is None:
            raise AssertionError("the public reply does not contain the link to the form")
        self._report("The reply is public. The workflow waits for the customer")
        await submit_form(self._http, link, _FORM_VALUES | {"email": _address(ticket)})
        self._report("The customer has opened the link and submitted an email address")
        await self._wait_for_state(recovery, recovery_pb2.RECOVERY_STATE_CHAT_UNLOCKED)
        self._report("The chat is unlocked")
        return recovery

    async def _chat(self, ticket: Ticket) -> None:
        """Follows the private link in the email, posts a message as the customer, and replies as alice."""
        urls, address = self._stack.urls, _address(ticket)

        async def chat_link(email: int) -> str | None:
            links = await find_chat_links(self._http, urls.mailbox, address, urls.web)
            return links[email] if len(links) > email else None

        link = await poll_until("the email with the link to the chat", lambda: chat_link(0))
        await post_chat_message(self._http, link, "Would Tuesday at nine suit you?")
        self._report("The customer has opened the chat with the private link in an email, and posted a message")
        reply = conversations.SendMessageRequest(parent=ticket.name, text="Yes. A table by the window is yours.")
        await self._agent.conversations.SendMessage(reply)
        await poll_until("the email with the reply", lambda: chat_link(1))
        self._report(f"Alice has replied. The reply is on the page and in an email: {urls.mailbox}")

    async def _wait_for_state(self, recovery: str, state: recovery_pb2.RecoveryState.ValueType) -> None:
        request = conversations.GetRecoveryRequest(name=recovery)

        async def check_reached() -> bool | None:
            found = (await self._agent.conversations.GetRecovery(request)).recovery
            return True if found.state == state else None

        await poll_until(f"{recovery_pb2.RecoveryState.Name(state)} of {recovery}", check_reached)

    async def _close(self, ticket: Ticket) -> None:
        note = conversations.AddNoteRequest(parent=ticket.name, text="Offered a free breakfast; the customer is happy.")
        await self._agent.conversations.AddNote(note)
        await self._agent.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
        await self._agent.tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
        self._report("Alice has added a note, resolved the ticket and closed it")

    async def _result(self, ticket: Ticket, recovery: str, page: str) -> Result:
        alice = self._agent
        found = await alice.tickets.GetTicket(tickets.GetTicketRequest(name=ticket.name))
        thread = await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
        log = await alice.tickets.ListActivities(tickets.ListActivitiesRequest(parent=ticket.name, page_size=1000))
        query = quote(f'{TICKET_ATTRIBUTE}="{ticket_value(ORGANIZATION, ticket.number)}"', safe="")
        workflows = f"{self._stack.urls.temporal_ui}/namespaces/default/workflows"
        return Result(
            ticket=found.ticket,
            thread=thread.messages,
            activities=list(reversed(log.activities)),
            links={
                "The review and its reply": page,
                "The workflow": self._workflow(recovery),
                "All workflows of the ticket": f"{workflows}?query={query}",
            },
        )

    def _workflow(self, recovery: str) -> str:
        _, organization, _, number, _, recovery_id = recovery.split("/")
        workflow = contact_recovery_id(organization, int(number), recovery_id)
        return f"{self._stack.urls.temporal_ui}/namespaces/default/workflows/{quote(workflow, safe='')}"


def _address(ticket: Ticket) -> str:
    """Returns the customer's address. Each ticket has its own, so that the emails of two runs are not mixed."""
    return f"customer-{ticket.number}@example.com"


async def run_walkthrough(stack: Stack, demo_reviews: Sequence[GoogleReview], report: Report) -> Result:
    """Runs the walkthrough on a stack. Raises CareError, httpx.HTTPError or StackError if a step fails."""
    async with AsyncExitStack() as opened:
        service = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, "intake", Role.SERVICE))
        agent = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, AGENT, Role.AGENT))
        await opened.enter_async_context(service)
        await opened.enter_async_context(agent)
        http = await opened.enter_async_context(httpx.AsyncClient(timeout=10))
        return await Walkthrough(stack, service, agent, http, report).run(demo_reviews)
