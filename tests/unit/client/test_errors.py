"""`CareError`: the details that it reads from a failed call, whether a retry helps, and what it never contains."""

import re

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata

from care_client import errors
from care_client.errors import (
    AlreadyExists,
    CareError,
    Conflict,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    care_errors,
)

PRIVATE = "zoe@example.org"


def rpc_error(code: grpc.StatusCode, *details: Message | Any, status: bytes | None = None) -> AioRpcError:
    rich = Status(code=code.value[0], message=f"about {PRIVATE}")
    for detail in details:
        if isinstance(detail, Any):
            rich.details.append(detail)
        else:
            rich.details.add().Pack(detail)
    trailing = Metadata(("grpc-status-details-bin", rich.SerializeToString() if status is None else status))
    return AioRpcError(code, Metadata(), trailing, details=f"about {PRIVATE}")


def test_details_are_read() -> None:
    error = CareError.from_rpc_error(
        rpc_error(
            grpc.StatusCode.FAILED_PRECONDITION,
            ErrorInfo(domain="care", reason="TICKET_CLOSED", metadata={"ticket": "organizations/acme/tickets/17"}),
            BadRequest(field_violations=[BadRequest.FieldViolation(field="note.text", description="is too long")]),
            RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000)),
        )
    )
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.reason == "TICKET_CLOSED"
    assert error.metadata == {"ticket": "organizations/acme/tickets/17"}
    assert error.field_violations == (FieldViolation("note.text", "is too long"),)
    assert error.retry_after
    assert error.retry_after.total_seconds() == 2.5
    assert error.message == f"about {PRIVATE}"


@pytest.mark.parametrize(
    "error",
    [
        AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata()),
        rpc_error(grpc.StatusCode.UNAVAILABLE, ErrorInfo(domain="mesh.example", reason="NO_HEALTHY_UPSTREAM")),
        rpc_error(grpc.StatusCode.UNAVAILABLE, status=b"\xff not a status"),
        rpc_error(grpc.StatusCode.UNAVAILABLE, status=Status(code=5).SerializeToString()),
        rpc_error(grpc.StatusCode.UNAVAILABLE, Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")),
    ],
    ids=["no details", "another domain's", "no status", "contradicting status", "broken detail"],
)
def test_errors_that_are_not_of_care_have_no_reason(error: AioRpcError) -> None:
    found = CareError.from_rpc_error(error)
    assert (found.code, found.reason, found.metadata) == (grpc.StatusCode.UNAVAILABLE, "", {})
    assert str(found) == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_ARGUMENT", InvalidRequest),
        ("UNAUTHENTICATED", Unauthenticated),
        ("PERMISSION_DENIED", PermissionDenied),
        ("NOT_FOUND", NotFound),
        ("ALREADY_EXISTS", AlreadyExists),
        ("FAILED_PRECONDITION", FailedPrecondition),
        ("ABORTED", Conflict),
        ("RESOURCE_EXHAUSTED", ResourceExhausted),
        ("UNAVAILABLE", Unavailable),
        ("DEADLINE_EXCEEDED", DeadlineExceeded),
        ("INTERNAL", CareError),
        ("UNIMPLEMENTED", CareError),
    ],
)
def test_each_code_has_its_class(code: str, kind: type[CareError]) -> None:
    assert type(CareError.from_rpc_error(rpc_error(grpc.StatusCode[code]))) is kind
    assert type(CareError.from_status(Status(code=grpc.StatusCode[code].value[0]))) is kind


def test_every_class_is_in_the_tree_of_the_module_docstring() -> None:
    drawn = re.findall(r"(?:├──|└──) (\w+)", errors.__doc__ or "")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CareError)]
    assert sorted(drawn) == sorted(kind.__name__ for kind in kinds if kind is not CareError)


def test_a_refusal_of_a_state_machine_has_the_state_and_the_allowed_triggers() -> None:
    metadata = {"machine": "status", "state": "RESOLVED", "allowed": "close,reopen", "trigger": "start"}
    info = ErrorInfo(domain="care", reason="ILLEGAL_TRANSITION", metadata=metadata)
    error = CareError.from_rpc_error(rpc_error(grpc.StatusCode.FAILED_PRECONDITION, info))
    assert isinstance(error, IllegalTransition)
    assert (error.machine, error.state, error.allowed) == ("status", "RESOLVED", ("close", "reopen"))


def test_a_refusal_without_a_state_machine_has_no_state() -> None:
    error = CareError.from_rpc_error(
        rpc_error(grpc.StatusCode.FAILED_PRECONDITION, ErrorInfo(domain="care", reason="UNASSIGNED"))
    )
    assert not isinstance(error, IllegalTransition)
    assert (error.machine, error.state, error.allowed) == ("", "", ())


def test_nothing_leaves_closed() -> None:
    metadata = {"machine": "status", "state": "CLOSED", "allowed": ""}
    info = ErrorInfo(domain="care", reason="TICKET_CLOSED", metadata=metadata)
    assert CareError.from_rpc_error(rpc_error(grpc.StatusCode.FAILED_PRECONDITION, info)).allowed == ()


def test_the_status_of_a_batch_item_is_read_like_a_call() -> None:
    status = Status(code=grpc.StatusCode.PERMISSION_DENIED.value[0], message="The ticket belongs to bob.")
    status.details.add().Pack(ErrorInfo(domain="care", reason="NOT_ASSIGNEE", metadata={"assignee": "bob"}))
    error = CareError.from_status(status)
    assert isinstance(error, PermissionDenied)
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ASSIGNEE")
    assert (error.message, error.metadata) == ("The ticket belongs to bob.", {"assignee": "bob"})


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_the_code_decides_whether_a_retry_helps(code: grpc.StatusCode) -> None:
    assert CareError(code).retryable is (code.name in {"UNAVAILABLE", "DEADLINE_EXCEEDED"})


@pytest.mark.parametrize(("reason", "retryable"), [("RATE_LIMITED", True), ("OVERLOADED", True), ("", False)])
def test_resource_exhausted_can_be_retried_unless_the_message_is_too_long(reason: str, retryable: bool) -> None:
    assert CareError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason).retryable is retryable


@pytest.mark.parametrize(("reason", "retryable"), [("CONTENDED", True), ("ETAG_MISMATCH", False), ("", False)])
def test_aborted_call_can_be_retried_only_if_it_was_contended(reason: str, retryable: bool) -> None:
    assert CareError(grpc.StatusCode.ABORTED, reason).retryable is retryable


def test_text_contains_only_code_reason_and_fields() -> None:
    fields = [
        BadRequest.FieldViolation(field="email", description=PRIVATE),
        BadRequest.FieldViolation(field="request_id", description=PRIVATE),
    ]
    with pytest.raises(CareError) as caught, care_errors():
        raise rpc_error(
            grpc.StatusCode.INVALID_ARGUMENT,
            ErrorInfo(domain="care", reason="INVALID_FIELD"),
            BadRequest(field_violations=fields),
        )
    assert str(caught.value) == "INVALID_ARGUMENT: INVALID_FIELD: email, request_id"
    assert PRIVATE not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_other_exceptions_pass() -> None:
    with pytest.raises(KeyError), care_errors():
        raise KeyError("x")
