"""The paths of `TicketWorkflow`. They wait for seconds instead of months, because a replay does not wait."""

from datetime import timedelta
from functools import partial

from care_workflows import activity_names
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows.fake_activities import refused
from tests.workflows.fake_ticket import FakeTicket, until_doing
from tests.workflows.recording import paths
from tests.workflows.recording.stage import Stage

path = partial(paths.path, "ticket")

_MONTH = timedelta(days=30)
_SECOND = timedelta(seconds=1)


@path()
async def closed(stage: Stage) -> None:
    """The ticket is closed before its first deadline."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting until")
        fake.closed = True
        await played.poke()
        await played.ends()


@path()
async def auto_closed(stage: Stage) -> None:
    """The assignee is warned of the inactivity; then the ticket is closed because of it."""
    async with stage.ticket(FakeTicket(_SECOND, _SECOND)) as played:
        await played.ends()


@path()
async def closed_at_once(stage: Stage) -> None:
    """The ticket is already closed when its workflow starts."""
    fake = FakeTicket(_MONTH)
    fake.closed = True
    async with stage.ticket(fake) as played:
        await played.ends()


@path()
async def without_deadlines(stage: Stage) -> None:
    """The ticket has no deadline until it is closed."""
    fake = FakeTicket()
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting: the ticket has no deadline")
        fake.closed = True
        await played.poke()
        await played.ends()


@path()
async def sooner(stage: Stage) -> None:
    """A changed setting brings the next deadline forward."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting until")
        fake.waits = [_SECOND]
        await played.poke()
        await played.ends()


@path()
async def waits_for_the_customer(stage: Stage) -> None:
    """The ticket waits for the customer, and is then closed because of inactivity."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting until")
        fake.waits_for_customer = True
        fake.waits = [_SECOND]
        await played.poke()
        await played.ends()


@path()
async def paused(stage: Stage) -> None:
    """The service refuses the worker: the workflow waits for an operator, and continues once it is poked."""
    fake = FakeTicket(_MONTH)
    fake.starts_with_plan = False
    fake.failures[activity_names.GET_NEXT_DEADLINE] = [refused("TOKEN_EXPIRED")]
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "TOKEN_EXPIRED")
        fake.closed = True
        await played.poke()
        await played.ends()


@path()
async def strange_signals(stage: Stage) -> None:
    """The workflow gets a signal with an unknown name, and one with unexpected arguments."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting until")
        await played.handle.signal("settings-changed", "twice")
        fake.closed = True
        await played.handle.signal("poke", args=["with", 2, "arguments"])
        await played.ends()


@path()
async def looked_again(stage: Stage) -> None:
    """An operator makes the workflow ask the service again, by an update."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        await until_doing(played.handle, "Waiting until")
        fake.closed = True
        await played.handle.execute_update(TicketWorkflow.look_again)
        await played.ends()


@path(histories_are_short=True)
async def continued_as_new(stage: Stage) -> None:
    """The history grows long (here 20 events): the workflow continues as new."""
    fake = FakeTicket(_MONTH)
    async with stage.ticket(fake) as played:
        first = (await played.handle.describe()).run_id
        while (await played.handle.describe()).run_id == first:
            await played.poke()
            await until_doing(played.handle, "Waiting until")
