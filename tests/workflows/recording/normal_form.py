"""Converts a history to a normal form: without data about the recording machine or data that a replay ignores."""

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


def dump(history: WorkflowHistory) -> str:
    """Returns the text of a history's file. Runs that differ only in ids have the same text, except for times."""
    found = {"workflowId": history.workflow_id, "history": _clean(plain(history))}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    numbered: dict[str, str] = {}
    # Ids are numbered by their first appearance. Ids inside payloads do not change, because payloads are base64.
    return _UUID.sub(lambda found: numbered.setdefault(found[0], _uuid(len(numbered))), text) + "\n"


def parse(text: str) -> WorkflowHistory:
    """Parses the text that `dump` returned."""
    found = json.loads(text)
    return WorkflowHistory.from_json(found["workflowId"], found["history"])


def plain(history: WorkflowHistory) -> Json:
    """Returns a history as JSON."""
    return cast("Json", history.to_json_dict())


def _clean(value: Json) -> Json:
    match value:
        case dict():
            if value.get("kind") == "TASK_QUEUE_KIND_STICKY":  # its name contains the worker's
                return {"name": _TASK_QUEUE, "kind": "TASK_QUEUE_KIND_NORMAL"}
            return {key: _clean(inner) for key, inner in value.items() if key not in _DROPPED}
        case list():
            return [_clean(inner) for inner in value]
        case _:
            return value


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"
