"""No error, log or representation of the SMTP adapter shows personal data or a password."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from care_workflows.channels.errors import MessengerError
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.mail import PASSWORD, Inbox, serve_mail
from tests.workflows.channels.smtp_emails import DEADLINE, LINK, MESSAGE, SENDER, plain_adapter


async def test_no_error_and_no_log_contains_personal_data(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[MessengerError] = []
    answers = [{"MAIL": "550 no"}, {"RCPT": "550 kim@example.org"}, {"DATA": "554 kim@example.org"}, {"RCPT": "450 x"}]
    inboxes = [*map(Inbox, answers), Inbox(hangs_at="DATA"), Inbox(drops_at="DATA")]
    with caplog.at_level(logging.DEBUG):
        for inbox in inboxes:
            async with serve_mail(inbox) as port:
                with pytest.raises(MessengerError) as raised:
                    await plain_adapter(port, DEADLINE if inbox.hangs_at else 20.0).send(MESSAGE)
            failures.append(raised.value)
        with pytest.raises(MessengerError) as raised:
            await plain_adapter(1).send(replace(MESSAGE, address="kim@example.org@"))
        failures.append(raised.value)
    for failure in failures:
        assert failure.args == (str(failure),)
        assert str(failure).replace("_", "").isupper()
        assert failure.__cause__ is None
        assert failure.__context__ is None
    records = [
        record.getMessage() for record in caplog.records if not record.name.startswith("mail.")
    ]  # `mail.*` are logs of the server
    for secret in ("kim@", LINK, "sorry"):
        assert not [line for line in records if secret in line]


def test_representations_show_no_message_and_no_password() -> None:
    server = SmtpServer("127.0.0.1", 25, SENDER, password=PASSWORD)
    for shown in (repr(MESSAGE), repr(server), repr(SmtpEmail(server))):
        for secret in ("kim", "sorry", "private-token", PASSWORD):
            assert secret not in shown
