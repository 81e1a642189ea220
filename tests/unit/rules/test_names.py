"""Resource names are formatted and parsed, and malformed names are rejected."""

from __future__ import annotations

from uuid import UUID

import pytest

from care_rules import names
from care_rules.names import BadNameError, Child, RecoveryName, ReviewName, TicketName

ID = UUID("0190a0a0-0000-7000-8000-000000000001")


def test_a_formatted_name_is_parsed_into_the_same_parts() -> None:
    assert names.parse_organization(names.organization("acme")) == "acme"
    assert names.parse_location(names.location("acme", "soho")) == Child("acme", "soho")
    assert names.parse_agent(names.agent("acme", "alice@acme.example")) == Child("acme", "alice@acme.example")
    assert names.parse_review(names.review("acme", ID)) == ReviewName("acme", ID)
    assert names.parse_ticket(names.ticket("acme", 7)) == TicketName("acme", 7)
    recovery = names.parse_recovery(names.recovery("acme", 7, ID))
    assert (recovery, recovery.ticket) == (RecoveryName("acme", 7, ID), TicketName("acme", 7))


@pytest.mark.parametrize("organization", ["a", "a-b", "a" * 63, "0"])
def test_organization_id_allows_lowercase_letters_digits_and_hyphens(organization: str) -> None:
    assert names.parse_organization(f"organizations/{organization}") == organization


@pytest.mark.parametrize("organization", ["", "-", "A", "a" * 64, "a_b", "a.b", "a/b", "a\n", " a", "ä", "-a", "a-"])
def test_invalid_organization_id_is_rejected(organization: str) -> None:
    with pytest.raises(BadNameError):
        names.parse_organization(f"organizations/{organization}")


@pytest.mark.parametrize(
    "name",
    [
        "organizations/acme/tickets/0",
        "organizations/acme/tickets/07",
        "organizations/acme/tickets/-1",
        "organizations/acme/tickets/+1",
        "organizations/acme/tickets/1_0",
        "organizations/acme/tickets/٣",
        "organizations/acme/tickets/9223372036854775808",
        "organizations/acme/tickets/1\n",
        "organizations/acme/tickets/1/x",
        "/organizations/acme/tickets/1",
        "tickets/1",
    ],
)
def test_malformed_ticket_name_is_rejected(name: str) -> None:
    with pytest.raises(BadNameError, match="organizations/"):
        names.parse_ticket(name)


@pytest.mark.parametrize(
    "recovery", [str(ID).upper(), ID.hex, f"{{{ID}}}", f"urn:uuid:{ID}", str(ID)[:-1], f"{ID} ", ""]
)
def test_recovery_id_must_be_a_canonical_uuid(recovery: str) -> None:
    with pytest.raises(BadNameError):
        names.parse_recovery(f"organizations/acme/tickets/1/recoveries/{recovery}")
