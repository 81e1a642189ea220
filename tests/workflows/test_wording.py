"""The texts that operators read about a recovery are true."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import recovery_pb2 as recovery
from care.v1.worker_service_pb2 import RecoveryPlan
from care_workflows import recovery_wording, wording

OPEN = {"FORM_REQUESTED", "AWAITING_CONTACT", "ENDED_BY_CLOSE"}
STATES = [name.removeprefix("RECOVERY_STATE_") for name in recovery.RecoveryState.keys()[1:]]


@pytest.mark.parametrize("state", STATES)
def test_a_form_is_shown_as_open_only_while_it_is(state: str) -> None:
    number = recovery.RecoveryState.Value(f"RECOVERY_STATE_{state}")
    plan = RecoveryPlan(state=number, expire_time=Timestamp(seconds=1_800_000_000))
    said = "The form is open until 2027-01-15 08:00:00 UTC" in recovery_wording.details(plan, "…")
    assert said == (state in OPEN)


def test_a_pause_says_what_to_do_and_what_happens_otherwise() -> None:
    text = wording.refused_worker("TOKEN_EXPIRED")
    assert [part for part in ("TOKEN_EXPIRED", "CARE_TOKEN", "asks again within 1 h") if part not in text] == []
