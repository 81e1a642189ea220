"""The search attributes by which operators find recoveries in the Temporal UI, and their registration.

A workflow start that names an unregistered attribute fails: whoever starts a workflow sets them only where they are
registered, and the workflow changes them only where it was started with them.
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
from care_workflows.names import last_segment

ORGANIZATION: Final = SearchAttributeKey.for_keyword(workflow_names.ORGANIZATION_ATTRIBUTE)
"""The organization's id."""
LOCATION: Final = SearchAttributeKey.for_keyword(workflow_names.LOCATION_ATTRIBUTE)
"""The location's id within the organization."""
TICKET: Final = SearchAttributeKey.for_keyword(workflow_names.TICKET_ATTRIBUTE)
"""The ticket as ``{organization}/{number}``; all that belongs to one ticket has the same value."""
WAITS_FOR: Final = SearchAttributeKey.for_keyword(workflow_names.WAITS_FOR_ATTRIBUTE)
"""``customer``, ``review-site``, ``provider`` or ``operator``; unset where it waits for nobody."""
NEXT_DEADLINE: Final = SearchAttributeKey.for_datetime(workflow_names.NEXT_DEADLINE_ATTRIBUTE)
"""When something happens by itself next."""
FORM_EXPIRY: Final = SearchAttributeKey.for_datetime("CareFormExpiry")
"""When the form stops taking answers."""

CUSTOMER: Final = "customer"
REVIEW_SITE: Final = workflow_names.REVIEW_SITE
PROVIDER: Final = "provider"
OPERATOR: Final = "operator"

SEARCH_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {key.name: "Keyword" for key in (ORGANIZATION, LOCATION, TICKET, WAITS_FOR)}
    | {key.name: "Datetime" for key in (NEXT_DEADLINE, FORM_EXPIRY)}
)
"""Name to type, as the ``temporal`` command spells it."""

_TYPES: Final = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}

_MOMENTS: Final = (RECOVERY_STEP_UNLOCK, RECOVERY_STEP_EXPIRE, RECOVERY_STEP_REMIND, RECOVERY_STEP_DONE)

_MAY_NOT: Final = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)

_SAME_TIME: Final = timedelta(minutes=1)
"""The service names waits as durations, so instants computed from them differ a little each time."""

T = TypeVar("T", str, datetime)
Update = SearchAttributeUpdate[str] | SearchAttributeUpdate[datetime]


def updates(plan: RecoveryPlan, current: TypedSearchAttributes) -> list[Update]:
    """Return what ``plan`` changes of ``current``.

    Temporal bills each upsert, so the list is empty where nothing changes, for steps that take but a moment, and at the
    end: filters name the workflows that run.
    """
    if plan.step in _MOMENTS:
        return []
    waits = plan.step == RECOVERY_STEP_WAIT
    deadline = plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta() if waits else None
    found: list[Update | None] = [
        _update(LOCATION, last_segment(plan.location) or None, current),
        _update(WAITS_FOR, _waits_for(plan), current),
        _update(NEXT_DEADLINE, deadline, current),
    ]
    if waits and plan.HasField("expire_time"):
        found.append(_update(FORM_EXPIRY, plan.expire_time.ToDatetime(UTC), current))
    return [update for update in found if update]


def delivery_updates(plan: DeliveryPlan, current: TypedSearchAttributes) -> list[Update]:
    """Return what the plan of a message changes of ``current``: most are sent at once, and set nothing."""
    if plan.step != DELIVERY_STEP_WAIT:
        return []
    deadline = plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta()
    found = [_update(WAITS_FOR, PROVIDER, current), _update(NEXT_DEADLINE, deadline, current)]
    return [update for update in found if update]


def ticket_updates(plan: DeadlinePlan, current: TypedSearchAttributes) -> list[Update]:
    """Return what the plan of a ticket changes of ``current``: who has to act, and when something happens by itself."""
    if plan.step == DEADLINE_STEP_DONE:
        return []
    waits = plan.step == DEADLINE_STEP_WAIT
    deadline = plan.deadline_time.ToDatetime(UTC) if waits and plan.HasField("deadline_time") else None
    customer = CUSTOMER if waits and plan.HasField("wait_time") else None
    found = [_update(WAITS_FOR, customer, current), _update(NEXT_DEADLINE, deadline, current)]
    return [update for update in found if update]


def waits_for_provider(current: TypedSearchAttributes) -> list[Update]:
    """Return what changes of ``current`` where a provider could not be reached for a while."""
    update = _update(WAITS_FOR, PROVIDER, current)
    return [update] if update else []


def waits_for_operator(current: TypedSearchAttributes) -> list[Update]:
    """Return what changes of ``current`` where nothing but an operator can help."""
    update = _update(WAITS_FOR, OPERATOR, current)
    return [update] if update else []


async def register(client: Client) -> list[str]:
    """Register the attributes that the client's namespace lacks.

    Returns the ``temporal`` commands that somebody with more rights has to run instead; none where all is well. Any
    number of workers may call it at once. Raises ``RPCError`` where the server can't answer.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        there = listed.custom_attributes
        wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if name in there and there[name] != _TYPES[kind]]
        missing = [name for name in SEARCH_ATTRIBUTES if name not in there]
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes={name: _TYPES[SEARCH_ATTRIBUTES[name]] for name in missing},
                )
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            return []
        if error.status in _MAY_NOT:
            return [_command("create", client.namespace, name) for name in SEARCH_ATTRIBUTES]
        raise
    # Not done here: what uses the wrong type may belong to somebody.
    return [_command(verb, client.namespace, name) for name in wrong for verb in ("remove", "create")]


def _waits_for(plan: RecoveryPlan) -> str | None:
    if plan.step in (RECOVERY_STEP_POST, RECOVERY_STEP_READ, RECOVERY_STEP_RETRACT, RECOVERY_STEP_HOLD):
        return REVIEW_SITE
    if plan.step == RECOVERY_STEP_WAIT:
        return CUSTOMER if plan.state == RECOVERY_STATE_AWAITING_CONTACT else REVIEW_SITE
    return None


def _update(key: SearchAttributeKey[T], value: T | None, current: TypedSearchAttributes) -> Update | None:
    """Return the update that makes ``key`` be ``value``; None where it is already."""
    present: T | None = current.get(key)
    if value is None:
        return None if present is None else key.value_unset()
    return None if _same(present, value) else key.value_set(value)


def _same(one: object, other: object) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) < _SAME_TIME
    return one == other


def _command(verb: str, namespace: str, name: str) -> str:
    kind = f" --type {SEARCH_ATTRIBUTES[name]}" if verb == "create" else ""
    return f"temporal operator search-attribute {verb} --namespace {shlex.quote(namespace)} --name {name}{kind}"
