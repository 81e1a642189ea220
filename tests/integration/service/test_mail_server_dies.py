"""A mail server dies in the middle of an email: a test with the service, the worker's activity and real SMTP."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import message_pb2
from care.v1.workflows_pb2 import MessageDeliveryInput
from care_workflows.channels.registry import Messengers
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from care_workflows.delivery_activities import DeliveryActivities
from tests.support.mail import Inbox, serve_mail
from tests.support.tenant import Tenant

_DYING: Final = """
import asyncio

async def speak(reader, writer):
    for answer in (b"220 hello", b"250 hello", b"250 OK", b"250 OK", b"354 go on"):
        writer.write(answer + b"\\r\\n")
        await reader.readuntil(b"\\r\\n")
    await reader.readexactly(100)
    print("in the middle", flush=True)
    await asyncio.Event().wait()

async def main():
    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""A mail server that reads the beginning of an email's DATA, prints a line, and stops reading."""


@asynccontextmanager
async def dying() -> AsyncIterator[tuple[int, asyncio.subprocess.Process, asyncio.StreamReader]]:
    """Runs the server. Yields its port, its process and its output."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _DYING, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def activities(tenant: Tenant, port: int) -> DeliveryActivities:
    mail = SmtpEmail(SmtpServer("127.0.0.1", port, "care@business.example", security="none"))
    return DeliveryActivities(tenant.worker.workers, Messengers({"EMAIL": mail}))


async def test_an_email_is_sent_again_and_shown_once_after_its_mail_server_was_killed(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    request = conversations.SendMessageRequest(parent=ticket.name, text="We looked into it. " * 400)
    message = (await tenant.agent("alice").conversations.SendMessage(request)).message
    start = MessageDeliveryInput(message=message.name)
    async with dying() as (port, server, said):
        sending = asyncio.create_task(ActivityEnvironment().run(activities(tenant, port).send_message, start))
        assert await said.readline() == b"in the middle\n"
        server.send_signal(signal.SIGKILL)
        with pytest.raises(ApplicationError, match="CONNECTION"):
            await sending
    entry = (await tenant.thread(ticket, "AGENT_MESSAGE"))[-1]
    assert entry.delivery.state == message_pb2.DELIVERY_STATE_QUEUED
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await ActivityEnvironment().run(activities(tenant, port).send_message, start)
    [email] = inbox.emails
    assert email["Message-ID"].startswith(f"<{message.name.rpartition('/')[2]}@")
    _, *shown = await tenant.thread(ticket, "AGENT_MESSAGE")
    assert [(each.name, each.delivery.state) for each in shown] == [(message.name, message_pb2.DELIVERY_STATE_SENT)]
