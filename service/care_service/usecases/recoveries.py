"""The commands on recoveries: an agent sends or withdraws a form, and adds or rejects a contact."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from care_rules import commands
from care_rules.decision import Decision
from care_rules.names import RecoveryName, TicketName
from care_rules.snapshot import TicketSnapshot
from care_service.usecases.execution import execute
from care_service.usecases.links import Links
from care_service.usecases.ports.reader import Reader, RecoveryView
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Replayable, Request


@dataclass(frozen=True, slots=True)
class ChangedRecovery:
    """A recovery after a command, with the recovery's contacts and ticket."""

    recovery: RecoveryView
    ticket: TicketSnapshot


Outcome = Replayable[ChangedRecovery]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """A contact as an agent enters it. If `claim` is set, the other fields are empty."""

    email: str
    phone: str
    """In E.164 format, or as typed if it has no country code. Then the location's or organization's region applies."""
    display_name: str
    claim: UUID | None
    """The id of one of the ticket's contacts. The new contact gets the addresses and the name of that contact."""


async def send_recovery_form(
    store: TicketStore, links: Links, name: TicketName, reply_text: str, request: Request[ChangedRecovery]
) -> Outcome:
    """Starts a recovery whose public reply is `reply_text`, with a new link to its form."""
    recovery_id, key_id = uuid7(), links.current
    command = commands.SendRecoveryForm(
        reply_text=reply_text,
        link=links.form_link(recovery_id, key_id),
        key_id=key_id,
        recovery_id=recovery_id,
        reply_message_id=uuid7(),
        form_message_id=uuid7(),
    )
    return await execute(store, name, command, request, _to_started_recovery)


async def add_contact(
    store: TicketStore, name: TicketName, contact: NewContact, request: Request[ChangedRecovery]
) -> Outcome:
    """Starts a recovery with an address that the agent knows, or with a claim."""
    command = commands.AddContact(
        email=contact.email,
        phone=contact.phone,
        display_name=contact.display_name,
        recovery_id=uuid7(),
        contact_id=uuid7(),
        claim=contact.claim,
    )
    return await execute(store, name, command, request, _to_started_recovery)


async def withdraw_recovery_form(
    store: TicketStore, reader: Reader, name: RecoveryName, request: Request[ChangedRecovery]
) -> Outcome:
    """Withdraws a live form. This ends its recovery."""
    return await _end(store, reader, name, commands.WithdrawRecoveryForm(), request)


async def reject_contact(
    store: TicketStore, reader: Reader, name: RecoveryName, request: Request[ChangedRecovery]
) -> Outcome:
    """Rejects a contact as the wrong person. This ends its recovery."""
    return await _end(store, reader, name, commands.RejectContact(), request)


async def _end(
    store: TicketStore,
    reader: Reader,
    name: RecoveryName,
    command: commands.WithdrawRecoveryForm | commands.RejectContact,
    request: Request[ChangedRecovery],
) -> Outcome:
    request.caller.check_organization(name.organization, str(name))
    # The contacts can be read before the command, because the command does not change them.
    view = await reader.recovery(name)

    def ended(snapshot: TicketSnapshot, _: Decision | None) -> ChangedRecovery:
        if snapshot.target_recovery is None:
            raise AssertionError("the snapshot has no target recovery; execute should have refused the command")
        return ChangedRecovery(RecoveryView(snapshot.target_recovery, view.contacts if view else ()), snapshot)

    return await execute(store, name.ticket, command, request, ended, name.id)


def _to_started_recovery(snapshot: TicketSnapshot, decision: Decision | None) -> ChangedRecovery:
    if decision is None or decision.new_recovery is None:
        raise AssertionError("the decision has no new recovery; the command must start one")
    contacts = (decision.contact,) if decision.contact else ()
    return ChangedRecovery(RecoveryView(decision.new_recovery, contacts), snapshot)
