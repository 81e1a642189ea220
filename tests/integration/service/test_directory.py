"""The directory and the reviews: how entries are created and edited, and which fields are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1.directory_pb2 import Location, Organization
from care.v1.review_pb2 import Review
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def test_an_agent_exists_from_the_first_call_with_both_toggles_on(tenant: Tenant) -> None:
    await tenant.meet("bob")
    request = directory.GetAgentRequest(name=tenant.agent_name("bob"))
    found = (await tenant.supervisor.directory.GetAgent(request)).agent
    assert (found.display_name, found.can_be_assignee, found.can_be_reporter) == ("Bob", True, True)


async def test_a_new_organization_has_its_id_as_name_and_forms_that_live_30_days(tenant: Tenant) -> None:
    await tenant.meet("alice")
    request = directory.GetOrganizationRequest(name=tenant.name)
    found = (await tenant.agent("alice").directory.GetOrganization(request)).organization
    assert (found.display_name, found.default_phone_region) == (tenant.id, "")
    assert found.form_lifetime.ToTimedelta() == timedelta(days=30)
    assert found.consent_text


@pytest.mark.parametrize(
    ("given", "paths", "field"),
    [
        (Organization(display_name="x" * 201), [], "organization.display_name"),
        (Organization(), ["display_name"], "organization.display_name"),
        (Organization(), ["consent_text"], "organization.consent_text"),
        (Organization(consent_text="c" * 1_001), [], "organization.consent_text"),
        (Organization(default_phone_region="UK"), [], "organization.default_phone_region"),
        (Organization(default_phone_region="us"), [], "organization.default_phone_region"),
        (Organization(), ["form_lifetime"], "organization.form_lifetime"),
        (Organization(display_name="x"), ["create_time"], "update_mask"),
    ],
)
async def test_the_refusal_of_an_organization_names_the_invalid_field(
    tenant: Tenant, given: Organization, paths: list[str], field: str
) -> None:
    request = directory.UpdateOrganizationRequest(organization=given)
    request.organization.name = tenant.name
    request.update_mask.paths.extend(paths)
    error = await refusal(tenant.supervisor.directory.UpdateOrganization(request))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == [field]


@pytest.mark.parametrize("greeting", ["Hello", "{chat_link} {chat_link}", f"{'x' * 1000} {{chat_link}}"])
async def test_a_greeting_must_contain_the_link_exactly_once(tenant: Tenant, greeting: str) -> None:
    await tenant.meet("alice")
    error = await refusal(tenant.settings(Organization(chat_greeting=greeting)))
    assert_refused(error, "INVALID_FIELD")
    assert {each.field for each in error.field_violations} == {"organization.chat_greeting"}


@pytest.mark.parametrize(("seconds", "taken"), [(3_599, False), (3_600, True), (31_536_000, True), (31_536_001, False)])
async def test_the_lifetime_of_a_form_is_between_an_hour_and_a_year(
    tenant: Tenant, seconds: int, *, taken: bool
) -> None:
    request = directory.UpdateOrganizationRequest(organization=Organization(name=tenant.name))
    request.organization.form_lifetime.FromSeconds(seconds)
    call = tenant.supervisor.directory.UpdateOrganization(request)
    if taken:
        assert (await call).organization.form_lifetime.ToSeconds() == seconds
    else:
        assert_refused(await refusal(call), "INVALID_FIELD")


async def test_a_location_is_created_only_on_request(tenant: Tenant) -> None:
    place = Location(name=f"{tenant.name}/locations/camden", display_name="Camden")
    client = tenant.supervisor.directory
    error = await refusal(client.UpdateLocation(directory.UpdateLocationRequest(location=place)))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": place.name})
    made = await client.UpdateLocation(directory.UpdateLocationRequest(location=place, allow_missing=True))
    assert made.location == (await client.GetLocation(directory.GetLocationRequest(name=place.name))).location


async def test_a_newer_edit_of_a_review_is_stored_and_an_older_one_is_not(tenant: Tenant) -> None:
    review = await tenant.review()
    client = tenant.service.reviews

    async def ingest(text: str, stars: int, seconds: int) -> Review:
        edit = Review()
        edit.CopyFrom(review)
        edit.text, edit.stars = text, stars
        edit.update_time.FromSeconds(review.create_time.ToSeconds() + seconds)
        request = reviews.IngestReviewRequest(parent=tenant.name, review=edit)
        return (await client.IngestReview(request)).review

    edited = await ingest("Better.", 4, 20)
    assert (edited.name, edited.text, edited.stars) == (review.name, "Better.", 4)
    assert edited.create_time == review.create_time
    stale = await ingest("Older.", 1, 10)
    assert stale == edited == (await client.GetReview(reviews.GetReviewRequest(name=review.name))).review


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (Review(site="Local"), "review.site"),
        (Review(site="l" * 41), "review.site"),
        (Review(external_id=" "), "review.external_id"),
        (Review(external_id="e" * 513), "review.external_id"),
        (Review(location="organizations/other/locations/soho"), "review.location"),
        (Review(stars=6), "review.stars"),
        (Review(stars=-1), "review.stars"),
        (Review(text="t" * 10_001), "review.text"),
        (Review(url="ftp://example.com"), "review.url"),
        (Review(url="javascript:alert(1)"), "review.url"),
        (Review(url="https://"), "review.url"),
        (Review(author_display_name="a" * 201), "review.author_display_name"),
    ],
)
async def test_the_refusal_of_a_review_names_the_invalid_field(tenant: Tenant, given: Review, field: str) -> None:
    review = Review(site="local", external_id="wrong", location=f"{tenant.name}/locations/soho", stars=1)
    review.create_time.FromSeconds(1_700_000_000)
    review.MergeFrom(given)
    request = reviews.IngestReviewRequest(parent=tenant.name, review=review)
    error = await refusal(tenant.service.reviews.IngestReview(request))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == [field]
