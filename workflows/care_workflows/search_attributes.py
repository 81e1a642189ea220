"""The search attributes by which operators find Care's workflows in the Temporal UI, and their registration.

Temporal refuses to start a workflow with an unregistered attribute. So a caller sets the attributes at the start of a
workflow only if they are registered, and the workflow changes them only if it was started with them.
"""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from care.v1.recovery_pb2 import RECOVERY_STATE_AWAITING_CONTACT
from care.v1.worker_service_pb2 import (
    DEADLINE_STEP_DONE,
    DEADLINE_STEP_WAIT,
    DELIVERY_STEP_WAIT,
    RECOVERY_STEP_DONE,
    RECOVERY_STEP_EXPIRE,
    RECOVERY_STEP_HOLD,
    RECOVERY_STEP_POST,
    RECOVERY_STEP_READ,
    RECOVERY_STEP_REMIND,
    RECOVERY_STEP_RETRACT,
    RECOVERY_STEP_UNLOCK,
    RECOVERY_STEP_WAIT,
    DeadlinePlan,
    DeliveryPlan,
    RecoveryPlan,
)
from care_client import workflow_names
from care_workflows.resource_names import last_segment

ORGANIZATION: Final = SearchAttributeKey.for_keyword(workflow_names.ORGANIZATION_ATTRIBUTE)
"""The organization's id."""
LOCATION: Final = SearchAttributeKey.for_keyword(workflow_names.LOCATION_ATTRIBUTE)
"""The location's id within the organization."""
TICKET: Final = SearchAttributeKey.for_keyword(workflow_names.TICKET_ATTRIBUTE)
"""The ticket as ``{organization}/{number}``, the same for all workflows of a ticket."""
WAITS_FOR: Final = SearchAttributeKey.for_keyword(workflow_names.WAITS_FOR_ATTRIBUTE)
"""Who must act next: ``customer``, ``review-site``, ``provider`` or ``operator``; unset if nobody must."""
NEXT_DEADLINE: Final = SearchAttributeKey.for_datetime(workflow_names.NEXT_DEADLINE_ATTRIBUTE)
"""When the workflow acts next if nobody does anything."""
FORM_EXPIRY: Final = SearchAttributeKey.for_datetime("CareFormExpiry")
"""When the form expires."""

CUSTOMER: Final = "customer"
REVIEW_SITE: Final = workflow_names.REVIEW_SITE
PROVIDER: Final = "provider"
OPERATOR: Final = "operator"

SEARCH_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {key.name: "Keyword" for key in (ORGANIZATION, LOCATION, TICKET, WAITS_FOR)}
    | {key.name: "Datetime" for key in (NEXT_DEADLINE, FORM_EXPIRY)}
)
"""The type of each attribute by name, as the ``temporal`` command spells it."""

_INDEXED_TYPES: Final = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}

_SHORT_STEPS: Final = (RECOVERY_STEP_UNLOCK, RECOVERY_STEP_EXPIRE, RECOVERY_STEP_REMIND, RECOVERY_STEP_DONE)

_NOT_ALLOWED: Final = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)

_SAME_TIME: Final = timedelta(minutes=1)
"""Two times that differ by less count as equal. They are computed from durations, so they vary a little."""

T = TypeVar("T", str, datetime)
Update = SearchAttributeUpdate[str] | SearchAttributeUpdate[datetime]


def recovery_updates(plan: RecoveryPlan, current: TypedSearchAttributes) -> list[Update]:
    """Returns how a recovery's plan changes the ``current`` attributes.

    Temporal bills each upsert. So the list is empty if nothing changes, and for steps that take only a moment. The list
    is also empty at the end, because operators filter for running workflows.
    """
    if plan.step in _SHORT_STEPS:
        return []
    waits = plan.step == RECOVERY_STEP_WAIT
    deadline = plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta() if waits else None
    changes: list[Update | None] = [
        _update(LOCATION, last_segment(plan.location) or None, current),
        _update(WAITS_FOR, _waits_for(plan), current),
        _update(NEXT_DEADLINE, deadline, current),
    ]
    if waits and plan.HasField("expire_time"):
        changes.append(_update(FORM_EXPIRY, plan.expire_time.ToDatetime(UTC), current))
    return [update for update in changes if update]


