"""The list of all paths. What plays one is a function with the decorator `path`; its first line says what happens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Final

from tests.workflows.recording.stage import Stage

Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Path:
    """One way that a workflow may go."""

    name: str
    """As in `recovery-expired`, the beginning of its histories' names."""
    words: str
    play: Play
    histories_are_short: bool
    """Whether it needs a server that suggests to continue as new early."""


PATHS: Final[dict[str, Path]] = {}


def path(kind: str, *, histories_are_short: bool = False) -> Callable[[Play], Play]:
    """Puts what plays a path on the list, as `{kind}-{name of the function}`."""

    def listed(play: Play) -> Play:
        name = f"{kind}-{play.__name__.replace('_', '-')}"
        words = cleandoc(play.__doc__ or "").partition("\n")[0].removesuffix(".")
        PATHS[name] = Path(name, words, play, histories_are_short)
        return play

    return listed
