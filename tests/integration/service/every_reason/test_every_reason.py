"""Each reason of the contract is provoked through gRPC, and all of its metadata is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from care.v1 import error_reason_pb2
from tests.integration.service.every_reason.place import Place, Provocation, Provoked
from tests.integration.service.every_reason.refusals import REFUSALS
from tests.integration.service.every_reason.requests import REQUEST_ID, submit
from tests.integration.service.every_reason.trouble import TROUBLE
from tests.support.design_tables import CODES
from tests.support.reasons import documented_reasons

PROVOCATIONS: Final[Mapping[str, Provocation]] = {**REFUSALS, **TROUBLE}


def test_every_reason_of_the_contract_is_provoked_here_and_documented() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118 - no dict
    assert set(PROVOCATIONS) == set(documented_reasons()) == names - {"UNSPECIFIED"}


def comparable(metadata: Mapping[str, str]) -> dict[str, object]:
    """Turns comma-separated values into sets."""
    return {
        key: frozenset(value.split(",")) if key in {"allowed", "roles"} else value for key, value in metadata.items()
    }


@pytest.mark.parametrize("reason", PROVOCATIONS)
@pytest.mark.xdist_group("every_reason")  # the tests share one troubled service and disturb it in this order
async def test_an_error_contains_what_the_contract_documents(place: Place, reason: str) -> None:
    provoked = await PROVOCATIONS[reason](place)
    refused = await provoked.refusal()
    assert refused.reason == reason, refused.texts
    assert documented_reasons()[reason].code == CODES[reason]
    assert comparable(refused.metadata) == comparable(provoked.metadata)
    assert set(refused.violations) == provoked.fields
    assert refused.retry_delay == provoked.retry_delay


async def test_a_customers_reused_request_id_is_refused_without_metadata(place: Place) -> None:
    recovery = await place.tenant.form(await place.tenant.ticket())
    await place.tenant.customer.customers.SubmitContact(submit(place.tenant, recovery, request_id=REQUEST_ID))
    other = submit(place.tenant, recovery, email="sam@example.com", request_id=REQUEST_ID)
    refused = await Provoked(place.tenant.care, None, other).refusal()
    assert (refused.reason, refused.metadata) == ("REQUEST_ID_REUSED", {})
