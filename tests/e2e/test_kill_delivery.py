"""kill -9 around the moment at which a provider has a message: it arrives at least once, and is shown once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from care.v1 import message_pb2
from tests.e2e.case import Case, Person
from tests.e2e.mail import emails, until_emails
from tests.e2e.talk import is_delivered, say, thread
from tests.support.system import eventually

pytestmark = pytest.mark.timeout(240)

PATIENCE = 110.0
"""Seconds: Temporal waits 30 for an attempt whose worker was killed."""


async def unlocked(case: Case) -> Person:
    """Opens a chat, whose greeting has arrived."""
    person = Person(phone="")
    await case.reaches(await case.add_contact(person), "CHAT_UNLOCKED")
    await until_emails(case.system, person.email, 1)
    return person


async def is_handed_out(case: Case, message: str, attempts: int = 1) -> None:
    """Returns once the worker was given the message so often, and has begun to send it."""

    async def there() -> bool:
        rows = await case.system.sql(
            "SELECT 1 FROM deliveries WHERE message_id = $1 AND attempts >= $2", message.rpartition("/")[2], attempts
        )
        return bool(rows)

    await eventually(f"the hand-out of {message}", there)


async def test_a_mail_server_that_is_killed_while_an_email_is_on_its_way_to_it(case: Case) -> None:
    person = await unlocked(case)
    with case.system.processes.frozen("mailbox"):
        message = await say(case, "First words")
        await is_handed_out(case, message.name)
        case.system.processes.kill("mailbox")
    await case.system.processes.back()
    await is_delivered(case, message, message_pb2.DELIVERY_STATE_SENT, patience=PATIENCE)
    found = [each for each in await emails(case.system, person.email) if message.text in each.text]
    assert len({each.message_id for each in found}) == 1
    await is_shown_once(case, message.name)


async def test_a_worker_that_is_killed_after_the_server_took_an_email_and_before_it_was_recorded(
    case: Case,
) -> None:
    person = await unlocked(case)
    with ExitStack() as service:
        with case.system.processes.frozen("mailbox"):
            message = await say(case, "Second words")
            await is_handed_out(case, message.name)
            service.enter_context(case.system.processes.frozen("serve"))
        # The mailbox takes it; the service, to which that is reported, does nothing.
        await until_emails(case.system, person.email, 2)
        case.system.processes.kill("work")
    await case.system.processes.back()
    await is_delivered(case, message, message_pb2.DELIVERY_STATE_SENT, patience=PATIENCE)
    found = [each for each in await emails(case.system, person.email) if message.text in each.text]
    # At least once; and a mail program knows by its id that the second is the first again.
    assert len(found) in {1, 2}
    assert len({each.message_id for each in found}) == 1
    await is_shown_once(case, message.name)


async def is_shown_once(case: Case, message: str) -> None:
    assert [each.name for each in await thread(case, case.ticket)].count(message) == 1
    log = await case.log()
    # The greeting's and this one's.
    assert (log["MESSAGE_SENT"], log["DELIVERY_SENT"], log["DELIVERY_FAILED"]) == (1, 2, 0)
