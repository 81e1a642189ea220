"""Prints results: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Final

import typer
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.text import Text

_WIDTH: Final = 160
"""Columns of output to a file or a pipe, if COLUMNS is unset."""


class Output:
    """Writes to standard output, as tables or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json: Final = as_json
        console = Console()
        self._console = console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDTH)

    def json(self, message: Message) -> None:
        """Prints a message as one line of proto3 JSON, including fields with default values."""
        typer.echo(MessageToJson(message, indent=None, always_print_fields_with_no_presence=True))

    def json_object(self, parts: Mapping[str, Message | Sequence[Message]]) -> None:
        """Prints several messages and lists of messages as one JSON object on one line."""
        values = {
            name: _value(part) if isinstance(part, Message) else [_value(item) for item in part]
            for name, part in parts.items()
        }
        typer.echo(json.dumps(values))

    def show(self, *parts: RenderableType) -> None:
        """Prints tables and panels for people."""
        for part in parts:
            self._console.print(part, markup=False, highlight=False)

    def line(self, text: str) -> None:
        """Prints one line without wrapping it."""
        self._console.print(Text(text), soft_wrap=True)


def _value(message: Message) -> dict[str, object]:
    return MessageToDict(message, always_print_fields_with_no_presence=True)
