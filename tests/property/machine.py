"""The property: whatever anybody does, in whatever order, the service does what the model does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

import grpc
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.clocks import SettableClock
from tests.property import choosing, comparing
from tests.property.model import AGENTS, CUSTOMER, SERVICE, WORKER, Action, Model, Outcome, Unlike
from tests.property.world import Seen, World, actions
from tests.support.care import Care

T = TypeVar("T")

_BEGINNING: Final = datetime(2026, 5, 4, 9, tzinfo=UTC)
_TEAM: Final = (*AGENTS, SERVICE)
_EVERYBODY: Final = (*_TEAM, CUSTOMER, WORKER)

_SAME: Final = 0.75
"""How often a request that is sent at once with another is about the same ticket."""
_DOUBLED: Final = 0.15
"""How often it is the very same request."""


class ExampleClock(SettableClock):
    """A clock that every example starts anew: organizations of different examples know nothing of each other."""

    def restart(self) -> None:
        """Sets it to where all examples begin."""
        self._now = _BEGINNING


class Difference(AssertionError):
    """The service did not do what the model does."""


@dataclass
class Bench:
    """What every example runs on: a service, its clock, a connection, and the loop of all three."""

    care: Care
    clock: ExampleClock
    channel: grpc.aio.Channel
    loop: asyncio.AbstractEventLoop
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often which method came to which refusal, or to none, over all examples."""
    differences: int = 0
    """How many were found in the present run."""


