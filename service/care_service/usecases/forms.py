"""The use cases of a recovery form's link: the customer opens and submits the form. No token or address is logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from care_rules import commands, submit
from care_rules.callers import customer_caller
from care_rules.names import TicketName
from care_rules.scheduling import schedule
from care_rules.submit import FormSnapshot
from care_service.usecases.link_access import unknown_link, without_metadata
from care_service.usecases.links import Links
from care_service.usecases.new_tickets import commit, decide_with_number
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Replayable, Request
from care_service.usecases.retrying import retry_until_committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The values that a customer enters in a form."""

    email: str
    phone: str
    """In E.164 format, or as typed if it has no country code. Then the location's or organization's region applies."""
    display_name: str
    message: str


async def load_form(store: TicketStore, links: Links, token: str, now: datetime) -> FormSnapshot:
    """Returns the form that a link opens. Refuses with LINK_UNKNOWN if the link is not valid."""

    async def attempt(store: TicketStore) -> FormSnapshot:
        return (await _load(store, links, token, None, now))[0]

    return await retry_until_committed(store, attempt, None)


async def submit_contact(
    store: TicketStore, links: Links, token: str, submission: Submission, request: Request[str]
) -> Replayable[str]:
    """Records a submission. Returns the reference to show to the customer.

    The first submission is the contact that the chat is opened with. Later ones are kept as claims. If the ticket is
    CLOSED, a submission is kept as a claim on the review's open ticket, or else creates a follow-up. A repeated
    submission changes nothing.
    """
    command = commands.SubmitContact(
        email=submission.email,
        phone=submission.phone,
        display_name=submission.display_name,
        message=submission.message,
        contact_id=uuid7(),
        recovery_id=uuid7(),
        message_id=uuid7(),
    )

    async def attempt(store: TicketStore) -> Replayable[str]:
        form, stored = await _load(store, links, token, request.id, request.oldest)
        caller = customer_caller(str(form.recovery.id))
        own, reference = request.by(caller), form.recovery.reference
        if (replayed := own.replay(stored)) is not None:
            return replayed
        decision = await decide_with_number(
            store,
            form.target.settings,
            lambda number: submit.submit_contact(form, number, command, caller, own.now, own.id),
        )
        if decision is not None:
            await commit(store, schedule(form.target, decision), own.record(form.recovery.organization, reference))
        return reference

    async def target() -> TicketName:
        ticket = (await load_form(store, links, token, request.now)).target.ticket
        return TicketName(ticket.organization, ticket.number)

    with without_metadata():
        return await retry_until_committed(store, attempt, target)


async def _load(
    store: TicketStore, links: Links, token: str, request_id: UUID | None, oldest: datetime
) -> tuple[FormSnapshot, StoredResponse | None]:
    found = links.read_form_token(token)
    loaded = await store.load_form(found[0], request_id, oldest) if found else None
    # The key `recovery.key_id` signs the link to the recovery's form. A token with another key id is forged.
    if found is None or loaded is None or loaded[0].recovery.key_id != found[1]:
        raise unknown_link("the business's reply")
    return loaded
