"""The `Desk` that each command gets: the client, the caller's resource names, and the output."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from care_cli.ticket.output import Output
    from care_client.client import CareClient

_NUMBER: Final = re.compile(r"[1-9][0-9]*")
_SHORT: Final = re.compile(r"([^/]+)/([1-9][0-9]*)")
_FULL: Final = re.compile(r"organizations/[^/]+/tickets/[1-9][0-9]*")


class UsageError(Exception):
    """The command or a value is wrong. The message is one line that says what to do."""


class NotPossible(Exception):
    """The ticket is not in the state that the command needs. The message is one line that says what to do."""


class Desk:
    """One caller's connection to one service."""

    def __init__(self, care: CareClient, organization: str, caller: str, output: Output) -> None:
        """`organization` and `caller` are ids; empty means unknown."""
        self.care: Final = care
        self.output: Final = output
        self._organization = organization
        self._caller = caller

    @property
    def organization(self) -> str:
        """The name of the organization. Raises UsageError if it is unknown."""
        if not self._organization:
            raise UsageError("the organization is unknown: add --organization, such as --organization acme")
        return f"organizations/{self._organization}"

    def ticket(self, given: str) -> str:
        """Returns the full name of a ticket that is given as `7`, as `acme/7` or by its full name.

        Raises UsageError for any other text.
        """
        if _NUMBER.fullmatch(given):
            return f"{self.organization}/tickets/{given}"
        if short := _SHORT.fullmatch(given):
            return f"organizations/{short[1]}/tickets/{short[2]}"
        if _FULL.fullmatch(given):
            return given
        raise UsageError(f"{given!r} is not a ticket: give its number, such as 7, or its name")

    def tickets(self, given: list[str]) -> list[str]:
        """Returns the full names of several tickets, given as for `ticket`."""
        return [self.ticket(one) for one in given]

    def resource(self, collection: str, given: str) -> str:
        """Returns the full name of an agent, location or review that is given by its id or by its full name."""
        return given if given.startswith("organizations/") else f"{self.organization}/{collection}/{given}"

    def agent(self, given: str) -> str:
        """Returns the full name of an agent who is given as `me`, by id or by full name.

        Raises UsageError for `me` if the caller is unknown.
        """
        if given != "me":
            return self.resource("agents", given)
        if not self._caller:
            raise UsageError("the token does not say who `me` is: give the agent's id")
        return self.resource("agents", self._caller)


def text_or_input(given: str | None) -> str:
    """Returns the given text, or the text from standard input if the given text is missing or `-`."""
    if given is not None and given != "-":
        return given
    if sys.stdin.isatty():
        typer.echo("Write the text; Ctrl-D ends it.", err=True)
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
