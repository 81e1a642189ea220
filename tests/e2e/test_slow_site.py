"""Forms are withdrawn and sent again during slow postings: the newest reply stays, and no ended link stays public."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import httpx
import pytest

from care_rules.entities.recovery import ReplyState
from tests.e2e.scenario import Scenario
from tests.support.system import System, eventually

# In some orders, attempts time out, which takes long.
pytestmark = pytest.mark.timeout(240)

SLOW: Final = 3.0
"""A delay in seconds that leaves time to act while a reply is being posted. The worker waits longer."""

SLOWER_THAN_THE_WORKER: Final = 12.0
"""A delay in seconds. The worker gives up after 10 s, but the site still carries out the write."""

TIMEOUT: Final = 200.0
"""A limit in seconds for attempts that time out and for the time in which their writes settle."""

AT_REST: Final = {ReplyState.NONE, ReplyState.POSTED, ReplyState.NOT_PUBLIC, ReplyState.RETRACTED}
"""The reply states without a pending attempt."""


@dataclass(frozen=True)
class Order:
    """The moments at which a form is withdrawn and the next one is sent."""

    withdrawn: str
    again: str
    delay: float = SLOW
    """The site's delay of each write, in seconds."""
    rounds: int = 1

    def __str__(self) -> str:
        return f"withdrawn {self.withdrawn}, again {self.again}, {self.rounds}x, {self.delay:g} s"


_MOMENTS: Final = ["at once", "posting", "posted"]
ORDERS: Final = [
    *(Order(*when) for when in product(_MOMENTS, ["never", "retracting"])),
    Order("posting", "at once", rounds=3),
    Order("posting", "at once", SLOWER_THAN_THE_WORKER),
]
MORE_ORDERS: Final = [
    *(Order(*when) for when in product(_MOMENTS, ["at once", "rested"])),
    *(Order(withdrawn, "at once", rounds=3) for withdrawn in ["at once", "posted"]),
    Order("posting", "never", SLOWER_THAN_THE_WORKER),
]


async def play(scenario: Scenario, order: Order) -> list[str]:
    """Plays the order. Returns the recoveries, oldest first."""
    await scenario.site.set_behavior("slow", order.delay)
    sent = [await scenario.send_form()]
    for _ in range(order.rounds):
        await reaches(scenario, sent[-1], order.withdrawn)
        await scenario.withdraw(sent[-1])
        if order.again == "never":
            break
        await reaches(scenario, sent[-1], order.again)
        sent.append(await scenario.send_form())
    if order.delay > SLOW:
        # If the site stayed slow, no attempt would succeed.
        await scenario.site.set_behavior("accept")
    return sent


async def reaches(scenario: Scenario, recovery: str, moment: str) -> None:
    match moment:
        case "posting":
            await scenario.wait_for_reply_state(recovery, ReplyState.POSTING)
        case "posted":
            await scenario.wait_for_state(recovery, "AWAITING_CONTACT")
        case "retracting":

            async def is_retracting() -> bool:
                return await scenario.get_reply_state(
                    recovery
                ) is ReplyState.RETRACTING or await scenario.workflow_has_ended(recovery)

            await eventually(f"the retraction of {recovery}", is_retracting)
        case "rested":
            await scenario.wait_for_workflow_end(recovery)
        case "at once":
            pass
        case _:
            raise ValueError(moment)


async def rest(scenario: Scenario, sent: list[str], *, newest_is_live: bool) -> None:
    if newest_is_live:
        await scenario.wait_for_state(sent[-1], "AWAITING_CONTACT", TIMEOUT)
    for recovery in sent[:-1] if newest_is_live else sent:
        await scenario.wait_for_workflow_end(recovery, TIMEOUT)


@pytest.fixture(scope="module")
async def played(
    system: System, request: pytest.FixtureRequest
) -> AsyncIterator[Mapping[Order, asyncio.Task[tuple[Scenario, list[str]]]]]:
    """Plays all selected orders at the same time, each on its own review, because they mostly wait."""
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    orders = [order for item in here if isinstance(order := item.callspec.params["order"], Order)]

    async def to_rest(order: Order) -> tuple[Scenario, list[str]]:
        scenario = await Scenario.open(system)
        sent = await play(scenario, order)
        await rest(scenario, sent, newest_is_live=order.again != "never")
        return scenario, sent

    tasks = {order: asyncio.create_task(to_rest(order)) for order in orders}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize(
    "order", [*ORDERS, *(pytest.param(order, marks=pytest.mark.long) for order in MORE_ORDERS)], ids=str
)
async def test_the_newest_reply_stays_and_no_ended_link_is_public(
    played: Mapping[Order, asyncio.Task[tuple[Scenario, list[str]]]], order: Order
) -> None:
    scenario, sent = await played[order]
    reply = await scenario.site.get_reply()
    link = await scenario.find_public_link()
    if order.again == "never":
        assert "/f/" not in (reply or "")
    else:
        assert link is not None
        assert reply == (await scenario.get_recovery(sent[-1])).reply_text.replace("{form_link}", link)
        assert (await scenario.http.get(link)).status_code == httpx.codes.OK
    assert {await scenario.get_reply_state(recovery) for recovery in sent} <= AT_REST
    withdrawn = sent if order.again == "never" else sent[:-1]
    assert {await scenario.get_state(recovery) for recovery in withdrawn} == {"WITHDRAWN"}
    assert (await scenario.count_activities())["FORM_WITHDRAWN"] == len(withdrawn)
