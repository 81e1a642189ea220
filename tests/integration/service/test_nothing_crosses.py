"""Links, pages, streams and emails of a customer never show what belongs to other people, after any acts on tickets.

Every text contains its own marker, and the test knows beforehand who may see it: a person, known by an email address.
After a few steps the test fetches everything that the tokens of customers can fetch and that may have changed, and
sometimes everything. It searches for markers of other people and for the names of agents.
"""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import Final

import grpc
import httpx
import pytest

from care_client.errors import CareError
from tests.integration.service.crossing.acts import ACTS, add_contact, raise_ticket, unlock
from tests.integration.service.crossing.looking import learn, look
from tests.integration.service.crossing.world import NothingFitsError, World
from tests.support.pages import serve_pages
from tests.support.tenant import Tenant

SEED: Final = os.environ.get("CROSSING_SEED")
STEPS: Final = 200
EVERY: Final = 20
"""The number of acts between two checks."""
EVERYTHING: Final = 200
"""The number of acts between two full checks. The checks between them are limited to changes."""


async def run(tenant: Tenant, seed: int, steps: int) -> set[str]:
    """Runs random acts with checks. Returns the acts that succeeded at least once."""
    async with (
        serve_pages(tenant.care.address) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as browser,
        grpc.aio.insecure_channel(tenant.care.address) as bare,
    ):
        return await act_and_look(World(tenant, Random(seed), browser, bare), seed, steps)  # noqa: S311 - a seed repeats the same run


async def act_and_look(world: World, seed: int, steps: int) -> set[str]:
    """See `run`."""
    acts = [act for act, (weight, _) in ACTS.items() for _ in range(weight)]
    for _ in range(2):
        with world.only(await raise_ticket(world)):
            await add_contact(world)
            await unlock(world)
    await learn(world)
    try:
        for number in range(steps):
            act = world.rng.choice(acts)
            try:
                await act(world)
            except NothingFitsError:
                outcome = "nothing to do it to"
            except CareError as error:
                outcome = error.reason
            else:
                outcome = "done"
            legal = {"done", "nothing to do it to", *ACTS[act][1]}
            assert outcome in legal, f"{act.__name__} was answered with {outcome}"
            world.done.append(f"{act.__name__}: {outcome}")
            if number % EVERY == EVERY - 1:
                await look(world, everything=number % EVERYTHING == EVERYTHING - 1)
    except AssertionError as error:
        hint = f"again: CROSSING_SEED={seed}"
        raise AssertionError("\n".join([str(error), *world.done[-EVERY:], hint])) from error
    assert world.shown > steps / 10, "too little was shown to prove anything"
    return {line.partition(":")[0] for line in world.done if line.endswith("done")}


async def test_a_customer_sees_nothing_internal_and_nothing_of_other_people(tenant: Tenant) -> None:
    done = await run(tenant, int(SEED or 1), STEPS)
    assert done == {act.__name__ for act in ACTS}


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("part", range(10))
async def test_a_customer_sees_nothing_of_other_people_in_long_runs(tenant: Tenant, part: int) -> None:
    done = await run(tenant, int(SEED) + part if SEED else secrets.randbits(32), 10 * STEPS)
    assert done == {act.__name__ for act in ACTS}
