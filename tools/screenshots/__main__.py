"""Starts a system and takes the screenshots of docs/runbook.md.

python -m tools.screenshots            writes docs/images, and shifts the times in docs/runbook.md to now
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio

from care_dev.stack.errors import StackError
from care_dev.stack.ports import PORT_COUNT
from care_dev.stack.stack import running
from tools import ports
from tools.screenshots import browser, driver
from tools.screenshots.browser import (
    ALL_DETAILS,
    DETAILS,
    EVENT_HISTORY,
    LAST_FAILURE,
    PENDING_ACTIVITIES,
    PROBLEM,
    ROWS,
)
from tools.screenshots.questions import PAGE, Question, parse_questions, shift_times
from tools.screenshots.reporter import ProcessReporter
from tools.screenshots.situations import arrange_situations


@dataclass(frozen=True)
class Shot:
    """A screenshot of a list of workflows or, if `tab` is set, of the page of its first workflow."""

    rows: Sequence[str]
    """The prefixes of the workflow ids in the list. The list has exactly these rows, in any order."""
    tab: str = ""
    """The tab of the page of the first of `rows`, which is the latest."""
    shows: str = ""
    """The text on the page that answers the question."""
    until: str = ""
    """Selector of the last element in the picture. By default, the end of the list or of the details."""
    filter: int = 0
    """The index of the question's filter."""


_OF_TICKET_5: Final = [
    *("message-delivery/acme/5", "ticket/acme/5", "message-delivery/acme/5", "message-delivery/acme/5"),
    "contact-recovery/acme/5",
]
SHOTS: Final = {
    "customers": Shot(["contact-recovery/acme/2", "contact-recovery/acme/1"]),
    "waiting": Shot(["contact-recovery/acme/2", "contact-recovery/acme/1"], tab=DETAILS, shows="Reply public since"),
    "expiring": Shot(["contact-recovery/acme/2"]),
    "refused": Shot(["contact-recovery/acme/3"], tab=DETAILS, shows="Refused: the site does not allow links"),
    "ticket": Shot(_OF_TICKET_5),
    "doing": Shot(_OF_TICKET_5, tab=DETAILS, shows="Sending the message by EMAIL."),
    "next": Shot(["ticket/acme/6"], tab=DETAILS, shows="Next: the ticket is closed for inactivity"),
    "site": Shot(["contact-recovery/acme/4"]),
    "site-down": Shot(["contact-recovery/acme/4"], tab=PENDING_ACTIVITIES, shows="SERVER_ERROR", until=LAST_FAILURE),
    "messages": Shot(["message-delivery/acme/5"]),
    "provider": Shot(["message-delivery/acme/5"], tab=PENDING_ACTIVITIES, shows="TIMEOUT", until=LAST_FAILURE),
    "operator": Shot(["contact-recovery/acme/11"]),
    "paused": Shot(["contact-recovery/acme/11"], tab=DETAILS, shows="Paused: the service refuses this worker"),
    "closing": Shot(["ticket/acme/7", "ticket/acme/6"]),
    "ended": Shot(["contact-recovery/acme/99", "ticket/acme/9", "ticket/acme/8"]),
    "again": Shot(["ticket/acme/8", "ticket/acme/8"], filter=1),
    "stuck": Shot(["contact-recovery/acme/10"]),
    "problem": Shot(["contact-recovery/acme/10"], tab=EVENT_HISTORY, shows="not registered", until=PROBLEM),
    "location": Shot(["ticket/acme/7", "ticket/acme/6"]),
}


async def _take(home: Path) -> None:
    reporter = ProcessReporter()
    async with (
        running(home, ports.first_free(PORT_COUNT), reporter) as stack,
        driver.open_driver(stack) as tickets,
        arrange_situations(stack, reporter, tickets),
        browser.open_ui(stack.urls.temporal_ui) as ui,
    ):
        text = shift_times(PAGE.read_text(encoding="utf-8"), datetime.now(UTC))
        for question in parse_questions(text):
            await _take_images(ui, question)
    PAGE.write_text(text, encoding="utf-8")


async def _take_images(ui: browser.Ui, question: Question) -> None:
    for image in question.images:
        shot = SHOTS[image.stem]
        await ui.list(question.filters[shot.filter], shot.rows)
        if shot.tab:
            await ui.open(shot.rows[0], shot.tab, shot.shows)
        await ui.shoot(image, shot.until or (ALL_DETAILS if shot.tab else ROWS))
        print(f"{question.number:2}  {image.name}")


def main() -> None:
    """Runs the command."""
    print("Starting the system and arranging the situations (a minute) …", file=sys.stderr)
    with TemporaryDirectory(prefix="care-screenshots-") as folder:
        # If this account is root, PostgreSQL runs as another one, which needs access to the folder.
        Path(folder).chmod(0o711)
        try:
            anyio.run(_take, Path(folder) / "stack")
        except StackError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
