"""`care ticket` shows each status in its own style, and each command under the name of its subcommand."""

from __future__ import annotations

from care_cli.ticket.app import app
from care_cli.ticket.screens import _COMMANDS, _STATUS_STYLES
from care_rules.lifecycle import TicketStatus
from care_rules.permissions import Command


def test_each_status_has_a_style() -> None:
    assert _STATUS_STYLES.keys() == {status.value for status in TicketStatus}


def test_each_command_has_a_subcommand() -> None:
    assert _COMMANDS.keys() == {command.value for command in Command}
    groups = {f"{group.name} ": group.typer_instance for group in app.registered_groups} | {"": app}
    names = {f"{prefix}{each.name}" for prefix, group in groups.items() if group for each in group.registered_commands}
    assert set(_COMMANDS.values()) <= names
