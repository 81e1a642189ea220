"""A row that cannot be processed is parked and listed for operators, who put it back once the cause is fixed."""

from __future__ import annotations

import json

from tests.e2e.program import run_care
from tests.e2e.scenario import Scenario, recovery_uuid
from tests.support.operations import scrape_metrics
from tests.support.system import System, eventually

NEWER = "TicketWorkflow2"
"""The type of a workflow of a newer service, which this one cannot wake."""


async def test_a_refused_row_is_parked_listed_and_put_back(system: System, scenario: Scenario) -> None:
    recovery = await scenario.send_form()
    await scenario.wait_for_state(recovery, "AWAITING_CONTACT")
    # The next row of this recovery can never be processed.
    await system.sql(
        "INSERT INTO outbox (organization, workflow, ticket_number, resource_id, create_time, claim_time, attempts)"
        " SELECT organization, $2, ticket_number, id, now(), now(), 0 FROM recoveries WHERE id = $1",
        recovery_uuid(recovery),
        NEWER,
    )

    async def is_parked(number: int) -> bool:
        return (await scrape_metrics(system.stack.urls.metrics))["care_outbox_parked_rows"] == number

    # The test polls the metric, because starting a program again and again would slow everything down.
    await eventually("the metric", lambda: is_parked(1))

    async def list_row() -> dict[str, object] | None:
        ended = await run_care("outbox", "list", "--json", "--home", str(system.stack.home))
        rows = [json.loads(line) for line in ended.output.splitlines()]
        return next((row for row in rows if row["recovery"] == recovery), None)

    row = await eventually("the parked row", list_row)
    assert (row["failure"], row["attempts"]) == ("UnknownWorkflowError", 5)
    table = await run_care("outbox", "list", "--home", str(system.stack.home))
    assert (table.status, "UnknownWorkflowError" in table.output) == (0, True)

    assert (await scrape_metrics(system.stack.urls.metrics))["care_degraded"] == 0
    assert "outbox row parked" in (system.logs / "serve.log").read_text()

    await system.sql("UPDATE outbox SET workflow = 'ContactRecovery' WHERE id = $1", row["id"])
    back = await run_care("outbox", "retry", str(row["id"]), "--home", str(system.stack.home))
    assert (back.status, back.output) == (0, "1 retried\n")

    async def is_gone() -> bool:
        return await system.sql("SELECT 1 FROM outbox WHERE id = $1", row["id"]) == []

    await eventually("the end of the row", is_gone)
    await eventually("the metric", lambda: is_parked(0))
    assert (await run_care("outbox", "list", "--home", str(system.stack.home))).output == "No row is parked.\n"
    (await run_care("outbox", "retry", str(row["id"]), "--home", str(system.stack.home))).assert_refused(
        "care outbox list"
    )
    (await run_care("outbox", "retry", "--home", str(system.stack.home))).assert_refused("--all")
