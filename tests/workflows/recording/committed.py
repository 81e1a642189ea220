"""The histories that are committed, by the names of their files.

`recovery-expired.json` is how the path `recovery-expired` goes today; with a second dot, as in
`one-ticket.ticket.json`, one of several of a path. `recovery-expired.before-{patch}.json` is how it went before the
change of that name, and is kept as long as the code still has the branch for it.
"""

from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

from tests.workflows.recording.normal_form import loaded

FOLDER: Final = Path(__file__).resolve().parent.parent / "histories"

_BEFORE: Final = "before-"


def names() -> list[str]:
    """The names of all of them, without `.json`."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def path_of(name: str) -> str:
    """The path that a history is of."""
    return name.partition(".")[0]


def is_present(name: str) -> bool:
    """Whether it is how its path goes today."""
    return not any(part.startswith(_BEFORE) for part in name.split(".")[1:])


def of_path(path: str) -> list[str]:
    """The names of the histories that say how a path goes today."""
    return [name for name in names() if path_of(name) == path and is_present(name)]


def load(name: str) -> WorkflowHistory:
    """A history by its name."""
    return loaded(_file(name).read_text(encoding="utf-8"))


def write(name: str, text: str) -> None:
    """Writes a history's file."""
    FOLDER.mkdir(exist_ok=True)
    _file(name).write_text(text, encoding="utf-8")


def remove(name: str) -> None:
    """Deletes a history's file."""
    _file(name).unlink()


def set_aside(name: str, patch: str) -> None:
    """Keeps a history as what was before a change."""
    _file(name).rename(_file(f"{name}.{_BEFORE}{patch}"))


def _file(name: str) -> Path:
    return FOLDER / f"{name}.json"
