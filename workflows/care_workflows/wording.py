"""Texts and formats that the three workflows share for the Temporal UI, where operators read them.

All functions are pure. No text contains customer data.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.exceptions import ApplicationError

from care_workflows import failure_types
from care_workflows.activity_options import LONGEST_OPERATOR_WAIT, Retries

ASKING_SERVICE: Final = "Asking the service what to do next."

_UNAVAILABLE: Final = {
    "TIMEOUT": "no response in time",
    "CONNECTION": "the connection failed",
    "SERVER_ERROR": "the other side failed (HTTP 5xx)",
    "RATE_LIMITED": "the other side limits our requests (HTTP 429)",
    "NOT_SECURE": "the provider offers no encryption that the worker trusts",
    "LOGIN_REFUSED": "the provider rejects our credentials",
    "IN_MODERATION": "the site is still moderating the reply",
    "DEFERRED": "the provider deferred the message",
    "UNEXPECTED_RESPONSE": "the response is not one that this provider sends: check the configured URL",
    "ATTEMPT_DEADLINE": "no response in time",
}
"""The texts by `UnavailableReason`.

ATTEMPT_DEADLINE is the reason of an attempt that took longer than `activity_options.ATTEMPT_DEADLINE`.
"""


def unknown_step(step: int) -> str:
    """Returns the status of a workflow whose next step this worker does not know."""
    return f"The service asks for step {step}, which this worker does not know. Run a newer worker."


def refused_worker(reason: str) -> str:
    """Returns the status of a workflow whose worker the service refuses. ``reason`` is an error reason or gRPC code."""
    advice = "Check CARE_TOKEN and the versions of worker and service."
    again = f"The workflow asks again within {format_duration(LONGEST_OPERATOR_WAIT)}."
    return f"Paused: the service refuses this worker ({reason}). {advice} {again}"


def describe_failure(cause: BaseException | None) -> str:
    """Returns a short text, without customer data, that says why an activity failed."""
    match cause:
        case ApplicationError(
            type=failure_types.SITE_UNAVAILABLE | failure_types.MESSENGER_UNAVAILABLE, message=reason
        ):
            return _UNAVAILABLE.get(reason, f"no usable response ({reason})")
        case ApplicationError(type=failure_types.ADAPTER_ERROR, message=exception):
            return f"the adapter raised {exception}"
        case ApplicationError(type=reason):
            return f"the service did not respond ({reason})"
        case _:
            return "the attempt did not end in time; its worker may have crashed"


def retry_note(party: str, retries: Retries) -> str:
    """Returns the sentence that says after which pauses Care retries while ``party`` is unavailable."""
    first, second = format_duration(retries.first_interval), format_duration(2 * retries.first_interval)
    longest = format_duration(retries.longest_interval)
    return f"While {party} is unavailable, Care retries after {first}, {second}, … up to {longest}; a poke retries now."


def format_time(time: Timestamp | datetime) -> str:
    """Returns the time in UTC, to the second."""
    moment = time.ToDatetime(UTC) if isinstance(time, Timestamp) else time
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def format_duration(duration: timedelta) -> str:
    """Returns the duration in hours, minutes or seconds: the largest unit that gives a whole number (``5 min``)."""
    seconds = int(duration.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def enum_word(enum: EnumDescriptor, number: int) -> str:
    """Returns an enum value without its prefix, or the number if this worker's contract does not have the value."""
    value = enum.values_by_number.get(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return value.name.removeprefix(prefix) if value else str(number)


def markdown_table(rows: Mapping[str, str]) -> list[str]:
    """Returns the lines of a Markdown table with a name and a value in each row."""
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows.items())]


def _cell(text: str) -> str:
    """Returns ``text`` as Markdown code. A backtick or a pipe would end the cell, so each is replaced."""
    return f"`{text.replace('`', chr(39)).replace('|', '¦')}`" if text else ""
