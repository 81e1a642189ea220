"""The property: for every sequence of actions, even concurrent ones, the service does what the model does."""

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
from tests.property.model.accept import accept
from tests.property.model.actions import AGENTS, CUSTOMER, SERVICE, WORKER, Action, Mismatch, Outcome
from tests.property.model.refusals import form_state, role_refusal
from tests.property.model.state import Model
from tests.property.world import ObservedTicket, World, actions
from tests.support.care import Care

T = TypeVar("T")

_START: Final = datetime(2026, 5, 4, 9, tzinfo=UTC)
_TEAM: Final = (*AGENTS, SERVICE)
_EVERYBODY: Final = (*_TEAM, CUSTOMER, WORKER)

_SAME_TICKET: Final = 0.75
"""The probability that a concurrent request is about the same ticket as the first."""
_DOUBLED: Final = 0.15
"""The probability that a concurrent request is identical to the first."""


class ExampleClock(SettableClock):
    """A clock that each example resets. This is safe, because each example has its own organization."""

    def reset(self) -> None:
        """Sets the clock to the start time of all examples."""
        self._now = _START


class Difference(AssertionError):
    """The service and the model differ."""


@dataclass
class Bench:
    """The objects that all examples share: a service, its clock, a connection, and their event loop."""

    care: Care
    clock: ExampleClock
    channel: grpc.aio.Channel
    loop: asyncio.AbstractEventLoop
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The number of requests in all examples, by method and reason of the refusal (empty if the request succeeded)."""
    differences: int = 0
    """The number of differences that the current run has found."""


class Lifecycle(RuleBasedStateMachine):
    """Generates examples: sequences of what the team, the worker and the customers of one organization do."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.bench.clock.reset()
        self.world = World(self.bench.care, self.bench.channel)
        self.model = Model(self.bench.clock.now())
        self.seen: dict[str, ObservedTicket] = {}
        self.sent: list[Action] = []
        """All sent actions. Some are sent again."""
        self.turn = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the service's event loop, which does not run between two calls."""
        return self.bench.loop.run_until_complete(work)

    # --- start --------------------------------------------------------------------------------------------------------

    @initialize(reviews=st.integers(1, 2))
    def begin(self, reviews: int) -> None:
        """Creates the agents and one or two reviews, and a ticket that alice takes."""
        tenant = self.world.tenant

        async def create_agents_and_reviews() -> None:
            await tenant.meet(*AGENTS)
            await tenant.toggle("dora", can_be_assignee=False)
            for _ in range(reviews):
                review = await tenant.review()
                self.model.reviews.append(review.name)
                self.model.review_text = review.text

        self.run(create_agents_and_reviews())
        self.model.barred.add("dora")
        self.send(Action("CreateTicket", SERVICE, review=0, text="Cold soup"))
        self.send(Action("TakeTicket", "alice", 0))

    # --- steps --------------------------------------------------------------------------------------------------------

    @rule(chance=st.randoms(use_true_random=True))
    def something_happens(self, chance: Random) -> None:
        """Runs one of the steps below."""
        (step,) = chance.choices(list(_STEPS), list(_STEPS.values()))
        step(self, chance)

    def the_team_acts(self, chance: Random) -> None:
        """An agent, the supervisor or a service sends a command."""
        self.send(self._draw(chance, _TEAM))

    def the_worker_acts(self, chance: Random) -> None:
        """The worker begins a step or reports one, with the current, an old or a wrong attempt."""
        self.send(self._draw(chance, (WORKER,)))

    def a_customer_acts(self, chance: Random) -> None:
        """A customer uses the link of a form or a chat, which may be old."""
        self.send(self._draw(chance, (CUSTOMER,)))

    def a_request_comes_again(self, chance: Random) -> None:
        """One of the last 20 requests is sent again. Its request id is in upper case in half of the cases."""
        action = chance.choice(self.sent[-20:])
        self.send(replace(action, in_capitals=chance.random() < 0.5))

    def a_response_is_lost(self, chance: Random) -> None:
        """The connection breaks before the response arrives, and the request is sent again."""
        action = self._draw(chance, _EVERYBODY)
        # A repeated BeginPosting grants another attempt. The worker's tests cover the loss of its response.
        if action is None or action.method == "BeginPosting":
            return
        if action.caller != WORKER and action.method != "GetChat" and not action.request_id:
            action = replace(action, request_id=str(UUID(int=chance.getrandbits(128), version=4)))
        turns = chance.randrange(25)
        note(f"lost after {turns} turns of the event loop: {action}")
        self.run(self.world.send_and_disconnect(self.model, action, turns))
        self.send(action)

    def several_act_at_once(self, chance: Random) -> None:
        """Two to four requests are sent at once, mostly about one ticket. One order must explain their outcomes."""
        first = self._draw(chance, _EVERYBODY)
        chosen = [first]
        for _ in range(chance.randint(1, 3)):
            ticket = (
                first.ticket if first is not None and first.ticket >= 0 and chance.random() < _SAME_TICKET else None
            )
            other = self._draw(chance, _EVERYBODY, ticket)
            chosen.append(first if chance.random() < _DOUBLED else other)
        self.send(*chosen)

    def time_passes(self, chance: Random) -> None:
        """Time passes: writes settle, kept responses are deleted, and forms expire."""
        minutes = chance.choice([1, 11, 61, 25 * 60, 31 * 24 * 60])
        note(f"{minutes} minutes pass")
        self.bench.clock.advance(minutes=minutes)
        self.model.now += timedelta(minutes=minutes)

    def a_toggle_is_changed(self, chance: Random) -> None:
        """An agent becomes able or unable to be an assignee."""
        agent = chance.choice(["alice", "bob", "dora"])
        barred = agent not in self.model.barred
        note(f"{agent} can {'not ' if barred else ''}be an assignee")
        self.run(self.world.tenant.toggle(agent, can_be_assignee=not barred))
        (self.model.barred.add if barred else self.model.barred.discard)(agent)
        self.check()

    def another_organization_calls(self, chance: Random) -> None:
        """A caller of another organization can read nothing and change nothing."""
        action = self._draw(chance, ("alice", "sue", SERVICE, WORKER))
        if action is None or action.caller == CUSTOMER:
            return
        caller = action.caller
        note(f"from another organization: {action}")
        role = role_refusal(action)
        reason = self.run(self._call_from_other_organization(caller, self.world.request(self.model, action)))
        if reason != (role or "RESOURCE_NOT_FOUND"):
            self.fail(f"another organization's {caller} got {reason or 'a success'} for {action}")
        if caller != WORKER:
            name = self.model.tickets[max(action.ticket, 0)].name
            reason = self.run(self._call_from_other_organization(caller, tickets.GetTicketRequest(name=name)))
            if reason != "RESOURCE_NOT_FOUND":
                self.fail(f"another organization's {caller} got {reason or 'a success'} for GetTicket")
        self.check()

    def counts_are_folded(self, chance: Random) -> None:
        """Some or all changes of the counts are folded. The counts stay the same."""
        self.run(self.world.fold_counts(chance.randint(1, 5)))
        self.check()

    def a_form_is_read(self, chance: Random) -> None:
        """The link of a form shows the form's state, and nothing that only the team may read."""
        forms = [each for ticket in self.model.tickets for each in ticket.recoveries if each.kind == "FORM"]
        if not forms:
            return
        recovery = chance.choice(forms)
        request = customers.GetContactFormRequest(token=self.world.link(recovery.name))
        response = self.run(self.world.call(CUSTOMER, request))
        assert isinstance(response, customers.GetContactFormResponse)
        state = customers.ContactFormState.Name(response.form.state).removeprefix("CONTACT_FORM_STATE_")
        if state != form_state(self.model, recovery):
            self.fail(f"the form of a {recovery.state} recovery is {state}, not {form_state(self.model, recovery)}")
        shown = response.SerializeToString()
        secrets = [each.text for each in recovery.ticket.thread if each.kind == "NOTE"]
        secrets += [each.email for each in recovery.ticket.contacts]
        if any(secret.encode() in shown for secret in secrets):
            self.fail("the form shows data of the team")

    # --- sending and comparing ----------------------------------------------------------------------------------------

    def send(self, *drawn: Action | None) -> None:
        """Sends actions concurrently, and checks their outcomes."""
        chosen = [action for action in drawn if action is not None and self._is_sendable(action)]
        if not chosen:
            return
        self.sent.extend(chosen)

        async def outcomes() -> list[Outcome]:
            return await asyncio.gather(*(self.world.execute(self.model, action) for action in chosen))

        pairs = list(zip(chosen, self.run(outcomes()), strict=True))
        for action, outcome in pairs:
            self.bench.outcomes[action.method, outcome.reason] += 1
            note(f"{'at once: ' if len(pairs) > 1 else ''}{action} -> {outcome.reason or 'done'}")
        self.check(pairs)

    def check(self, pairs: list[tuple[Action, Outcome]] | None = None, *, thoroughly: bool = False) -> None:
        """Finds an order of the actions that explains their outcomes and the tickets that are now read, or fails."""
        self.turn += 1
        caller = (*_TEAM,)[self.turn % len(_TEAM)]
        listed, self.seen, rows, counts = self.run(self._observe(caller, thoroughly=thoroughly))
        complaints: list[str] = []
        explained = _find_explanation(self.model, pairs or [], self.seen, complaints)
        if explained is None:
            self.fail("\n".join(["no order of these actions explains their outcomes:", *complaints]))
        else:
            self.model = explained
        try:
            comparing.check_wakes(self.model, rows)
            comparing.check_counts(self.model, counts)
            for ticket in self.model.tickets:
                comparing.check_actions(self.model, ticket, caller, actions(listed[ticket.name]))
        except Mismatch as mismatch:
            self.fail(str(mismatch))

    def fail(self, message: str) -> None:
        """Fails the example."""
        self.bench.differences += 1
        raise Difference(message)

    async def _observe(
        self, caller: str, *, thoroughly: bool
    ) -> tuple[dict[str, Ticket], dict[str, ObservedTicket], dict[str, int], dict[str, int]]:
        """Returns the tickets as listed for `caller`, everything about each, the outbox rows, and the counts.

        Only changed tickets are read again, unless `thoroughly` is set.
        """
        listed, seen = await self.world.tickets(caller), {}
        for name, ticket in listed.items():
            before = self.seen.get(name)
            if thoroughly or before is None or _without_actions(before.ticket) != _without_actions(ticket):
                seen[name] = await self.world.observe(name, caller)
                if seen[name].ticket != ticket:
                    self.fail(f"{name} is listed as {ticket}, but read as {seen[name].ticket}")
            else:
                seen[name] = before
        return listed, seen, dict(await self.world.wakes()), await self.world.counts(caller)

    async def _call_from_other_organization(self, caller: str, request: Any) -> str:  # noqa: ANN401 - a message of any type
        try:
            await self.world.call(caller, request, f"{self.world.tenant.id}-other")
        except CareError as error:
            return error.reason
        return ""

    def _is_sendable(self, action: Action) -> bool:
        return action.caller != CUSTOMER or self.world.link_is_usable(action)

    def _draw(self, chance: Random, callers: tuple[str, ...], ticket: int | None = None) -> Action | None:
        return choosing.draw_action(chance, self.model, self.world, callers, ticket)

    def teardown(self) -> None:
        """Reads and checks all tickets once more, including the unchanged ones."""
        if self.model.tickets and not self.bench.differences:
            self.check(thoroughly=True)


