"""The enums of the other roles, which know only the service's contract, agree with the contract."""

from __future__ import annotations

import ast
from typing import Final

import pytest

from care_workflows.messenger_settings import CHANNELS
from tests.unit.vocabulary.contract import value_names
from tests.unit.vocabulary.source import enums, modules

SAME: Final = {
    ("care_cli", "Status"): "care.v1.TicketStatus",
    ("care_cli", "Priority"): "care.v1.TicketPriority",
    ("care_cli", "ContactState"): "care.v1.ContactState",
    ("care_dev", "Role"): "care.v1.Role",
    ("care_web", "FormState"): "care.v1.ContactFormState",
}
FEWER: Final = {
    # Only the service decides these; no adapter reports them.
    ("care_workflows", "RefusalReason"): ("care.v1.RefusalReason", {"TAKEN_DOWN"}),
    ("care_workflows", "DeliveryFailure"): ("care.v1.DeliveryFailure", {"CONTACT_REJECTED", "TIMED_OUT"}),
}
OWN: Final = {
    ("care_cli", "Role"): "the commands that `care health` asks about",
    ("care_dev", "EventKind"): "what the local review site recorded",
    ("care_dev", "Mode"): "how the local review site behaves",
    ("care_dev", "Reason"): "the errors of the local review site's own API",
    ("care_dev", "StarRating"): "the values of the local review site's own API",
    ("care_workflows", "Progress"): "how far a provider got, which becomes a report",
    ("care_workflows", "UnavailableReason"): "why an attempt is retried, which the service never hears of",
}
"""Enums that are not in the contract, each with the reason."""


@pytest.mark.parametrize("enum", [*SAME, *FEWER], ids=".".join)
def test_an_enum_has_the_values_of_the_contract(enum: tuple[str, str]) -> None:
    name, unsaid = (SAME[enum], set[str]()) if enum in SAME else FEWER[enum]
    assert set(enums(enum[0])[enum[1]]) == value_names(name) - unsaid


def test_every_enum_is_compared_or_has_a_reason() -> None:
    found = {
        (package, name) for package in ("care_cli", "care_dev", "care_web", "care_workflows") for name in enums(package)
    }
    assert found == SAME.keys() | FEWER.keys() | OWN.keys()


def test_a_worker_knows_each_channel() -> None:
    assert CHANNELS.keys() == value_names("care.v1.Channel")


def test_a_table_by_channel_has_each_channel() -> None:
    channels = value_names("care.v1.Channel")
    tables = {
        f"{module.path}:{node.lineno}": {key.value for key in node.keys if isinstance(key, ast.Constant)}
        for module in modules()
        if module.package == "care_workflows"
        for node, _ in module.nodes
        if isinstance(node, ast.Dict)
    }
    of_channels = {where: keys for where, keys in tables.items() if len(keys & channels) > 1}
    assert len(of_channels) > 1
    assert {where: channels - keys for where, keys in of_channels.items() if channels - keys} == {}
