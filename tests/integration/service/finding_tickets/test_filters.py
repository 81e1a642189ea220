"""ListTickets: every field of a filter with every comparison, words, and refused filters."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc
import pytest

from care.v1 import ticket_service_pb2 as tickets
from care_client.errors import CareError
from tests.integration.service.finding_tickets.known_tickets import World
from tests.support.care import refusal

FOUND: list[tuple[str, str]] = [
    # All tickets of the organization, newest first.
    ("", "GFEDCBA"),
    ("status = OPEN", "FEA"),
    ("status : OPEN", "FEA"),
    ("status = IN_PROGRESS", "B"),
    ("status = RESOLVED", "C"),
    ("status = CLOSED", "GD"),
    ("status != CLOSED", "FECBA"),
    ("NOT status = OPEN", "GDCB"),
    ("-status = OPEN", "GDCB"),
    ("status:*", "GFEDCBA"),
    ("status = OPEN AND status = CLOSED", ""),
    ("status = OPEN OR status = RESOLVED", "FECA"),
    ("status != OPEN status != CLOSED", "CB"),
    ("close_reason = MANUAL", "D"),
    ("close_reason = INACTIVITY", "G"),
    ("close_reason != MANUAL", "GFECBA"),
    ('close_reason = ""', "FECBA"),
    ('close_reason != ""', "GD"),
    ("close_reason:*", "GD"),
    ("close_reason = MANUAL OR status = RESOLVED", "DC"),
    ("priority = NORMAL", "GFEC"),
    ("priority : HIGH", "A"),
    ("priority != NORMAL", "DBA"),
    ("priority > NORMAL", "DA"),
    ("priority >= NORMAL", "GFEDCA"),
    ("priority < NORMAL", "B"),
    ("priority <= HIGH", "GFECBA"),
    ("priority > URGENT", ""),
    ("priority:*", "GFEDCBA"),
    ("contact_state = NO_CONTACT", "GEDCBA"),
    ("contact_state = AWAITING_CONTACT", "F"),
    ("contact_state != NO_CONTACT", "F"),
    ("contact_state : CHAT_UNLOCKED", ""),
    ("assignee = {o}/agents/alice", "FDCB"),
    ('assignee : "{o}/agents/bob"', "E"),
    ("assignee != {o}/agents/alice", "GEA"),
    ("NOT assignee = {o}/agents/alice", "GEA"),
    ('assignee = ""', "GA"),
    ('assignee != ""', "FEDCB"),
    ("assignee:*", "FEDCB"),
    ("assignee = {o}/agents/nobody", ""),
    ("assignee = organizations/finding-other/agents/alice", ""),
    ("assignee != organizations/finding-other/agents/alice", "GFEDCBA"),
    ("reporter = {o}/agents/bob", "GB"),
    ("reporter : {o}/agents/alice", "E"),
    ("reporter != {o}/agents/bob", "FEDCA"),
    ('reporter = ""', "FDCA"),
    ("reporter:*", "GEB"),
    ("location = {o}/locations/camden", "B"),
    ("location : {o}/locations/soho", "GFEDCA"),
    ("location != {o}/locations/soho", "B"),
    ('location = ""', ""),
    ('location != ""', "GFEDCBA"),
    ("location = organizations/finding-other/locations/soho", ""),
    ('review = ""', "GEB"),
    ("review:*", "FDCA"),
    ("labels:vip", "BA"),
    ("labels:food", "B"),
    ("labels:vip labels:food", "B"),
    ("NOT labels:vip", "GFEDC"),
    ("-labels:food", "GFEDCA"),
    ("labels:*", "BA"),
    ("-labels:*", "GFEDC"),
    ("labels:other", ""),
    ("stars = 1", "A"),
    ("stars : 5", "D"),
    ("stars != 1", "GFEDCB"),
    ("stars > 2", "DC"),
    ("stars >= 2", "FDC"),
    ("stars < 3", "FA"),
    ("stars <= 3", "FCA"),
    ("NOT stars <= 3", "GEDB"),
    ('stars = ""', "GEB"),
    ("stars:*", "FDCA"),
    ("stars < 999999999999", "FDCA"),
    ("stars > -999999999999", "FDCA"),
    ("stars = 999999999999", ""),
    ('create_time = "{t2}"', "C"),
    ('create_time : "{t2}"', "C"),
    ('create_time != "{t2}"', "GFEDBA"),
    ('create_time > "{t2}"', "GFED"),
    ('create_time >= "{t2}"', "GFEDC"),
    ('create_time < "{t2}"', "BA"),
    ('create_time <= "{t2}"', "CBA"),
    ('create_time > "{t1}" AND create_time < "{t4}"', "DC"),
    ('update_time > "{t6}"', "B"),
    ('update_time >= "{t5}"', "GFB"),
    ('update_time < "{t2}"', "A"),
    ('update_time <= "{t2}"', "CA"),
    ('update_time = "{t7}"', "B"),
    ('update_time != "{t7}"', "GFEDCA"),
    ("reference = {reference}", "F"),
    ("reference : {reference}", "F"),
    ("reference != {reference}", "GEDCBA"),
    ("reference = 0000-0000", ""),
    ("external_reference = ORD-1042", "EB"),
    ("external_reference : ' ORD-1042 '", "EB"),
    ("external_reference != ORD-1042", "GFDCA"),
    ("NOT external_reference = ORD-1042", "GFDCA"),
    ('external_reference = "X 7: ümlaut"', "G"),
    ("external_reference = ord-1042", ""),
    ("external_reference = ORD", ""),
    ('external_reference = ""', "FDCA"),
    ('external_reference != ""', "GEB"),
    ("external_reference:*", "GEB"),
    ("external_reference = ORD-1042 status = OPEN", "E"),
    ("external_reference = ORD-1042 OR stars = 5", "EDB"),
    # An external reference is not searched for words.
    ("ümlaut", ""),
    ("1042", ""),
    # Whole words of subject, description and review, in any case and language.
    ("soup", "BA"),
    ("SOUP", "BA"),
    ("sou", ""),
    ("cold soup", "BA"),
    ('"cold soup"', "A"),
    ('"soup cold"', ""),
    ("cold -soup", ""),
    ("pizza", "DB"),
    ("pizza OR umbrella", "EDB"),
    ("pizza -great", "B"),
    ("суп", "C"),
    ("'холодный суп'", "C"),
    ("don't", "C"),
    ("waiter's", "F"),
    ('"late cold pizza"', "B"),
    ('"late pizza"', ""),
    ("-soup", "GFEDC"),
    # Texts without a word to search for.
    ('"<marzipan>"', ""),
    ('NOT "<br>"', "GFEDCBA"),
    ("&amp; OR umbrella", "E"),
    ("umbrella &amp;", ""),
    ("a" * 3_000, ""),
    ("soup status = OPEN", "A"),
    # Mixed: OR binds tighter than AND.
    ("status = OPEN AND stars = 1 OR stars = 2", "FA"),
    ("(status = OPEN AND stars = 1) OR stars = 5", "DA"),
    ("status = CLOSED OR labels:vip", "GDBA"),
    ("umbrella OR labels:food OR stars = 5 OR status = RESOLVED", "EDCB"),
    ("NOT (status = OPEN OR labels:vip)", "GDC"),
    ("NOT (status = OPEN AND labels:vip)", "GFEDCB"),
    ("NOT (NOT labels:vip)", "BA"),
    ("status = OPEN AND NOT status = OPEN", ""),
    ("status = OPEN OR status != OPEN", "GFEDCBA"),
]


@pytest.mark.parametrize(
    ("text", "letters"), [pytest.param(text, letters, id=text[:100] or "nothing") for text, letters in FOUND]
)
async def test_a_filter_finds_its_tickets(world: World, text: str, letters: str) -> None:
    page = await world.page(text)
    assert "".join(world.letters[ticket.name] for ticket in page.tickets) == letters
    assert (page.total_size, page.total_size_exact) == (len(letters), True)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("status = OPEN AND", 17, "ends"),
        ("status = LOST", 9, "OPEN, IN_PROGRESS, RESOLVED, CLOSED"),
        ("寿 assigne:*", 2, "assignee"),
        ("x" * 5000, 4000, "4000"),
    ],
)
async def test_the_refusal_of_a_filter_names_the_position_and_the_remedy(
    world: World, text: str, position: int, said: str
) -> None:
    calls: list[Awaitable[object]] = [
        world.page(text),
        world.tenant.service.tickets.CountTickets(tickets.CountTicketsRequest(parent=world.tenant.name, filter=text)),
    ]
    for call in calls:
        error: CareError = await refusal(call)
        assert (error.reason, error.code) == ("INVALID_FILTER", grpc.StatusCode.INVALID_ARGUMENT)
        assert error.metadata["position"] == str(position)
        (violation,) = error.field_violations
        assert violation.field == "filter"
        assert said in violation.description
