"""The time from a commit to the acknowledged start of the ticket's workflow, beside a start without Care.

On Care's side, the spans of the service give the time: from the end of CreateTicket to the end of the relay's call to
Temporal. No worker polls the task queues, so that only starts are measured.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from statistics import median
from time import perf_counter
from typing import Final

from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from benchmarks.bench import Bench, Figures
from benchmarks.catalog import CARE, DIRECT
from benchmarks.measure import Figure
from benchmarks.rows.tickets import Team, open_care
from benchmarks.servers import serve_care
from care.v1.workflows_pb2 import TicketWorkflowInput
from care_client.workflow_names import ORGANIZATION_ATTRIBUTE, TICKET_WORKFLOW
from care_dev.demo.polling import poll_until
from tools.collector import Collector, Span, run_collector

_QUEUE: Final = "bench-starts"
_CALL: Final = "care.v1.TicketService/CreateTicket"
_EXPORT_SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
"""Milliseconds between two exports of spans."""
_ORGANIZATION: Final = SearchAttributeKey.for_keyword(ORGANIZATION_ATTRIBUTE)


async def compare(bench: Bench, temporal: str) -> Figures:
    """Measures both sides at a Temporal server, one start after the other, so that none waits for earlier ones."""
    client = await Client.connect(temporal)
    with run_collector() as collector:
        url = bench.postgres.create_database("workflow_starts")
        variables = {"CARE_TASK_QUEUE": _QUEUE, **collector.variables, **_EXPORT_SOON}
        async with (
            serve_care(url, bench.keys, temporal=temporal, variables=variables) as care,
            open_care(care, bench.keys) as team,
        ):
            rounds: dict[str, list[float]] = {CARE: [], DIRECT: []}
            indices = count()
            for number in range(bench.effort.rounds + 1):
                pairs = [
                    (await _start_through_care(team, collector), await _start_directly(client, next(indices)))
                    for _ in range(bench.effort.starts)
                ]
                if number > 0:  # the first round warms up
                    rounds[CARE].append(median(through_care for through_care, _ in pairs))
                    rounds[DIRECT].append(median(directly for _, directly in pairs))
    return {side: Figure.of(found) for side, found in rounds.items()}


async def _start_directly(client: Client, index: int) -> float:
    """Returns the duration of a start in milliseconds."""
    start = perf_counter()
    await client.start_workflow(
        TICKET_WORKFLOW,
        TicketWorkflowInput(ticket=f"organizations/direct/tickets/{index}"),
        id=f"direct/{index}",
        task_queue=_QUEUE,
        static_summary=f"Ticket direct/{index}",
        search_attributes=TypedSearchAttributes([SearchAttributePair(_ORGANIZATION, "direct")]),
    )
    return (perf_counter() - start) * 1e3


async def _start_through_care(team: Team, collector: Collector) -> float:
    """Creates a ticket. Returns the milliseconds from the end of the call to the start of the workflow."""
    known = {span.trace for span in collector.spans}
    await team.create()
    return await poll_until("the span of a start", partial(_delay, collector, known))


async def _delay(collector: Collector, known: set[str]) -> float | None:
    """Returns the milliseconds from the new call to its workflow's start; None while a span is missing."""
    spans = [span for span in collector.spans if span.trace not in known]
    call = next((span for span in spans if span.name == _CALL), None)
    if call is None:
        return None
    start = next((span for span in spans if span.trace == call.trace and _is_start(span)), None)
    return None if start is None else (start.end - call.end) / 1e6


def _is_start(span: Span) -> bool:
    return span.name == f"StartWorkflow:{TICKET_WORKFLOW}"
