"""One trace goes from an agent's call through outbox, workflow and worker back to the service."""

from __future__ import annotations

import json
from collections.abc import Collection

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from tests.e2e.scenario import Person, Scenario, recovery_workflow_id
from tests.support.system import System, eventually
from tools.collector import Collector, Span
from tools.trace import FIRST_SPAN, LAST_SPAN, cut_trace

AGENT_SPAN = SpanContext(
    0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=False, trace_flags=TraceFlags(1)
)
"""The span in which the agent's program calls the service."""
TRACE = f"{AGENT_SPAN.trace_id:032x}"


STEPS = {
    "BeginPosting": "post_reply",
    "RecordPosted": "post_reply",
    "UnlockChat": "check_recovery",
}
"""The worker's calls, each with its activity."""


def is_whole(line: str) -> bool:
    """Returns whether a line is complete JSON."""
    return line.startswith("{") and line.endswith("}")


async def recovered(scenario: Scenario) -> str:
    """Runs a recovery until the recovery's workflow ends. Returns the name of the recovery.

    The form is requested in the trace `TRACE`. The customer's call has another trace.
    """
    with use_span(NonRecordingSpan(AGENT_SPAN)):
        recovery = await scenario.send_form()
    await scenario.submit_form(await scenario.wait_for_form_link(recovery), Person())
    await scenario.wait_for_state(recovery, "CHAT_UNLOCKED")
    await scenario.wait_for_workflow_end(recovery)
    return recovery


async def of_trace(collector: Collector, recovery: str, names: Collection[str]) -> list[Span]:
    """Waits until the trace has spans of all `names` and the parent of each span. Returns the spans of the trace.

    Every process exports its own batches of spans, so some spans may arrive after the workflow's end.
    """

    async def whole() -> list[Span] | None:
        found = [span for span in collector.spans if span.trace == TRACE]
        known = {span.id for span in found} | {f"{AGENT_SPAN.span_id:016x}"}
        arrived = {span.name for span in found}.issuperset(names)
        return found if arrived and all(span.parent in known for span in found) else None

    return await eventually(f"the trace of {recovery}", whole)


async def test_one_trace_goes_from_the_agents_call_to_the_unlocked_chat(
    scenario: Scenario, collector: Collector
) -> None:
    recovery = await recovered(scenario)
    calls = [f"care.v1.WorkerService/{method}" for method in STEPS]
    whole = await of_trace(collector, recovery, {"CompleteWorkflow:ContactRecovery", FIRST_SPAN, *calls})
    spans = cut_trace(whole, FIRST_SPAN, LAST_SPAN)
    by_id = {span.id: span for span in spans}

    def path_to(span: Span) -> list[tuple[str, str]]:
        parent = by_id.get(span.parent)
        return [*(path_to(parent) if parent else []), (span.service, span.name)]

    begun = [
        ("care-serve", "care.v1.ConversationService/SendRecoveryForm"),
        ("care-serve", "StartWorkflow:ContactRecovery"),
    ]
    found = {span.name: path_to(span) for span in spans}
    assert found["RunWorkflow:ContactRecovery"] == [*begun, ("care-work", "RunWorkflow:ContactRecovery")]
    for method, activity in STEPS.items():
        assert found[f"care.v1.WorkerService/{method}"] == [
            *begun,
            ("care-work", f"StartActivity:{activity}"),
            ("care-work", f"RunActivity:{activity}"),
            ("care-serve", f"care.v1.WorkerService/{method}"),
        ]
    assert {span.trace for span in spans} == {TRACE}
    [call] = [span for span in spans if span.name == FIRST_SPAN]
    assert call.parent == f"{AGENT_SPAN.span_id:016x}"
    assert call.attributes["care.parent"] == scenario.ticket
    assert (call.attributes["rpc.grpc.status_code"], call.attributes["care.reason"]) == ("0", "OK")
    [run] = [span for span in spans if span.name == "RunWorkflow:ContactRecovery"]
    assert run.attributes["temporalWorkflowID"] == recovery_workflow_id(recovery)

    # The customer's call has its own trace. The signal that woke the workflow has a link to that trace.
    waking = {trace for span in whole if span.name == "HandleSignal:poke" for trace in span.links}

    async def submitted() -> list[Span] | None:
        name = "care.v1.CustomerService/SubmitContact"
        return [span for span in collector.spans if span.name == name and span.trace in waking] or None

    [submission] = await eventually("the customer's call", submitted)
    assert submission.trace != TRACE


async def test_log_lines_contain_the_trace(system: System, scenario: Scenario) -> None:
    other = SpanContext(0x1, 0x2, is_remote=False, trace_flags=TraceFlags(1))
    with use_span(NonRecordingSpan(other)):
        recovery = await scenario.send_form()
    await scenario.wait_for_state(recovery, "AWAITING_CONTACT")
    sent_in = f"{other.trace_id:032x}"

    async def calls() -> list[dict[str, object]] | None:
        """Returns the log lines of the trace's calls, None if one is missing. Changes are visible before."""
        lines = (system.logs / "serve.log").read_text().splitlines()
        found = [line for line in map(json.loads, filter(is_whole, lines)) if line["event"] == "call"]
        of_trace = [line for line in found if line["trace_id"] == sent_in]
        methods = {line["method"].rpartition("/")[2] for line in of_trace}
        return of_trace if methods.issuperset({"SendRecoveryForm", *STEPS} - {"UnlockChat"}) else None

    lines = await eventually("a line of each call", calls)
    [sent] = [line for line in lines if str(line["method"]).endswith("SendRecoveryForm")]
    assert (sent["parent"], len(str(sent["request_id"]))) == (scenario.ticket, 36)
