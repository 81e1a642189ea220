"""A history without what tells of the machine that recorded it, and without what a replay does not look at."""

import json
import re
from typing import Final, TypeAlias, cast

from temporalio.client import WorkflowHistory

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_DROPPED: Final = frozenset(
    {
        "identity",  # process@host of a client or worker
        "stackTrace",  # paths of files
        "requestId",
        "taskId",
        "historySizeBytes",
        "historyLength",
        "workerVersion",  # a checksum of the program
        "binaryChecksum",
    }
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TASK_QUEUE: Final = "care"


def dumped(history: WorkflowHistory) -> str:
    """The text of a history's file; the same for histories that differ in chance alone, times excepted."""
    found = {"workflowId": history.workflow_id, "history": _cleaned(plain(history))}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    numbered: dict[str, str] = {}
    # By their first appearance. Payloads are base64, so that theirs stay what they are.
    return _UUID.sub(lambda found: numbered.setdefault(found[0], _uuid(len(numbered))), text) + "\n"


def loaded(text: str) -> WorkflowHistory:
    """What `dumped` wrote."""
    found = json.loads(text)
    return WorkflowHistory.from_json(found["workflowId"], found["history"])


def plain(history: WorkflowHistory) -> Json:
    """A history as JSON."""
    return cast("Json", history.to_json_dict())


def _cleaned(value: Json) -> Json:
    match value:
        case dict():
            if value.get("kind") == "TASK_QUEUE_KIND_STICKY":  # named after its worker
                return {"name": _TASK_QUEUE, "kind": "TASK_QUEUE_KIND_NORMAL"}
            return {key: _cleaned(inner) for key, inner in value.items() if key not in _DROPPED}
        case list():
            return [_cleaned(inner) for inner in value]
        case _:
            return value


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"
