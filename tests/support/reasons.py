"""Reads the documentation of each error reason from `error_reason.proto`, and checks errors against it.

The format of a comment is `CODE. Description. Error metadata: KEY, KEY….` or `CODE. Description. Error metadata: none.`
A key is a word in backticks outside of parentheses, or "the machine keys". "if" in parentheses after a key makes it
optional. `BadRequest` and `RetryInfo` in the description mean that the error has this detail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

PROTO: Final = Path(__file__).parents[2] / "protos" / "care" / "v1" / "error_reason.proto"

_PREFIX: Final = "ERROR_REASON_"
_MACHINE_KEYS: Final = frozenset({"machine", "state", "allowed"})
_VALUE: Final = re.compile(rf"((?:^ *//[^\n]*\n)+) *{_PREFIX}([A-Z_]+) = \d+;", re.MULTILINE)
_KEY: Final = re.compile(r"(?:`([a-z_]+)`|(the machine keys))(?: \(([^)]*)\))?")


@dataclass(frozen=True)
class DocumentedReason:
    """The documentation of one reason."""

    code: grpc.StatusCode
    required: frozenset[str]
    optional: frozenset[str]
    bad_request: bool
    retry_info: bool


@cache
def documented_reasons() -> Mapping[str, DocumentedReason]:
    """Returns all reasons except UNSPECIFIED, by name without prefix."""
    found = {}
    for comment, reason in _VALUE.findall(PROTO.read_text(encoding="utf-8")):
        if reason != "UNSPECIFIED":
            found[reason] = _read(
                reason, " ".join(line.strip().removeprefix("//").strip() for line in comment.splitlines())
            )
    return found


def _read(reason: str, comment: str) -> DocumentedReason:
    code = comment.partition(".")[0]
    description, found, keys = comment.partition(" Error metadata: ")
    assert found, f"{reason} documents neither its metadata nor that it has none"
    required, optional = set[str](), set[str]()
    for key, machine, explanation in _KEY.findall(keys.partition(". ")[0]):
        kind = optional if re.search(r"\bif\b", explanation) else required
        kind |= _MACHINE_KEYS if machine else {key}
    assert (keys == "none.") != bool(required | optional), f"{reason} names no key"
    carries = ("`BadRequest`" in description, "`RetryInfo`" in description)
    return DocumentedReason(grpc.StatusCode[code], frozenset(required), frozenset(optional), *carries)


@dataclass(frozen=True)
class CheckedError:
    """An error that matches its documentation."""

    reason: str
    metadata: dict[str, str]
    violations: dict[str, str]
    """By field, the description of the violation."""
    retry_delay: timedelta | None
    texts: str
    """All texts of the error: message, metadata values and violations."""


def check_error(error: grpc.aio.AioRpcError, *, to_customer: bool = False) -> CheckedError:
    """Checks that an error is as `error_reason.proto` documents it, and returns its parts."""
    # grpc-status is not used, because it raises if status and details differ, which is checked here.
    values = [value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
    assert len(values) == 1, f"{error.code()} without details: {error.details()!r}"
    status = Status.FromString(values[0] if isinstance(values[0], bytes) else b"")
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    return check_status(status, to_customer=to_customer)


def check_status(status: Status, *, to_customer: bool = False) -> CheckedError:
    """Checks a status as `check_error` checks an error. Tests also use it for the items of a batch."""
    details = {each.type_url.rpartition("/")[2]: each for each in status.details}
    assert len(details) == len(status.details), "two details of one kind"
    assert details.keys() <= {"google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo"}
    assert "google.rpc.ErrorInfo" in details, f"no ErrorInfo: {status.message!r}"
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for message in (info, bad_request, retry):
        _unpack(details, message)
    assert info.domain == "care"
    assert info.reason in documented_reasons(), info.reason
    rule, keys = documented_reasons()[info.reason], info.metadata.keys()
    assert status.code == rule.code.value[0], f"{info.reason} with {status.code}"
    assert status.message
    if to_customer:
        assert not keys, f"an error for a customer has the metadata {sorted(keys)}"
    else:
        assert rule.required <= keys <= rule.required | rule.optional, f"{info.reason} has {sorted(keys)}"
    # `allowed` is empty in a final state, and `roles` for a token without a role.
    assert all(info.metadata[key] for key in keys - {"allowed", "roles"}), dict(info.metadata)
    violations = {each.field: each.description for each in bad_request.field_violations}
    assert all(violations.values())
    assert bool(violations) == rule.bad_request, info.reason
    assert ("google.rpc.RetryInfo" in details) == rule.retry_info, info.reason
    delay = retry.retry_delay.ToTimedelta() if rule.retry_info else None
    assert delay is None or delay > timedelta()
    texts = "\n".join([status.message, *info.metadata.values(), *violations, *violations.values()])
    return CheckedError(info.reason, dict(info.metadata), violations, delay, texts)


def _unpack(details: Mapping[str, object], message: Message) -> None:
    packed = details.get(message.DESCRIPTOR.full_name)
    if packed is not None:
        message.ParseFromString(packed.value)  # type: ignore[attr-defined]