class Lifecycle(RuleBasedStateMachine):
    """One organization, its people and its customers."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.bench.clock.restart()
        self.world = World(self.bench.care, self.bench.channel)
        self.model = Model(self.bench.clock.now())
        self.seen: dict[str, Seen] = {}
        self.sent: list[Action] = []
        """What can be sent again."""
        self.turn = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs on the loop of the service, which stands still in between."""
        return self.bench.loop.run_until_complete(work)

    # --- the beginning ------------------------------------------------------------------------------------------------

    @initialize(reviews=st.integers(1, 2))
    def begin(self, reviews: int) -> None:
        """The team comes in, and a ticket of alice's is raised."""
        tenant = self.world.tenant

        async def people() -> None:
            await tenant.meet(*AGENTS)
            await tenant.toggle("dora", can_be_assignee=False)
            for _ in range(reviews):
                review = await tenant.review()
                self.model.reviews.append(review.name)
                self.model.review_text = review.text

        self.run(people())
        self.model.barred.add("dora")
        self.send(Action("CreateTicket", SERVICE, review=0, text="Cold soup"))
        self.send(Action("TakeTicket", "alice", 0))

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(chance=st.randoms(use_true_random=True))
    def something_happens(self, chance: Random) -> None:
        """One of the steps below."""
        (step,) = chance.choices(list(_STEPS), list(_STEPS.values()))
        step(self, chance)

    def the_team_acts(self, chance: Random) -> None:
        """An agent, the supervisor or a service sends a command."""
        self.send(self._drawn(chance, _TEAM))

    def the_worker_acts(self, chance: Random) -> None:
        """The worker takes a step, or reports one: the right attempt, a late or a wrong one."""
        self.send(self._drawn(chance, (WORKER,)))

    def a_customer_acts(self, chance: Random) -> None:
        """Somebody submits the form behind a link, of whatever age."""
        self.send(self._drawn(chance, (CUSTOMER,)))

    def a_request_comes_again(self, chance: Random) -> None:
        """An old request is repeated, whatever has happened since."""
        action = chance.choice(self.sent[-20:])
        self.send(replace(action, in_capitals=chance.random() < 0.5))

    def an_answer_is_lost(self, chance: Random) -> None:
        """The connection breaks before the answer comes, and the request is sent again."""
        action = self._drawn(chance, _EVERYBODY)
        # Who asks for an attempt again gets another one; its own loss is for the worker's tests.
        if action is None or action.method == "BeginPosting":
            return
        if action.caller != WORKER and action.method != "GetChat" and not action.request_id:
            action = replace(action, request_id=str(UUID(int=chance.getrandbits(128), version=4)))
        patience = chance.randrange(25)
        note(f"lost after {patience}: {action}")
        self.run(self.world.lose(self.model, action, patience))
        self.send(action)

    def several_act_at_once(self, chance: Random) -> None:
        """Two to four requests are under way at the same time, most on one ticket; some order explains what comes."""
        first = self._drawn(chance, _EVERYBODY)
        chosen = [first]
        for _ in range(chance.randint(1, 3)):
            ticket = first.ticket if first is not None and first.ticket >= 0 and chance.random() < _SAME else None
            other = self._drawn(chance, _EVERYBODY, ticket)
            chosen.append(first if chance.random() < _DOUBLED else other)
        self.send(*chosen)

    def time_passes(self, chance: Random) -> None:
        """Reports settle, answers are forgotten, forms expire."""
        minutes = chance.choice([1, 11, 61, 25 * 60, 31 * 24 * 60])
        note(f"{minutes} minutes pass")
        self.bench.clock.advance(minutes=minutes)
        self.model.now += timedelta(minutes=minutes)

    def a_toggle_is_turned(self, chance: Random) -> None:
        """An agent may be assigned tickets from now on, or none any more."""
        agent = chance.choice(["alice", "bob", "dora"])
        barred = agent not in self.model.barred
        note(f"{agent} may {'not ' if barred else ''}be assigned tickets")
        self.run(self.world.tenant.toggle(agent, can_be_assignee=not barred))
        (self.model.barred.add if barred else self.model.barred.discard)(agent)
        self.check()

    def a_stranger_comes(self, chance: Random) -> None:
        """Somebody of another organization sees nothing and changes nothing."""
        action = self._drawn(chance, ("alice", "sue", SERVICE, WORKER))
        if action is None or action.caller == CUSTOMER:
            return
        caller = action.caller
        note(f"of another organization: {action}")
        role = self.model.role_refusal(action)
        reason = self.run(self._as_stranger(caller, self.world.request(self.model, action)))
        if reason != (role or "RESOURCE_NOT_FOUND"):
            self.differ(f"another organization's {caller} got {reason or 'a success'} for {action}")
        if caller != WORKER:
            name = self.model.tickets[max(action.ticket, 0)].name
            reason = self.run(self._as_stranger(caller, tickets.GetTicketRequest(name=name)))
            if reason != "RESOURCE_NOT_FOUND":
                self.differ(f"another organization's {caller} got {reason or 'a success'} for GetTicket")
        self.check()

    def a_form_is_read(self, chance: Random) -> None:
        """Whoever holds a link sees what became of the form, and nothing of the ticket."""
        forms = [each for ticket in self.model.tickets for each in ticket.recoveries if each.kind == "FORM"]
        if not forms:
            return
        recovery = chance.choice(forms)
        request = customers.GetContactFormRequest(token=self.world.link(recovery.name))
        answer = self.run(self.world.call(CUSTOMER, request))
        assert isinstance(answer, customers.GetContactFormResponse)
        state = customers.ContactFormState.Name(answer.form.state).removeprefix("CONTACT_FORM_STATE_")
        if state != self.model.form_state(recovery):
            self.differ(f"the form of a {recovery.state} recovery is {state}, not {self.model.form_state(recovery)}")
        shown = answer.SerializeToString()
        secrets = [each.text for each in recovery.ticket.thread if each.kind == "NOTE"]
        secrets += [each.email for each in recovery.ticket.contacts]
        if any(secret.encode() in shown for secret in secrets):
            self.differ("the form shows what the team alone may see")

    # --- sending and comparing ----------------------------------------------------------------------------------------

    def send(self, *drawn: Action | None) -> None:
        """Sends actions, at once if they are several, and compares."""
        chosen = [action for action in drawn if action is not None and self._lets_in(action)]
        if not chosen:
            return
        self.sent.extend(chosen)

        async def outcomes() -> list[Outcome]:
            return await asyncio.gather(*(self.world.carry_out(self.model, action) for action in chosen))

        pairs = list(zip(chosen, self.run(outcomes()), strict=True))
        for action, outcome in pairs:
            self.bench.outcomes[action.method, outcome.reason] += 1
            note(f"{'at once: ' if len(pairs) > 1 else ''}{action} -> {outcome.reason or 'done'}")
        self.check(pairs)

    def check(self, pairs: list[tuple[Action, Outcome]] | None = None, *, thoroughly: bool = False) -> None:
        """Finds an order of the actions that explains their outcomes and what is seen now; there must be one."""
        self.turn += 1
        caller = (*_TEAM,)[self.turn % len(_TEAM)]
        listed, self.seen, rows = self.run(self._look(caller, thoroughly=thoroughly))
        complaints: list[str] = []
        explained = _explain(self.model, pairs or [], self.seen, complaints)
        if explained is None:
            self.differ("\n".join(["no order of these explains what came of them:", *complaints]))
        else:
            self.model = explained
        try:
            comparing.compare_wakes(self.model, rows)
            for ticket in self.model.tickets:
                comparing.compare_actions(self.model, ticket, caller, actions(listed[ticket.name]))
        except Unlike as unlike:
            self.differ(str(unlike))

    def differ(self, words: str) -> None:
        """Fails the example."""
        self.bench.differences += 1
        raise Difference(words)

    async def _look(
        self, caller: str, *, thoroughly: bool
    ) -> tuple[dict[str, Ticket], dict[str, Seen], dict[str, int]]:
        """Every ticket as `caller` finds it listed; and everything of it, read anew where it moved."""
        listed, seen = await self.world.tickets(caller), {}
        for name, ticket in listed.items():
            before = self.seen.get(name)
            if thoroughly or before is None or _without_actions(before.ticket) != _without_actions(ticket):
                seen[name] = await self.world.look(name, caller)
                if seen[name].ticket != ticket:
                    self.differ(f"{name} is listed as {ticket}, but read as {seen[name].ticket}")
            else:
                seen[name] = before
        return listed, seen, dict(await self.world.wakes())

    async def _as_stranger(self, caller: str, request: Any) -> str:  # noqa: ANN401 - a message of any type
        try:
            await self.world.call(caller, request, f"{self.world.tenant.id}-other")
        except CareError as error:
            return error.reason
        return ""

    def _lets_in(self, action: Action) -> bool:
        return action.caller != CUSTOMER or self.world.may_come(action)

    def _drawn(self, chance: Random, callers: tuple[str, ...], ticket: int | None = None) -> Action | None:
        return choosing.drawn(chance, self.model, self.world, callers, ticket)

    def teardown(self) -> None:
        """Looks at everything once more: what nobody touched is as it was."""
        if self.model.tickets and not self.bench.differences:
            self.check(thoroughly=True)


