"""One organization of a test, with its people and short ways to put a ticket into any state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import REFUSAL_REASON_LINKS_NOT_ALLOWED, Recovery
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.support.care import Care

REPLY = "We are sorry. Please tell us how to reach you: {form_link}"
_externals = count(1)


def timestamp(time: datetime) -> Timestamp:
    converted = Timestamp()
    converted.FromDatetime(time)
    return converted


@dataclass
class Tenant:
    """`organizations/{id}` with agents by name."""

    care: Care
    id: str

    @property
    def name(self) -> str:
        return f"organizations/{self.id}"

    def agent_name(self, agent: str) -> str:
        return f"{self.name}/agents/{agent}"

    def agent(self, agent: str) -> CareClient:
        token = self.care.token(sub=agent, org=self.id, roles=["agent"], name=agent.title())
        return self.care.client(token)

    @property
    def supervisor(self) -> CareClient:
        return self.care.client(self.care.token(sub="sue", org=self.id, roles=["agent", "supervisor"], name="Sue"))

    @property
    def service(self) -> CareClient:
        return self.care.client(self.care.token(sub="intake", org=self.id, roles=["service"]))

    @property
    def worker(self) -> CareClient:
        return self.care.client(self.care.token(sub="worker", roles=["worker"]))

    @property
    def customer(self) -> CareClient:
        return self.care.client(None)

    async def review(self, stars: int = 1, text: str = "Cold soup.", site: str = "local") -> Review:
        review = Review(
            site=site,
            external_id=f"r{next(_externals)}",
            location=f"{self.name}/locations/soho",
            author_display_name="Robin P.",
            stars=stars,
            text=text,
            create_time=timestamp(datetime(2026, 3, 1, 12, tzinfo=UTC)),
        )
        request = reviews.IngestReviewRequest(parent=self.name, review=review)
        return (await self.service.reviews.IngestReview(request)).review

    async def ticket(self, assignee: str | None = "alice", *, with_review: bool = True) -> Ticket:
        """A new ticket, taken by `assignee`."""
        given = Ticket(subject="Cold soup", location=f"{self.name}/locations/soho")
        if with_review:
            given = Ticket(review=(await self.review()).name)
        request = tickets.CreateTicketRequest(parent=self.name, ticket=given)
        ticket = (await self.service.tickets.CreateTicket(request)).ticket
        if assignee is None:
            return ticket
        return (await self.agent(assignee).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket

    async def form(self, ticket: Ticket, agent: str = "alice", text: str = REPLY) -> Recovery:
        request = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=text)
        return (await self.agent(agent).conversations.SendRecoveryForm(request)).recovery

    async def begin(self, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> workers.BeginPostingResponse:
        return await self.worker.workers.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step))

    async def posted(self, recovery: Recovery) -> workers.PostingGrant:
        """Hands the reply out and reports it public."""
        grant = (await self.begin(recovery, workers.RECOVERY_STEP_POST)).grant
        report = workers.RecordPostedRequest(name=recovery.name, attempt=grant.attempt)
        await self.worker.workers.RecordPosted(report)
        return grant

    def form_token(self, recovery: Recovery) -> str:
        links = self.care.links
        return links.form_token(UUID(recovery.name.rpartition("/")[2]), links.current)

    async def submit(self, recovery: Recovery, email: str = "robin@example.com", **more: str) -> None:
        request = customers.SubmitContactRequest(token=self.form_token(recovery), email=email, consent=True, **more)
        await self.customer.customers.SubmitContact(request)

    async def unlock(self, recovery: Recovery) -> None:
        await self.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))

    async def get(self, ticket: Ticket, agent: str = "alice") -> Ticket:
        return (await self.agent(agent).tickets.GetTicket(tickets.GetTicketRequest(name=ticket.name))).ticket

    async def recovery(self, recovery: Recovery, agent: str = "alice") -> Recovery:
        request = conversations.GetRecoveryRequest(name=recovery.name)
        return (await self.agent(agent).conversations.GetRecovery(request)).recovery

    async def in_recovery_state(self, ticket: Ticket, state: str) -> Recovery:
        """Leads a ticket of alice's to a recovery in `state`, by methods alone."""
        recovery = await self.form(ticket)
        alice = self.agent("alice").conversations
        if state == "FORM_REQUESTED":
            return recovery
        grant = await self.posted(recovery)
        match state:
            case "AWAITING_CONTACT":
                pass
            case "WITHDRAWN":
                await alice.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=recovery.name))
            case "REPLACED":
                await alice.AddContact(conversations.AddContactRequest(parent=ticket.name, email="robin@example.com"))
            case "CONTACT_RECEIVED":
                await self.submit(recovery)
            case "CHAT_UNLOCKED" | "REJECTED":
                await self.submit(recovery)
                await self.unlock(recovery)
                if state == "REJECTED":
                    await alice.RejectContact(conversations.RejectContactRequest(name=recovery.name))
            case "REFUSED":
                refused = workers.RecordRefusedRequest(
                    name=recovery.name, attempt=grant.attempt, reason=REFUSAL_REASON_LINKS_NOT_ALLOWED
                )
                await self.worker.workers.RecordRefused(refused)
            case "ENDED_BY_CLOSE":
                await self.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            case _:
                raise ValueError(state)
        return recovery
