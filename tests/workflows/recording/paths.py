"""The list of all paths.

A function with the decorator `path` plays a path. The first line of its docstring says what happens on the path.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Final

from tests.workflows.recording.stage import Stage

Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Path:
    """One possible course of a workflow."""

    name: str
    """For example `recovery-expired`. The names of its histories start with it."""
    description: str
    play: Play
    histories_are_short: bool
    """Whether the path needs a server that suggests continuing as new early."""


PATHS: Final[dict[str, Path]] = {}


def path(kind: str, *, histories_are_short: bool = False) -> Callable[[Play], Play]:
    """Adds the decorated function to the list as `{kind}-{name of the function}`."""

    def add(play: Play) -> Play:
        name = f"{kind}-{play.__name__.replace('_', '-')}"
        description = cleandoc(play.__doc__ or "").partition("\n")[0].removesuffix(".")
        PATHS[name] = Path(name, description, play, histories_are_short)
        return play

    return add
