"""The caller that a token's claims describe, with the claim names of any issuer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_rules.callers import Role
from care_rules.entities.activity import ActorKind
from care_rules.refusals import Reason, Refusal
from care_service.tokens.claims import ClaimNames, read_caller

NAMES = ClaimNames()
AGENT: dict[str, object] = {"sub": "alice", "org": "acme", "roles": ["agent"]}


def named_claim(claims: dict[str, object], names: ClaimNames = NAMES) -> str:
    """Returns the claim that the refusal of these claims names."""
    with pytest.raises(Refusal) as caught:
        read_caller(claims, names)
    assert caught.value.reason is Reason.TOKEN_INVALID
    [(key, claim)] = caught.value.metadata.items()
    assert key == "claim"
    assert claim in caught.value.message
    return claim


def test_an_issuers_names_of_claims_are_used_in_errors_too() -> None:
    names = ClaimNames.parse("org = https://example.com/org, roles=groups,name=preferred_username,sub=email")
    claims: dict[str, object] = {
        "email": "alice@example.com",
        "https://example.com/org": "acme",
        "groups": ["staff", "supervisor"],
    }
    found = read_caller(claims | {"preferred_username": "Alice", "sub": 7, "org": 7, "roles": 7}, names)
    assert (found.id, found.organization, found.display_name) == ("alice@example.com", "acme", "Alice")
    assert found.roles == {Role.AGENT, Role.SUPERVISOR}
    for claim in ("email", "https://example.com/org"):
        assert named_claim({name: value for name, value in claims.items() if name != claim}, names) == claim
    assert named_claim(claims | {"groups": "staff"}, names) == "groups"


@pytest.mark.parametrize("text", ["org", "org=", "=org", "team=org", "org=a,org=b", "org=a,", ",", "org:a"])
def test_the_error_of_unreadable_names_shows_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"org=https://example\.com/org,roles=groups"):
        ClaimNames.parse(text)


def test_the_outermost_actor_is_the_service_that_calls() -> None:
    assert read_caller(AGENT, NAMES).acting_service == ""
    found = read_caller(AGENT | {"act": {"sub": "crm", "act": {"sub": "desk", "act": 7}}}, NAMES)
    assert (found.id, found.acting_service, found.kind) == ("alice", "crm", ActorKind.AGENT)
    assert read_caller({"sub": "batch", "roles": ["service"], "act": {"sub": "crm"}}, NAMES).acting_service == "crm"


@pytest.mark.parametrize("sub", [None, 7, "", "a b", "a/b", "a\n", "s" * 129, ["crm"]])
def test_an_actor_without_a_valid_id_is_refused(sub: object) -> None:
    assert named_claim(AGENT | {"act": {"sub": sub}}) == "act"


@pytest.mark.parametrize("act", [None, "crm", 7, [], ["crm"], {}, {"iss": "x"}, {"act": {"sub": "crm"}}])
def test_an_actor_that_is_not_an_object_with_a_subject_is_refused(act: object) -> None:
    assert named_claim(AGENT | {"act": act}) == "act"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["acme", "agent"]),
    lambda inner: (
        st.lists(inner | st.sampled_from([role.value for role in Role]), max_size=4)
        | st.dictionaries(st.sampled_from(["sub", "act", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["sub", "org", "roles", "name", "act"]), JSON))
def test_any_claims_give_a_caller_or_an_error_that_names_a_claim(claims: dict[str, Any]) -> None:
    for given_claims in (claims, AGENT | claims):
        try:
            found = read_caller(given_claims, NAMES)
        except Refusal:
            assert named_claim(given_claims) in {"sub", "org", "roles", "act"}
            continue
        assert found.id == given_claims["sub"]
        assert found.organization == given_claims.get("org")
        assert found.organization is not None or found.roles <= {Role.SERVICE, Role.WORKER}
        claimed: Any = given_claims.get("roles", [])
        assert [role for role in found.roles - {Role.AGENT} if role.value not in claimed] == []
        assert bool(found.acting_service) == ("act" in given_claims)
        found.display_name.encode()


def test_the_documentation_names_each_role() -> None:
    page = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith("| `roles` |"))
    assert [f"`{role}`" for role in Role if f"`{role}`" not in row] == []
