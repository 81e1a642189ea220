"""Every enum of the rules agrees with its enum of the contract. Every enum on either side has a pair or a reason."""

from __future__ import annotations

import pkgutil
from enum import Enum
from importlib import import_module
from typing import Any

import pytest

import care_rules
from care.v1 import ticket_service_pb2
from care_rules import (
    callers,
    chat,
    delivery,
    lifecycle,
    permissions,
    queries,
    recovery_plan,
    refusals,
    settings,
    submit,
)
from care_rules.entities.message import Channel
from care_rules.entities.recovery import ReplyState
from care_rules.filters import lexer, syntax
from care_rules.permissions import Command
from care_rules.timing import DeadlineKind
from care_service.rpc import enums
from care_service.rpc.enums import EnumPair, UnpairedMemberError
from care_service.rpc.policy import SERVICES
from tests.unit.vocabulary.contract import enums_of_the_contract, prefix

PAIRS: dict[str, EnumPair[Any, Any]] = {
    name: value for name, value in vars(enums).items() if isinstance(value, EnumPair)
}

NEEDLESS: dict[type[Enum], str] = {
    ReplyState: "nobody but the rules sees what became of a recovery's reply at its site",
    queries.OrderField: "a word of `order_by`, which is text",
    lexer.TokenKind: "a kind of token within a filter's text",
    lifecycle.Party: "who fires a trigger; GetLifecycle says it in words",
    lifecycle.Trigger: "a word of GetLifecycle and of errors' metadata, which are text",
    permissions.Command: "the name of a method, compared with the contract's methods below",
    permissions.Relation: "a step of the rules on the way to an answer",
    settings.Moves: "what the service itself does after a change of settings",
    syntax.Comparator: "a sign within a filter's text",
}
"""Enums of the rules without an enum of the contract, each with the reason."""

NEEDLESS_IN_RULES: dict[str, str] = {
    "care.v1.ChatAuthor": "told from a message's kind: whether the customer wrote it",
    "care.v1.DeadlineStep": "told from whether a deadline has passed",
    "care.v1.TicketView": "how much of a ticket a list returns, which the RPC layer decides",
    "care.v1.Weekday": "a place in `BusinessHours.week`",
}
"""Enums of the contract without an enum of the rules, each with the reason."""

FEWER: dict[str, set[Enum]] = {
    "CONTACT_STATE": {*lifecycle.RecoveryState} - lifecycle.LIVE - {lifecycle.RecoveryState.NO_CONTACT},
    "DEADLINE_KIND": {DeadlineKind.FORM_REMINDER},
    "RECOVERY_STATE": {lifecycle.RecoveryState.NO_CONTACT},
}
"""Members that the contract's enum of a pair does not have."""


class Color(Enum):
    """An enum for the tests of the pairs."""

    RED = 1
    BLUE = 2
    GREEN = 3


def enums_of_the_rules() -> set[type[Enum]]:
    found: set[type[Enum]] = set()
    for module in pkgutil.walk_packages(care_rules.__path__, "care_rules."):
        values = vars(import_module(module.name)).values()
        found |= {value for value in values if isinstance(value, type) and issubclass(value, Enum)}
    return {each for each in found if each.__module__.startswith("care_rules.")}


def test_the_enums_are_found() -> None:
    assert {
        Channel,
        callers.Role,
        refusals.Reason,
        recovery_plan.RecoveryStep,
        delivery.DeliveryStep,
    } <= enums_of_the_rules()
    assert {chat.ChatState, submit.FormState, settings.AutoAssign, DeadlineKind} <= enums_of_the_rules()
    assert {"care.v1.Channel", "care.v1.Role", "care.v1.ErrorReason"} <= enums_of_the_contract().keys()


def test_every_enum_of_the_rules_has_a_pair_or_a_reason_why_not() -> None:
    paired = {pair.domain for pair in PAIRS.values()}
    assert paired | NEEDLESS.keys() == enums_of_the_rules()
    assert paired & NEEDLESS.keys() == set()


def test_every_enum_of_the_contract_has_a_pair_or_a_reason_why_not() -> None:
    prefixes = {name: prefix(enum) for name, enum in enums_of_the_contract().items()}
    assert len(set(prefixes.values())) == len(prefixes)
    paired = [pair.prefix for pair in PAIRS.values()]
    assert sorted(paired) == sorted(found for name, found in prefixes.items() if name not in NEEDLESS_IN_RULES)


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_has_the_same_members_and_converts_each_both_ways(name: str) -> None:
    pair = PAIRS[name]
    (contract,) = (enum for enum in enums_of_the_contract().values() if prefix(enum) == pair.prefix)
    numbers = {value.name.removeprefix(pair.prefix): value.number for value in contract.values}
    assert numbers.pop("UNSPECIFIED") == pair.to_contract(None) == 0
    members = {member.name: member for member in pair.domain if member not in FEWER.get(name, set())}
    assert members.keys() == numbers.keys()
    assert {word: pair.to_contract(member) for word, member in members.items()} == numbers
    assert {word: pair.from_contract(number) for word, number in numbers.items()} == members


@pytest.mark.parametrize("name", PAIRS)
def test_an_unknown_number_has_no_member(name: str) -> None:
    assert [PAIRS[name].from_contract(number) for number in (0, -1, 1_000)] == [None, None, None]


def test_a_pair_with_a_member_on_one_side_only_is_refused() -> None:
    contract = [("COLOR_UNSPECIFIED", 0), ("COLOR_RED", 1), ("COLOR_BLUE", 2)]
    with pytest.raises(UnpairedMemberError, match="GREEN"):
        EnumPair(Color, contract)
    with pytest.raises(UnpairedMemberError, match="BLUE"):
        EnumPair(Color, contract[:-1], unsent={Color.GREEN})
    assert EnumPair(Color, contract, unsent={Color.GREEN}).choices == "RED or BLUE"


def test_every_command_is_a_method_of_the_contract() -> None:
    methods = {method.name for service in SERVICES for method in service.methods}
    assert {command.value for command in Command} <= methods


def test_tickets_are_counted_under_the_names_of_the_contract() -> None:
    shown = ticket_service_pb2.CountTicketsResponse.DESCRIPTOR.fields_by_name
    assert list(queries.TicketCounts.__dataclass_fields__) == list(shown)
