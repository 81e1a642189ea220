"""The matrix is complete: a new method, command, state or role fails a test until it has expectations."""

from __future__ import annotations

from care.v1 import access_pb2, recovery_pb2, ticket_pb2
from tests.integration.service.matrix.axes import (
    CALLERS,
    COMMANDS,
    NOT_ON_A_TICKET,
    ROLES,
    SITUATIONS,
    STATUSES,
    UNREACHABLE,
    method,
    recovery_state,
)
from tests.integration.service.matrix.expectations import contact_state
from tests.integration.service.matrix.methods import METHODS
from tests.support.tenant import Tenant


def _names(values: list[str], prefix: str) -> set[str]:
    return {value.removeprefix(prefix) for value in values} - {"UNSPECIFIED"}


def test_every_method_has_expectations_or_writes_to_no_ticket() -> None:
    assert set(METHODS) == set(ROLES) | NOT_ON_A_TICKET
    assert not set(ROLES) & NOT_ON_A_TICKET
    assert {method(command) for command in COMMANDS} == set(ROLES)


async def test_every_action_of_a_ticket_has_expectations(tenant: Tenant) -> None:
    assert {action.command for action in (await tenant.ticket()).actions} <= set(COMMANDS)


def test_every_status_and_every_state_of_a_recovery_is_an_axis() -> None:
    assert set(STATUSES) == _names(ticket_pb2.TicketStatus.keys(), "TICKET_STATUS_")
    states = {recovery_state(situation) for situation in SITUATIONS} - {"NO_CONTACT"}
    assert states == _names(recovery_pb2.RecoveryState.keys(), "RECOVERY_STATE_")
    reached = {
        contact_state(status, situation)
        for status in STATUSES
        for situation in SITUATIONS
        if (status, situation) not in UNREACHABLE
    }
    assert reached == _names(ticket_pb2.ContactState.keys(), "CONTACT_STATE_")


def test_every_role_is_among_the_callers() -> None:
    roles = {role for caller in CALLERS.values() for role in caller.roles}
    assert roles == {name.lower() for name in _names(access_pb2.Role.keys(), "ROLE_")}