def delivery_updates(plan: DeliveryPlan, current: TypedSearchAttributes) -> list[Update]:
    """Returns how a delivery's plan changes the ``current`` attributes.

    The list is empty unless the step is WAIT. Most messages are sent at once, so they cost no upsert.
    """
    if plan.step != DELIVERY_STEP_WAIT:
        return []
    deadline = plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta()
    changes = [_update(WAITS_FOR, PROVIDER, current), _update(NEXT_DEADLINE, deadline, current)]
    return [update for update in changes if update]


def ticket_updates(plan: DeadlinePlan, current: TypedSearchAttributes) -> list[Update]:
    """Returns how a ticket's plan changes the ``current`` attributes."""
    if plan.step == DEADLINE_STEP_DONE:
        return []
    waits = plan.step == DEADLINE_STEP_WAIT
    deadline = plan.deadline_time.ToDatetime(UTC) if waits and plan.HasField("deadline_time") else None
    customer = CUSTOMER if waits and plan.HasField("wait_time") else None
    changes = [_update(WAITS_FOR, customer, current), _update(NEXT_DEADLINE, deadline, current)]
    return [update for update in changes if update]


def provider_wait_updates(current: TypedSearchAttributes) -> list[Update]:
    """Returns how the ``current`` attributes change when a provider has been unavailable for a while."""
    update = _update(WAITS_FOR, PROVIDER, current)
    return [update] if update else []


def operator_wait_updates(current: TypedSearchAttributes) -> list[Update]:
    """Returns how the ``current`` attributes change when only an operator can help."""
    update = _update(WAITS_FOR, OPERATOR, current)
    return [update] if update else []


async def register(client: Client) -> list[str]:
    """Registers the attributes that are missing in the client's namespace.

    Returns the ``temporal`` commands that an administrator has to run if the client may not register attributes, or if
    an attribute has another type. Returns an empty list if all attributes are registered. Workers may call this
    concurrently. Raises ``RPCError`` if the server fails.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        present = listed.custom_attributes
        mistyped = [
            name
            for name, kind in SEARCH_ATTRIBUTES.items()
            if name in present and present[name] != _INDEXED_TYPES[kind]
        ]
        missing = [name for name in SEARCH_ATTRIBUTES if name not in present]
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes={name: _INDEXED_TYPES[SEARCH_ATTRIBUTES[name]] for name in missing},
                )
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            return []
        if error.status in _NOT_ALLOWED:
            return [_command("create", client.namespace, name) for name in SEARCH_ATTRIBUTES]
        raise
    # An administrator has to decide, because another program may use the attribute with the other type.
    return [_command(verb, client.namespace, name) for name in mistyped for verb in ("remove", "create")]


def _waits_for(plan: RecoveryPlan) -> str | None:
    if plan.step in (RECOVERY_STEP_POST, RECOVERY_STEP_READ, RECOVERY_STEP_RETRACT, RECOVERY_STEP_HOLD):
        return REVIEW_SITE
    if plan.step == RECOVERY_STEP_WAIT:
        return CUSTOMER if plan.state == RECOVERY_STATE_AWAITING_CONTACT else REVIEW_SITE
    return None


def _update(key: SearchAttributeKey[T], value: T | None, current: TypedSearchAttributes) -> Update | None:
    """Returns the update that sets ``key`` to ``value``; None if it has this value already."""
    present: T | None = current.get(key)
    if value is None:
        return None if present is None else key.value_unset()
    return None if _is_same(present, value) else key.value_set(value)


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) < _SAME_TIME
    return one == other


def _command(verb: str, namespace: str, name: str) -> str:
    kind = f" --type {SEARCH_ATTRIBUTES[name]}" if verb == "create" else ""
    return f"temporal operator search-attribute {verb} --namespace {shlex.quote(namespace)} --name {name}{kind}"
