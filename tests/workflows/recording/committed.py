"""The committed histories, by file name.

`recovery-expired.json` is the present history of the path `recovery-expired`. If a path has several, their names have
a second part, as in `one-ticket.ticket.json`. `recovery-expired.before-{patch}.json` is the history from before the
change of that name. It is kept as long as the code has the branch for it.
"""

from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

from tests.workflows.recording.normal_form import parse

FOLDER: Final = Path(__file__).resolve().parent.parent / "histories"

_BEFORE: Final = "before-"


def names() -> list[str]:
    """Returns the names of all committed histories, without `.json`."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def path_of(name: str) -> str:
    """Returns the path of a history."""
    return name.partition(".")[0]


def is_present(name: str) -> bool:
    """Returns whether a history is the present one of its path."""
    return not any(part.startswith(_BEFORE) for part in name.split(".")[1:])


def of_path(path: str) -> list[str]:
    """Returns the names of a path's present histories."""
    return [name for name in names() if path_of(name) == path and is_present(name)]


def load(name: str) -> WorkflowHistory:
    """Reads a history."""
    return parse(_file(name).read_text(encoding="utf-8"))


def write(name: str, text: str) -> None:
    """Writes the file of a history."""
    FOLDER.mkdir(exist_ok=True)
    _file(name).write_text(text, encoding="utf-8")


def remove(name: str) -> None:
    """Deletes the file of a history."""
    _file(name).unlink()


def set_aside(name: str, patch: str) -> None:
    """Renames a history so that it is kept as the one before a change."""
    _file(name).rename(_file(f"{name}.{_BEFORE}{patch}"))


def _file(name: str) -> Path:
    return FOLDER / f"{name}.json"