def _without_actions(ticket: Ticket) -> Ticket:
    """Returns the ticket without `actions`, which depend on the caller."""
    copy = Ticket()
    copy.CopyFrom(ticket)
    copy.ClearField("actions")
    return copy


_STEPS: Final[dict[Callable[[Lifecycle, Random], None], int]] = {
    Lifecycle.the_team_acts: 8,
    Lifecycle.the_worker_acts: 5,
    Lifecycle.a_customer_acts: 3,
    Lifecycle.several_act_at_once: 5,
    Lifecycle.a_response_is_lost: 3,
    Lifecycle.a_request_comes_again: 2,
    Lifecycle.time_passes: 2,
    Lifecycle.a_toggle_is_changed: 1,
    Lifecycle.another_organization_calls: 1,
    Lifecycle.counts_are_folded: 1,
    Lifecycle.a_form_is_read: 1,
}
"""The steps with their relative weights."""


def _find_explanation(
    model: Model, pairs: list[tuple[Action, Outcome]], seen: dict[str, ObservedTicket], complaints: list[str]
) -> Model | None:
    """Returns the model after an order of the actions that explains everything, or None if there is no such order.

    For each order that explains nothing, adds the reason to `complaints`.
    """
    if not pairs:
        last = model.copy()
        try:
            comparing.check_tickets(last, seen)
        except Mismatch as mismatch:
            complaints.append(str(mismatch))
            return None
        return last
    for index, (action, outcome) in enumerate(pairs):
        after = model.copy()
        try:
            accept(after, action, outcome)
        except Mismatch as mismatch:
            complaints.append(str(mismatch))
            continue
        found = _find_explanation(after, pairs[:index] + pairs[index + 1 :], seen, complaints)
        if found is not None:
            return found
    return None


def check_property(bench: Bench, examples: int, steps: int, *, shrink: bool = True) -> None:
    """Checks the property with `examples` examples of at most `steps` steps each. Every run uses the same examples."""
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
            # A step makes several calls to a real service, so it is slow.
            suppress_health_check=list(HealthCheck),
        ),
    )
