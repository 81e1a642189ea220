"""The links of forms and chats: their base URL, their secrecy and the rotation of their keys."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from secrets import token_bytes
from uuid import UUID

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.message_pb2 import DELIVERY_STATE_SENT
from care.v1.recovery_pb2 import Recovery
from care_dev.stack import postgres
from care_service.running.preparing import MissingKeysError
from tests.integration.service.contact_forms import assert_refused_without_details, form_state, read_form, submit
from tests.support.care import WEB_URL, care, refusal
from tests.support.tenant import Tenant


async def test_the_link_is_made_from_the_configured_base_url(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    link = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link
    base, _, token = link.rpartition("/")
    assert base.startswith(WEB_URL)
    assert form_state(await read_form(tenant, token)) == "OPEN"


async def test_no_response_to_the_team_contains_the_link(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    token = tenant.form_token(recovery)
    alice = tenant.agent("alice")
    thread = await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
    shown = (await tenant.get(ticket), await tenant.recovery(recovery), thread, *await tenant.log(ticket))
    assert all(token not in str(message) for message in shown)


@pytest.mark.parametrize(
    ("state", "is_needed"),
    [
        ("FORM_REQUESTED", True),
        # The link accepts further claims and, after the close, a submission that creates a follow-up.
        ("CHAT_UNLOCKED", True),
        # The public reply still contains the link.
        ("WITHDRAWN", True),
        ("DIRECT", False),
        # Chats: an open one, and closed ones before and after the greeting was sent.
        ("DIRECT_UNLOCKED", True),
        ("DIRECT_QUEUED", True),
        ("DIRECT_SENT", False),
    ],
)
async def test_a_service_without_the_key_of_a_link_in_use_does_not_start(
    server: postgres.Server, state: str, is_needed: bool
) -> None:
    async with care(server.create_database(f"key_of_{state.lower()}")) as service:
        tenant = Tenant(service, "acme")
        ticket = await tenant.ticket()
        if state.startswith("DIRECT"):
            added = await tenant.agent("alice").conversations.AddContact(
                conversations.AddContactRequest(parent=ticket.name, email="kim@example.com")
            )
            if state != "DIRECT":
                await tenant.unlock(added.recovery)
            if state in {"DIRECT_QUEUED", "DIRECT_SENT"}:
                await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            if state == "DIRECT_SENT":
                [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
                begin = workers.BeginDeliveryRequest(name=greeting.name, step=workers.DELIVERY_STEP_SEND)
                attempt = (await tenant.worker.workers.BeginDelivery(begin)).grant.attempt
                sent = workers.RecordDeliveredRequest(name=greeting.name, attempt=attempt, state=DELIVERY_STATE_SENT)
                await tenant.worker.workers.RecordDelivered(sent)
        else:
            await tenant.in_recovery_state(ticket, state)
            async with service.database.driver() as connection:
                await connection.execute(
                    "UPDATE recoveries SET expire_time = now() - interval '1 minute' WHERE state = 'WITHDRAWN'"
                )
        variables = {"CARE_LINK_KEYS": f"k2:{urlsafe_b64encode(token_bytes(32)).decode()}"}
        if is_needed:
            with pytest.raises(MissingKeysError, match="k1"):
                async with care(service.settings.database_url, variables=variables):
                    raise AssertionError("it started")
        else:
            async with care(service.settings.database_url, variables=variables) as other:
                assert other.address


async def test_an_old_link_works_and_stays_the_same_after_a_key_rotation(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    link = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link
    (key_id, old), *_ = tenant.care.settings.link_keys.items()
    keys = f"k2:{encoded(b'n' * 32)},{key_id}:{encoded(old)}"
    async with care(tenant.care.settings.database_url, variables={"CARE_LINK_KEYS": keys}) as rotated:
        later = Tenant(rotated, tenant.id)
        assert (await later.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link == link
        assert form_state(await read_form(later, link.rpartition("/")[2])) == "OPEN"
        fresh = await later.form(await later.ticket())
        newer = (await later.begin(fresh, workers.RECOVERY_STEP_POST)).grant.link
        assert newer.rpartition("/")[2].startswith("k2.")
        # A token of the new key is not valid for a recovery whose link was made with the old one.
        forged = later.care.links.form_token(UUID(recovery.name.rpartition("/")[2]), "k2")
        assert_refused_without_details(await refusal(read_form(later, forged)), "LINK_UNKNOWN")
        await submit(later, link.rpartition("/")[2])
    assert (await tenant.recovery(Recovery(name=recovery.name))).contact.email == "robin@example.com"


def encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).decode()