def _without_actions(ticket: Ticket) -> Ticket:
    """A ticket as everybody sees it."""
    same = Ticket()
    same.CopyFrom(ticket)
    same.ClearField("actions")
    return same


_STEPS: Final[dict[Callable[[Lifecycle, Random], None], int]] = {
    Lifecycle.the_team_acts: 8,
    Lifecycle.the_worker_acts: 5,
    Lifecycle.a_customer_acts: 3,
    Lifecycle.several_act_at_once: 5,
    Lifecycle.an_answer_is_lost: 3,
    Lifecycle.a_request_comes_again: 2,
    Lifecycle.time_passes: 2,
    Lifecycle.a_toggle_is_turned: 1,
    Lifecycle.a_stranger_comes: 1,
    Lifecycle.a_form_is_read: 1,
}
"""How often each of them happens, compared with the others."""


def _explain(
    model: Model, pairs: list[tuple[Action, Outcome]], seen: dict[str, Seen], complaints: list[str]
) -> Model | None:
    """The model after the actions in an order that explains everything; None where there is none."""
    if not pairs:
        last = model.copy()
        try:
            comparing.compare(last, seen)
        except Unlike as unlike:
            complaints.append(str(unlike))
            return None
        return last
    for index, (action, outcome) in enumerate(pairs):
        after = model.copy()
        try:
            after.accept(action, outcome)
        except Unlike as unlike:
            complaints.append(str(unlike))
            continue
        found = _explain(after, pairs[:index] + pairs[index + 1 :], seen, complaints)
        if found is not None:
            return found
    return None


def hold(bench: Bench, examples: int, steps: int, *, shrink: bool = True) -> None:
    """Checks the property in so many examples of at most so many steps each, always the same ones."""
    machine = type("Lifecycle", (Lifecycle,), {"bench": bench})
    bench.differences = 0
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            phases=phases,
            print_blob=False,
            report_multiple_bugs=False,
            # A step is several calls of a real service.
            suppress_health_check=list(HealthCheck),
        ),
    )
