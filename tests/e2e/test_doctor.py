"""`care doctor` on a running stack reports a workflow that was terminated by hand, and wrong counts of tickets."""

from __future__ import annotations

from temporalio.service import RPCError

from care_client.workflow_names import ticket_workflow_id
from care_workflows.ticket_workflow import TicketWorkflow
from tests.e2e.program import run_care
from tests.e2e.scenario import ORGANIZATION, Scenario
from tests.support.system import eventually


async def test_a_workflow_that_was_terminated_is_named(scenario: Scenario) -> None:
    number = int(scenario.ticket.rpartition("/")[2])
    workflow_id = ticket_workflow_id(ORGANIZATION, number)
    handle = (await scenario.system.temporal()).get_workflow_handle(workflow_id)

    async def sleeps() -> bool:
        try:
            return "Waiting" in (await handle.query(TicketWorkflow.status)).doing
        except RPCError:  # the relay starts the workflow after the ticket was created
            return False

    await eventually("the ticket's workflow", sleeps)
    await handle.terminate()
    # The doctor ignores tickets that are younger than a minute.
    older = "UPDATE tickets SET create_time = create_time - interval '1 hour' WHERE organization = $1 AND number = $2"
    await scenario.system.sql(older, ORGANIZATION, number)

    async def is_named() -> bool:
        ended = await run_care("doctor", "--home", str(scenario.system.stack.home))
        return ended.status == 1 and f"TicketWorkflow does not run: {workflow_id}" in ended.output

    await eventually("the doctor's finding", is_named)


async def test_a_wrong_count_is_named_and_corrected(scenario: Scenario) -> None:
    home = str(scenario.system.stack.home)
    columns = "organization, location, stage, difference"
    wrong = f"INSERT INTO ticket_count_changes ({columns}) VALUES ($1, 'nowhere', 'OPEN', 1)"  # noqa: S608 - constants
    await scenario.system.sql(wrong, ORGANIZATION)
    line = f"The count of OPEN tickets of organizations/{ORGANIZATION}/locations/nowhere is 1, but there are 0.\n"
    ended = await run_care("doctor", "--home", home)
    assert (ended.status, line in ended.output) == (1, True)
    assert (await run_care("recount", "--home", home)).output == f"{line}Counts corrected: 1\n"
    assert (await run_care("recount", "--home", home)).output == "Counts corrected: 0\n"
    assert line not in (await run_care("doctor", "--home", home)).output
