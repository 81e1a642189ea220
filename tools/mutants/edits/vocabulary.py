"""Edits of the vocabulary, such as a new enum member in the rules that the contract and the database lack."""

from __future__ import annotations

from typing import Final

from tools.mutants.edit import Edit

_PAIRS: Final = ("tests/unit/vocabulary/test_pairs.py",)
EDITS: Final = (
    Edit(
        "a new Channel in the rules alone",
        "rules/care_rules/entities/message.py",
        '    SMS = "SMS"\n',
        '    SMS = "SMS"\n    WHATSAPP = "WHATSAPP"\n',
        _PAIRS,
        is_short=True,
    ),
    Edit(
        "a new Role in the rules alone",
        "rules/care_rules/callers.py",
        '    WORKER = "worker"\n',
        '    WORKER = "worker"\n    AUDITOR = "auditor"\n',
        _PAIRS,
    ),
    Edit(
        "a new ActivityType in the rules alone",
        "rules/care_rules/entities/activity.py",
        '    REOPENED = "REOPENED"\n',
        '    REOPENED = "REOPENED"\n    ESCALATED = "ESCALATED"\n',
        _PAIRS,
    ),
    Edit(
        "a new RefusalReason in the rules alone",
        "rules/care_rules/entities/recovery.py",
        '    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"\n',
        '    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"\n    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"\n',
        _PAIRS,
    ),
    Edit(
        "a new filter field in the rules alone",
        "rules/care_rules/filters/tickets.py",
        '    "update_time": TimeField(),\n',
        '    "update_time": TimeField(),\n    "resolve_time": TimeField(),\n',
        ("tests/unit/filters/test_filter_sql.py",),
        is_short=True,
    ),
    Edit(
        "a new TicketStatus in the rules alone",
        "rules/care_rules/lifecycle.py",
        '    RESOLVED = "RESOLVED"\n',
        '    RESOLVED = "RESOLVED"\n    ON_HOLD = "ON_HOLD"\n',
        _PAIRS,
    ),
    Edit(
        "an update accepts a field and does not write it",
        "rules/care_rules/ticket_commands.py",
        "        labels=ticket.labels if command.labels is None else command.labels,\n",
        "",
        ("tests/unit/vocabulary/test_messages.py::test_an_update_writes_each_field_that_it_reads",),
    ),
    Edit(
        "a contact with only a phone number is sent emails",
        "rules/care_rules/delivery.py",
        "    if not contact.email:\n        return Channel.SMS\n",
        "",
        ("tests/unit/rules/test_channels.py",),
    ),
    Edit(
        "a worker does not know a channel",
        "workflows/care_workflows/messenger_settings.py",
        'CHANNELS: Final = {"EMAIL": "CARE_SMTP_ADDRESS", "SMS": "CARE_SMS_URL"}',
        'CHANNELS: Final = {"EMAIL": "CARE_SMTP_ADDRESS"}',
        ("tests/unit/vocabulary/test_other_roles.py::test_a_worker_knows_each_channel",),
    ),
)
