"""One trace leads from the call of an agent through outbox, workflow and worker back into the service."""

from __future__ import annotations

import json

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from tests.e2e.case import Case, Person, workflow_of
from tests.support.system import System, eventually
from tools.collector import Collector, Span
from tools.trace import BEGIN, END, until

AGENTS = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=False, trace_flags=TraceFlags(1))
"""The trace that the agent's own program is in when it calls."""
TRACE = f"{AGENTS.trace_id:032x}"


async def recovered(case: Case) -> str:
    """A recovery whose form was asked for within that trace, and whose customer came in another."""
    with use_span(NonRecordingSpan(AGENTS)):
        recovery = await case.send()
    await case.submit(await case.link(recovery), Person())
    await case.reaches(recovery, "CHAT_UNLOCKED")
    await case.rests(recovery)
    return recovery


async def of_trace(collector: Collector, recovery: str) -> list[Span]:
    """What came of the trace, once each span has its parent and the workflow's end is among them."""

    async def whole() -> list[Span] | None:
        found = [span for span in collector.spans if span.trace == TRACE]
        known = {span.id for span in found} | {f"{AGENTS.span_id:016x}"}
        ended = any(span.name == "CompleteWorkflow:ContactRecovery" for span in found)
        return found if ended and all(span.parent in known for span in found) else None

    return await eventually(f"the trace of {recovery}", whole)


async def test_one_trace_goes_from_the_agents_call_to_the_unlocked_chat(case: Case, collector: Collector) -> None:
    recovery = await recovered(case)
    spans = until(await of_trace(collector, recovery), BEGIN, END)
    by_id = {span.id: span for span in spans}

    def way(span: Span) -> list[tuple[str, str]]:
        above = by_id.get(span.parent)
        return [*(way(above) if above else []), (span.service, span.name)]

    begun = [
        ("care-serve", "care.v1.ConversationService/SendRecoveryForm"),
        ("care-serve", "SignalWithStartWorkflow:ContactRecovery"),
    ]
    steps = {
        "CheckRecovery": "check_recovery",
        "BeginPosting": "post_reply",
        "RecordPosted": "post_reply",
        "UnlockChat": "unlock_chat",
    }
    found = {span.name: way(span) for span in spans}
    assert found["RunWorkflow:ContactRecovery"] == [*begun, ("care-work", "RunWorkflow:ContactRecovery")]
    for method, activity in steps.items():
        assert found[f"care.v1.WorkerService/{method}"] == [
            *begun,
            ("care-work", f"StartActivity:{activity}"),
            ("care-work", f"RunActivity:{activity}"),
            ("care-serve", f"care.v1.WorkerService/{method}"),
        ]
    assert {span.trace for span in spans} == {TRACE}
    [call] = [span for span in spans if span.name == BEGIN]
    assert call.parent == f"{AGENTS.span_id:016x}"
    assert call.attributes["care.parent"] == case.ticket
    assert (call.attributes["rpc.grpc.status_code"], call.attributes["care.reason"]) == ("0", "OK")
    [run] = [span for span in spans if span.name == "RunWorkflow:ContactRecovery"]
    assert run.attributes["temporalWorkflowID"] == workflow_of(recovery)

    # The customer's call is a trace of its own, which the workflow that it woke is linked to.
    [submitted] = [
        span
        for span in collector.spans
        if span.name == "care.v1.CustomerService/SubmitContact"
        and any(span.trace in poke.links for poke in spans if poke.name == "HandleSignal:poke")
    ]
    assert submitted.trace != TRACE


async def test_the_lines_of_the_logs_name_the_trace(system: System, case: Case) -> None:
    other = SpanContext(0x1, 0x2, is_remote=False, trace_flags=TraceFlags(1))
    with use_span(NonRecordingSpan(other)):
        recovery = await case.send()
    await case.reaches(recovery, "AWAITING_CONTACT")
    lines = [json.loads(line) for line in (system.logs / "serve.log").read_text().splitlines() if line.startswith("{")]
    calls = [line for line in lines if line["event"] == "call"]
    of_trace = {line["method"].rpartition("/")[2] for line in calls if line["trace_id"] == f"{other.trace_id:032x}"}
    assert {"SendRecoveryForm", "CheckRecovery", "BeginPosting", "RecordPosted"} <= of_trace
    [sent] = [line for line in calls if line["trace_id"] == f"{1:032x}" and "SendRecoveryForm" in line["method"]]
    assert (sent["parent"], len(sent["request_id"])) == (case.ticket, 36)
