"""Forms withdrawn and sent again around slow postings: the newest reply stands, and no dead link stays public."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import httpx
import pytest

from care_rules.entities.recovery import ReplyState
from tests.e2e.case import Case
from tests.support.system import System, eventually

# One that waits for an order in which attempts end in timeouts waits long.
pytestmark = pytest.mark.timeout(240)

SLOW: Final = 3.0
"""Seconds that leave time to act while a reply is being posted; the worker waits as long."""

SLOWER_THAN_THE_WORKER: Final = 12.0
"""Seconds; the worker gives up after 10, and the site carries the write out all the same."""

PATIENCE: Final = 200.0
"""Seconds, for attempts that end in timeouts and the time in which each of them may still have an effect."""

AT_REST: Final = {ReplyState.NONE, ReplyState.POSTED, ReplyState.NOT_PUBLIC, ReplyState.RETRACTED}
"""Nothing is handed out."""


@dataclass(frozen=True)
class Order:
    """When a form is withdrawn, and when the next one is sent."""

    withdrawn: str
    again: str
    delay: float = SLOW
    """Seconds that the site takes for each write."""
    rounds: int = 1

    def __str__(self) -> str:
        return f"withdrawn {self.withdrawn}, again {self.again}, {self.rounds}x, {self.delay:g} s"


ORDERS: Final = [
    *(Order(*when) for when in product(["at once", "posting", "posted"], ["never", "at once", "retracting", "rested"])),
    *(Order(withdrawn, "at once", rounds=3) for withdrawn in ["at once", "posting", "posted"]),
    *(Order("posting", again, SLOWER_THAN_THE_WORKER) for again in ["never", "at once"]),
]


async def play(case: Case, order: Order) -> list[str]:
    """Returns the recoveries, the oldest first."""
    await case.site.behave("slow", order.delay)
    sent = [await case.send()]
    for _ in range(order.rounds):
        await reaches(case, sent[-1], order.withdrawn)
        await case.withdraw(sent[-1])
        if order.again == "never":
            break
        await reaches(case, sent[-1], order.again)
        sent.append(await case.send())
    if order.delay > SLOW:
        # At a site that stays so, no attempt ever ends well.
        await case.site.behave("accept")
    return sent


async def reaches(case: Case, recovery: str, moment: str) -> None:
    match moment:
        case "posting":
            await case.is_marked(recovery, ReplyState.POSTING)
        case "posted":
            await case.reaches(recovery, "AWAITING_CONTACT")
        case "retracting":

            async def retracting() -> bool:
                return await case.reply_state(recovery) is ReplyState.RETRACTING or await case.has_ended(recovery)

            await eventually(f"the retraction of {recovery}", retracting)
        case "rested":
            await case.rests(recovery)
        case "at once":
            pass
        case _:
            raise ValueError(moment)


async def rest(case: Case, sent: list[str], *, newest_is_live: bool) -> None:
    if newest_is_live:
        await case.reaches(sent[-1], "AWAITING_CONTACT", PATIENCE)
    for recovery in sent[:-1] if newest_is_live else sent:
        await case.rests(recovery, PATIENCE)


@pytest.fixture(scope="module")
async def played(system: System) -> AsyncIterator[Mapping[Order, asyncio.Task[tuple[Case, list[str]]]]]:
    """All orders, under way at the same time on reviews of their own: most of what they do is to wait."""

    async def to_rest(order: Order) -> tuple[Case, list[str]]:
        case = await Case.open(system)
        sent = await play(case, order)
        await rest(case, sent, newest_is_live=order.again != "never")
        return case, sent

    tasks = {order: asyncio.create_task(to_rest(order)) for order in ORDERS}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_the_newest_reply_stands_and_no_dead_link_is_public(
    played: Mapping[Order, asyncio.Task[tuple[Case, list[str]]]], order: Order
) -> None:
    case, sent = await played[order]
    reply = await case.site.reply()
    link = await case.public_link()
    if order.again == "never":
        assert "/f/" not in (reply or "")
    else:
        assert link is not None
        assert reply == (await case.get(sent[-1])).reply_text.replace("{form_link}", link)
        assert (await case.http.get(link)).status_code == httpx.codes.OK
    assert {await case.reply_state(recovery) for recovery in sent} <= AT_REST
    withdrawn = sent if order.again == "never" else sent[:-1]
    assert {await case.state(recovery) for recovery in withdrawn} == {"WITHDRAWN"}
    assert (await case.log())["FORM_WITHDRAWN"] == len(withdrawn)
