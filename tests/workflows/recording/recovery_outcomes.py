"""The paths of `ContactRecovery` to each of its outcomes."""

from datetime import UTC, datetime
from unittest.mock import patch

from care.v1 import recovery_pb2 as recovery
from tests.workflows import fake_steps
from tests.workflows.fake_steps import FakeRecovery, until_doing
from tests.workflows.recording.recovery_fakes import (
    POST,
    READ,
    RETRACT,
    SECOND,
    WAITING,
    Prompt,
    Reminding,
    direct,
    path,
)
from tests.workflows.recording.stage import Stage


@path()
async def unlocked(stage: Stage) -> None:
    """The reply is posted, the customer answers, the chat is unlocked."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def direct_contact(stage: Stage) -> None:
    """The contact is known: the chat is unlocked at once."""
    async with stage.recovery(direct()) as played:
        await played.ends()


@path()
async def unlocked_by_a_step(stage: Stage) -> None:
    """As `recovery-unlocked`, but the service asks for the chat to be unlocked in a separate step."""
    fake = FakeRecovery()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def reminded(stage: Stage) -> None:
    """The assignee is reminded that nobody has answered; then the customer answers."""
    fake = Reminding()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.is_reminded)
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def refused_by_the_site(stage: Stage) -> None:
    """The review site refuses the reply."""
    fake = Prompt()
    fake.refusals[POST] = [recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def taken_down(stage: Stage) -> None:
    """The review site takes the reply down after it was public."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        fake.handed_out = True  # a moderation check is due
        fake.refusals[READ] = [recovery.REFUSAL_REASON_TAKEN_DOWN]
        await played.poke()
        await played.ends()


@path()
async def expired(stage: Stage) -> None:
    """Nobody answers: the form expires, and its link is removed from the reply."""
    fake = Prompt()
    fake.expires = datetime.now(UTC) + 2 * SECOND
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def withdrawn(stage: Stage) -> None:
    """The assignee withdraws the form, and its link is removed from the reply."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
        await played.poke()
        await played.ends()


@path()
async def withdrawn_while_posting(stage: Stage) -> None:
    """The form is withdrawn while the reply is being posted: the reply is posted, then its link is removed."""
    fake = Prompt()
    async with stage.recovery(fake) as played:

        async def withdraw() -> None:
            fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
            await played.poke()

        fake.before_answer[POST] = withdraw
        await played.ends()


@path()
async def closed(stage: Stage) -> None:
    """The ticket is closed after the chat was unlocked: a new run removes the link from the reply."""
    fake = Prompt()
    fake.public, fake.posted = True, datetime.now(UTC)
    fake.state = recovery.RECOVERY_STATE_ENDED_BY_CLOSE
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def retraction_refused(stage: Stage) -> None:
    """The review site refuses twice to change the reply of an ended form; each time a pause follows."""
    fake = Prompt()
    fake.public, fake.posted = True, datetime.now(UTC)
    fake.state = recovery.RECOVERY_STATE_EXPIRED
    fake.refusals[RETRACT] = [recovery.REFUSAL_REASON_OTHER, recovery.REFUSAL_REASON_OTHER]
    with patch.object(fake_steps, "RETRACT_PAUSE", SECOND):
        async with stage.recovery(fake) as played:
            await played.ends()
