"""The status of a recovery that operators see in the Temporal UI, and the cost of a recovery."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from care.v1 import recovery_pb2 as recovery
from care_workflows import activity_names, search_attributes
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows.fake_activities import refused
from tests.workflows.fake_steps import FakeRecovery, run_recovery, unavailable, until_doing

AS_STARTED = TypedSearchAttributes(
    [
        SearchAttributePair(search_attributes.ORGANIZATION, "acme"),
        SearchAttributePair(search_attributes.TICKET, "acme/17"),
    ]
)


async def details(handle: WorkflowHandle[Any, Any]) -> str:
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def attributes(handle: WorkflowHandle[Any, Any]) -> Mapping[str, str | datetime]:
    found = (await handle.describe()).typed_search_attributes
    return {pair.key.name: pair.value for pair in found if pair.key.name.startswith("Care")}


async def events(handle: WorkflowHandle[Any, Any]) -> Counter[str]:
    history = await handle.fetch_history()
    return Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)


async def test_recovery_is_found_by_what_it_waits_for(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake, AS_STARTED) as handle:
        await until_doing(handle, "Waiting for the customer")
        found = await attributes(handle)
        assert fake.expires
        assert {name: found[name] for name in found if name != "CareNextDeadline"} == {
            "CareOrganization": "acme",
            "CareLocation": "harbor",
            "CareTicket": "acme/17",
            "CareWaitsFor": "customer",
            "CareFormExpiry": fake.expires,
        }
        assert found["CareNextDeadline"] == fake.expires
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        await handle.result()
        # Filters are for running workflows, so changing the attributes at the end would be billed without a use.
        assert await attributes(handle) == found


async def test_refused_worker_is_found_as_waiting_for_an_operator(dev_client: Client) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.failures[activity_names.CHECK_RECOVERY] = [refused("TOKEN_EXPIRED")]
    async with run_recovery(dev_client, fake, AS_STARTED) as handle:
        status = await until_doing(handle, "TOKEN_EXPIRED")
        assert not status.HasField("plan")
        assert "TOKEN_EXPIRED" in await details(handle)
        assert (await attributes(handle))["CareWaitsFor"] == "operator"
        await handle.signal(ContactRecovery.poke)
        await handle.result()


async def test_details_say_how_the_last_attempts_failed_until_one_succeeds(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.failures[activity_names.POST_REPLY] = [
        *[unavailable(timedelta(milliseconds=1))] * 5,
        unavailable(timedelta(days=1)),
    ]
    async with run_recovery(dev_client, fake, AS_STARTED) as handle:
        await fake.until(lambda: not fake.failures[activity_names.POST_REPLY])
        # After five attempts, the workflow asked the service again. It now retries at the site.
        assert fake.calls == [
            activity_names.CHECK_RECOVERY,
            *[activity_names.POST_REPLY] * 5,
            activity_names.CHECK_RECOVERY,
            activity_names.POST_REPLY,
        ]
        shown = await details(handle)
        assert "- Last failure: the connection failed, 20" in shown
        assert shown.startswith("**Posting the reply with the link to the form at local.**")
        await handle.signal(ContactRecovery.poke)
        await until_doing(handle, "Waiting for the customer")
        assert "Last failure" not in await details(handle)


async def test_details_say_since_when_and_until_when_it_waits_and_what_comes_next(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        shown = await details(handle)
        assert fake.posted
        assert fake.expires
        assert shown.startswith("**Waiting for the customer to answer the form.**")
        assert f"public since {fake.posted.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in shown
        assert f"until {fake.expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in shown
        assert "Next: the form expires" in shown
        for row in (
            "| Ticket | `acme/17` |",
            "| Status | `IN_PROGRESS` |",
            "| Priority | `HIGH` |",
            "| Assignee | `alice` |",
            "| Location | `harbor` |",
            "| Review site | `local` |",
            "| As of | `",
        ):
            assert row in shown
        fake.end(recovery.RECOVERY_STATE_REPLACED)
        await handle.signal(ContactRecovery.poke)
        await handle.result()


async def test_details_say_why_a_reply_was_refused(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.refusals[activity_names.POST_REPLY] = [recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED]
    async with run_recovery(dev_client, fake) as handle:
        await handle.result()
        assert "- Refused: the site does not allow links in replies" in await details(handle)


async def test_happy_path_is_cheap(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake, AS_STARTED) as handle:
        await until_doing(handle, "Waiting for the customer")
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        await handle.result()
        found = await events(handle)
    assert found["ACTIVITY_TASK_SCHEDULED"] + found["MARKER_RECORDED"] == len(fake.calls) == 4
    # The attributes change when the recovery waits for the customer, and not at the end.
    assert found["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"] <= 3
    assert found["TIMER_STARTED"] <= 1


async def test_unregistered_attributes_are_not_set(dev_client: Client) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    async with run_recovery(dev_client, fake) as handle:
        await handle.result()
        found = await events(handle)
    assert found["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"] == 0
