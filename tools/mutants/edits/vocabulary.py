"""New members of enums that only the rules have: the contract and the database do not have them."""

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
)
