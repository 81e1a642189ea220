"""Each field of an entity is shown to callers or is listed here as hidden. Each field of a message is filled."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from textwrap import dedent
from typing import Any

import pytest
from google.protobuf.message import Message

from care.v1 import (
    activity_pb2,
    customer_service_pb2,
    directory_pb2,
    message_pb2,
    recovery_pb2,
    review_pb2,
    ticket_pb2,
)
from care_cli.ticket import working
from care_rules import commands, organizations, ticket_commands
from care_rules.entities import activity, agent, contact, delivery, message, recovery, review, ticket
from care_rules.permissions import STATUS_TRIGGERS, TRIGGERS
from care_service.rpc import convert, ticket_service
from care_service.usecases import tickets
from tests.unit.vocabulary.source import ROOT

KEYS = {"organization", "ticket_number"}
"""Fields that are part of a resource name."""
SHOWN: list[tuple[Callable[..., Message], type, str, type[Message], set[str]]] = [
    (convert.ticket_message, ticket.Ticket, "ticket", ticket_pb2.Ticket, {"revision"}),
    (
        convert.recovery_message,
        recovery.Recovery,
        "recovery",
        recovery_pb2.Recovery,
        # Details of the posting of a reply, and the key of its link.
        {"review_id", "key_id", "reply_state", "attempt", "hand_out_time", "unsettled_until", "read_time"}
        | {"retract_refusals", "retract_after"},
    ),
    (
        convert.contact_message,
        contact.Contact,
        "contact",
        recovery_pb2.Contact,
        {"key_id"},
    ),
    (
        convert.thread_message,
        message.Message,
        "message",
        message_pb2.Message,
        {"activity_number", "ordinal"},
    ),
    (
        convert.chat_message,
        message.Message,
        "message",
        customer_service_pb2.ChatMessage,
        # The customer sees neither which agent wrote a message, nor how it was sent.
        {"activity_number", "ordinal", "author_kind", "author", "author_display_name", "recovery_id", "contact_id"}
        | {"channel", "automatic"},
    ),
    (
        convert.delivery_message,
        delivery.Delivery,
        "delivery",
        message_pb2.Delivery,
        # The state is part of the message. The rest are details of the sending.
        {"message_id", "contact_id", "attempt", "attempts", "provider_id", "check_time", "checks"}
        | {"create_time", "give_up_time"},
    ),
    (convert.activity_message, activity.Activity, "activity", activity_pb2.Activity, set()),
    (convert.review_message, review.Review, "review", review_pb2.Review, {"posting_attempts"}),
    (convert.agent_message, agent.Agent, "agent", directory_pb2.Agent, set()),
    (convert.location_message, organizations.Location, "location", directory_pb2.Location, {"settings_revision"}),
    (
        convert.organization_message,
        organizations.Organization,
        "organization",
        directory_pb2.Organization,
        # SettingsService shows them.
        {"settings", "settings_revision"},
    ),
]
"""How entities are shown: function, entity, its name in the function, message, and the fields that are not shown."""


HELPERS: dict[Callable[..., Message], Callable[..., bytes]] = {convert.ticket_message: convert.encoded_actions}
"""Functions that fill further fields of the same message."""
EACH = pytest.mark.parametrize(
    ("convert", "entity", "variable", "message", "hidden"), SHOWN, ids=[each[0].__name__ for each in SHOWN]
)
WRITABLE = [
    name
    for name, field in ticket_pb2.Ticket.DESCRIPTOR.fields_by_name.items()
    if not any(option.full_name == "google.api.field_behavior" for option, _ in field.GetOptions().ListFields())
]
"""The fields of a ticket that an update can write."""


def tree(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(dedent(inspect.getsource(function)))


def read_fields(function: Callable[..., Any], variable: str) -> set[str]:
    """Returns the attributes of a variable that a function reads."""
    return {
        node.attr
        for node in ast.walk(tree(function))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == variable
    }


def keywords(function: Callable[..., Any], called: str) -> Iterator[str]:
    """Returns the names of the arguments in a function's calls of `called`, such as `ticket_pb2.Ticket`."""
    for node in ast.walk(tree(function)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == called:
            yield from (each.arg for each in node.keywords if each.arg)


@EACH
def test_every_field_of_an_entity_is_shown_or_has_a_reason(
    convert: Callable[..., Message], entity: type, variable: str, message: type[Message], hidden: set[str]
) -> None:
    names = {field.name for field in fields(entity)} - KEYS
    derived = read_fields(convert, variable)
    shown = derived & names | ({"id", "number"} & names if "name" in derived or "id" in derived else set())
    assert names - shown == hidden, "show the field in convert.py, or name it here"


@EACH
def test_every_field_of_a_message_is_filled(
    convert: Callable[..., Message], entity: type, variable: str, message: type[Message], hidden: set[str]
) -> None:
    called = f"{message.DESCRIPTOR.file.name.rpartition('/')[2].removesuffix('.proto')}_pb2.{message.DESCRIPTOR.name}"
    filled = [*keywords(convert, called), *(keywords(HELPERS[convert], called) if convert in HELPERS else ())]
    assert sorted(filled) == sorted(message.DESCRIPTOR.fields_by_name)


def test_an_update_reads_each_field_that_it_can_write() -> None:
    update = ticket_service.TicketHandlers.UpdateTicket
    assert sorted(keywords(update, "commands.UpdateTicket")) == sorted(WRITABLE)
    assert sorted(field.name for field in fields(commands.UpdateTicket)) == sorted(WRITABLE)
    assert sorted(ticket_service._DETAILS) == sorted(WRITABLE)


def test_an_update_writes_each_field_that_it_reads() -> None:
    assert sorted(keywords(ticket_commands.update, "replace")) == sorted(WRITABLE)


def test_a_creation_reads_each_field_that_an_update_can_write() -> None:
    assert set(WRITABLE) <= set(keywords(ticket_service._new_ticket, "NewTicket"))
    assert set(WRITABLE) <= set(keywords(tickets.create_ticket, "commands.CreateTicket"))


def test_the_refusal_to_write_the_status_names_each_command_that_moves_it() -> None:
    moving = {command.value for command, trigger in TRIGGERS.items() if trigger in STATUS_TRIGGERS}
    assert set(re.findall(r"\w+Ticket\b", ticket_service._VERBS["status"])) == moving


def test_the_contract_names_each_field_that_an_update_can_write() -> None:
    contract = (ROOT / "protos" / "care" / "v1" / "ticket_service.proto").read_text(encoding="utf-8")
    comment = contract.partition("// The fields to set: any of")[2].partition("update_mask")[0]
    assert [name for name in WRITABLE if f"`{name}`" not in comment] == []


def test_the_command_line_has_an_option_for_each_field_that_a_caller_can_write() -> None:
    for function in (working.create, working.edit):
        assert set(WRITABLE) - inspect.signature(function).parameters.keys() - {"labels"} == set()
