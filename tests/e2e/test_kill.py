"""After kill -9 of any part at any moment, a recovery completes with one reply and one unlocked chat."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Final

import pytest

from care_rules.entities.recovery import ReplyState
from tests.e2e.scenario import Person, Scenario
from tests.support.system import System

pytestmark = pytest.mark.timeout(240)

PARTS: Final = ["work", "serve", "temporal", "postgres", "review-site"]
"""The parts to kill. The worker is first, because Temporal waits longest for its activities."""

ROUNDS: Final = 25

SLOW: Final = 3.0
"""A delay of the review site, in seconds, that leaves time to kill a part."""

TIMEOUT: Final = 110.0
"""A limit for an attempt whose worker was killed, in seconds. Temporal waits 30 s, and the write settles in 26 s."""


@dataclass
class Story:
    """A scenario that ends with an unlocked chat or, if its last form is withdrawn, with a reply without a link."""

    scenario: Scenario
    person: Person = field(default_factory=Person)
    sent: list[str] = field(default_factory=list)
    """The recoveries, oldest first."""
    is_withdrawn: bool = False

    async def send(self) -> None:
        self.sent.append(await self.scenario.send_form())
        self.is_withdrawn = False

    async def withdraw(self) -> None:
        await self.scenario.withdraw(self.sent[-1])
        self.is_withdrawn = True

    async def submit(self) -> None:
        await self.scenario.submit_form(await self.scenario.wait_for_form_link(self.sent[-1], TIMEOUT), self.person)

    async def wait_until_posting(self) -> None:
        await self.scenario.site.set_behavior("slow", SLOW)
        await self.send()
        await self.scenario.wait_for_reply_state(self.sent[-1], ReplyState.POSTING)

    async def wait_until_posted(self) -> None:
        await self.send()
        await self.scenario.wait_for_state(self.sent[-1], "AWAITING_CONTACT")

    async def complete(self) -> None:
        """Completes the story, waits for all workflows, and checks the same result as without a kill."""
        if not self.is_withdrawn and (await self.scenario.get_recovery(self.sent[-1])).contact.id == "":
            await self.submit()
        for recovery in self.sent:
            await self.scenario.wait_for_workflow_end(recovery, TIMEOUT)
            log = await self.scenario.count_activities(recovery)
            assert set(log.values()) == {1}, log
            assert await self.scenario.get_reply_state(recovery) not in {ReplyState.POSTING, ReplyState.RETRACTING}
        if self.is_withdrawn:
            assert await self.scenario.find_public_link() is None
        else:
            await self._assert_unlocked(self.sent[-1])

    async def _assert_unlocked(self, recovery: str) -> None:
        found, link = await self.scenario.get_recovery(recovery), await self.scenario.find_public_link()
        assert link is not None
        assert await self.scenario.site.get_reply() == found.reply_text.replace("{form_link}", link)
        assert (found.contact.email, found.contact.phone) == (self.person.email, self.person.phone)
        assert list(found.claims) == []
        log = await self.scenario.count_activities(recovery)
        assert [log[kind] for kind in ("FORM_POSTED", "CONTACT_SUBMITTED", "CHAT_UNLOCKED")] == [1, 1, 1]


class Moment:
    """The state of a story when the part is killed."""

    async def arrange(self, story: Story) -> None:
        """Prepares the state. A slow review site stays busy until the kill."""

    async def strike(self, story: Story) -> None:
        """Does the last action before the kill, while the worker is frozen."""


class Asked(Moment):
    async def strike(self, story: Story) -> None:
        await story.send()


class Posting(Moment):
    async def arrange(self, story: Story) -> None:
        await story.wait_until_posting()


class PostingAndWithdrawn(Posting):
    async def strike(self, story: Story) -> None:
        await story.withdraw()


class PostingAndSentAgain(Posting):
    async def strike(self, story: Story) -> None:
        await story.withdraw()
        await story.send()


class Posted(Moment):
    async def arrange(self, story: Story) -> None:
        await story.wait_until_posted()


class Answered(Posted):
    async def strike(self, story: Story) -> None:
        await story.submit()
        assert await story.scenario.get_state(story.sent[-1]) == "CONTACT_RECEIVED"


class Withdrawn(Posted):
    async def strike(self, story: Story) -> None:
        await story.withdraw()


class Retracting(Posted):
    async def arrange(self, story: Story) -> None:
        await super().arrange(story)
        await story.scenario.site.set_behavior("slow", SLOW)
        await story.withdraw()
        await story.scenario.wait_for_reply_state(story.sent[-1], ReplyState.RETRACTING)


MOMENTS: Final = [
    Asked(),
    Posting(),
    PostingAndWithdrawn(),
    PostingAndSentAgain(),
    Posted(),
    Answered(),
    Withdrawn(),
    Retracting(),
]


async def test_every_moment_survives_the_kill_of_each_part(system: System) -> None:
    """Kills each part while there is a recovery in each moment. Then waits for all interrupted attempts together."""
    told: list[tuple[str, Moment, Story]] = []
    for part in PARTS:
        scenes = [(moment, Story(await Scenario.open(system))) for moment in MOMENTS]
        await asyncio.gather(*(moment.arrange(story) for moment, story in scenes))
        with system.processes.frozen("work"):
            await asyncio.gather(*(moment.strike(story) for moment, story in scenes))
            system.processes.kill(part)
        await system.processes.back()
        told += [(part, moment, story) for moment, story in scenes]

    async def complete(part: str, moment: Moment, story: Story) -> None:
        try:
            await story.complete()
        except BaseException as error:
            error.add_note(f"{part} was killed at the moment {type(moment).__name__}")
            raise

    await asyncio.gather(*(complete(*scene) for scene in told))


class Chance:
    """Plays stories and kills parts at random, with a seed."""

    def __init__(self, system: System, seed: int) -> None:
        self._system = system
        self._random = random.Random(seed)  # noqa: S311 - to repeat runs, not for security

    async def round(self) -> None:
        """Plays several stories at once, with up to three kills one after the other."""
        stories = [Story(await Scenario.open(self._system)) for _ in range(self._random.randint(3, 8))]
        for story in stories:
            # This is done before the kills, because the site could be killed while it processes this request.
            if self._random.random() < 1 / 2:
                await story.scenario.site.set_behavior("slow", SLOW)
        kills = [self._random.choice(PARTS) for _ in range(self._random.randint(1, 3))]
        await asyncio.gather(self._kill(kills), *(self._play(story) for story in stories))
        await asyncio.gather(*(story.complete() for story in stories))

    async def _kill(self, parts: list[str]) -> None:
        for part in parts:
            await self._pause()
            self._system.processes.kill(part)
            await self._system.processes.back()

    async def _play(self, story: Story) -> None:
        await self._pause()
        await story.send()
        for _ in range(self._random.randint(0, 2)):
            await self._pause()
            await story.withdraw()
            if self._random.random() < 1 / 3:
                return
            await self._pause()
            await story.send()
        await self._pause()

    async def _pause(self) -> None:
        # A random pause instead of a condition, because kills must also happen between two conditions.
        await asyncio.sleep(self._random.expovariate(1))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_recoveries_survive_kills_at_random_moments(system: System) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(2**32))  # noqa: S311 - as above
    # Shown if the test fails.
    print(f"KILL_SEED={seed} repeats this run")  # noqa: T201
    chance = Chance(system, seed)
    for _ in range(ROUNDS):
        await chance.round()
