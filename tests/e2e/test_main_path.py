"""From a bad review to an unlocked chat, and the pages that a link leads to later."""

from __future__ import annotations

import pytest

from tests.e2e.case import Case, Person
pytestmark = pytest.mark.xdist_group("system")

async def test_a(case: Case) -> None:
    recovery = await case.send()
    link = await case.link(recovery)
    await case.reaches(recovery, "AWAITING_CONTACT")
    await case.submit(link, Person())
    await case.reaches(recovery, "CHAT_UNLOCKED")
    await case.close()
    print(await case.log())
