"""`care ticket …`: the program as a person runs it, against the real service.

Most tests fork the program from a process that has already imported it. A few start the interpreter, as a person does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from care_dev.stack.secrets import mint
from tests.e2e.program import CompletedProgram, run_care, run_forked_care
from tests.support.tenant import REPLY, Tenant


async def ticket(
    tenant: Tenant, *arguments: str, agent: str = "alice", roles: Sequence[str] = ("agent",), given: str = ""
) -> CompletedProgram:
    """Runs the program with a token of this agent in the environment."""
    token = tenant.care.token(sub=agent, org=tenant.id, roles=list(roles), name=agent.title())
    # The terminal is wide enough that no cell of a table is wrapped.
    variables = {"CARE_SERVICE_ADDRESS": tenant.care.address, "CARE_TOKEN": token, "COLUMNS": "200"}
    return await run_forked_care("ticket", *arguments, variables=variables, stdin=given)


def json_lines(ended: CompletedProgram) -> list[dict[str, Any]]:
    """Returns the printed lines of JSON of a successful run."""
    assert (ended.status, ended.errors) == (0, "")
    return [json.loads(line) for line in ended.output.splitlines()]


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def output_of(ended: CompletedProgram) -> str:
    assert (ended.status, ended.errors) == (0, "")
    assert "\x1b" not in ended.output, "no colors without a terminal"
    return ended.output


# --- commands on a ticket ---------------------------------------------------------------------------------------------


async def test_a_ticket_can_be_worked_from_creation_to_close(tenant: Tenant) -> None:
    created = await ticket(
        tenant, "create", "--subject", "Cold soup", "--location", "soho", "--priority", "HIGH", "--json"
    )
    (found,) = json_lines(created)
    assert found["name"] == f"{tenant.name}/tickets/1"
    assert (found["subject"], found["priority"], found["reporter"]) == (
        "Cold soup",
        "TICKET_PRIORITY_HIGH",
        tenant.agent_name("alice"),
    )
    assert output_of(await ticket(tenant, "take", "1")) == "Ticket 1 is OPEN, assigned to alice, NO_CONTACT\n"
    assert output_of(await ticket(tenant, "start", f"{tenant.id}/1")).startswith("Ticket 1 is IN_PROGRESS, ")
    edited = await ticket(tenant, "edit", "1", "--subject", "Cold tea", "--label", "vip", "--label", "tea", "--json")
    assert [(one["subject"], sorted(one["labels"])) for one in json_lines(edited)] == [("Cold tea", ["tea", "vip"])]
    output_of(await ticket(tenant, "edit", "1", "--external-reference", "ORD-1042"))
    assert "ORD-1042" in output_of(await ticket(tenant, "show", "1"))
    assert json_lines(await ticket(tenant, "list", "--filter", "external_reference = ORD-1042", "--json"))
    output_of(await ticket(tenant, "note", "1", "Called back.\nTwice."))
    output_of(await ticket(tenant, "note", "1", given="By post,\nas well.\n"))
    assert output_of(await ticket(tenant, "resolve", "1")).startswith("Ticket 1 is RESOLVED, ")
    assert output_of(await ticket(tenant, "reopen", "1")).startswith("Ticket 1 is IN_PROGRESS, ")
    assert output_of(await ticket(tenant, "close", f"{tenant.name}/tickets/1")).startswith("Ticket 1 is CLOSED, ")
    (case,) = json_lines(await ticket(tenant, "show", "1", "--json"))
    assert [message["text"] for message in case["messages"]] == ["Called back.\nTwice.", "By post,\nas well."]
    done = [
        line["type"].removeprefix("ACTIVITY_TYPE_") for line in json_lines(await ticket(tenant, "log", "1", "--json"))
    ]
    assert done == [
        *("CREATED", "TAKEN", "STARTED", "UPDATED", "UPDATED"),
        *("NOTE_ADDED", "NOTE_ADDED", "RESOLVED", "REOPENED", "CLOSED"),
    ]
    assert [activity["type"].removeprefix("ACTIVITY_TYPE_") for activity in case["activities"]] == done


async def test_a_ticket_changes_hands(tenant: Tenant) -> None:
    await tenant.ticket(None)
    await tenant.meet("bob", "cleo")
    output_of(await ticket(tenant, "take", "1"))
    assert "assigned to bob" in output_of(await ticket(tenant, "assign", "1", "--to", "bob"))
    override = await ticket(
        tenant, "assign", "1", "--to", tenant.agent_name("cleo"), agent="sue", roles=["agent", "supervisor"]
    )
    assert "assigned to cleo" in output_of(override)
    assert "unassigned" in output_of(await ticket(tenant, "release", "1", agent="cleo"))


async def test_a_form_can_be_sent_and_withdrawn_and_a_contact_added_and_rejected(tenant: Tenant) -> None:
    await tenant.ticket()
    assert "FORM_REQUESTED" in output_of(await ticket(tenant, "form", "1", given=REPLY))
    assert "NO_CONTACT" in output_of(await ticket(tenant, "withdraw", "1"))
    added = await ticket(tenant, "contact", "add", "1", "--email", "robin@example.com", "--name", "Robin")
    assert "CONTACT_RECEIVED" in output_of(added)
    (contact,) = json_lines(await ticket(tenant, "contact", "list", "1", "--json"))
    assert (contact["email"], contact["displayName"]) == ("robin@example.com", "Robin")
    assert "robin@example.com" in output_of(await ticket(tenant, "contact", "list", "1"))
    assert "NO_CONTACT" in output_of(await ticket(tenant, "reject", "1"))
    (await ticket(tenant, "reject", "1")).assert_refused("ticket 1 has no live form and no contact")


async def test_a_claim_is_accepted(tenant: Tenant) -> None:
    recovery = await tenant.in_recovery_state(await tenant.ticket(), "CONTACT_RECEIVED")
    await tenant.submit(recovery, "other@example.com")
    output_of(await ticket(tenant, "reject", "1"))
    contacts = json_lines(await ticket(tenant, "contact", "list", "1", "--json"))
    (other,) = [contact["id"] for contact in contacts if contact["email"] == "other@example.com"]
    (accepted,) = json_lines(await ticket(tenant, "contact", "claim", "1", other, "--json"))
    assert (accepted["contactState"], accepted["customer"]["email"]) == (
        "CONTACT_STATE_CONTACT_RECEIVED",
        "other@example.com",
    )


# --- finding ----------------------------------------------------------------------------------------------------------


async def test_a_list_has_a_limit_and_says_so(tenant: Tenant) -> None:
    for _ in range(3):
        await tenant.ticket(None)
    assert [one["number"] for one in json_lines(await ticket(tenant, "list", "--json"))] == ["3", "2", "1"]
    assert [one["number"] for one in json_lines(await ticket(tenant, "list", "--json", "--limit", "2"))] == ["3", "2"]
    limited = output_of(await ticket(tenant, "list", "--limit", "2"))
    assert "There are more than 2: --all lists all" in limited
    assert "There are more" not in output_of(await ticket(tenant, "list", "--limit", "3"))
    assert "There are more" not in output_of(await ticket(tenant, "list", "--all"))


async def test_tickets_are_found_and_counted_by_what_the_options_say(tenant: Tenant) -> None:
    await tenant.in_status("IN_PROGRESS")
    await tenant.ticket("bob")
    await tenant.ticket(None, with_review=False)
    edited = await ticket(
        tenant, "edit", "2", "--priority", "URGENT", "--label", "vip", "--subject", "Zeppelin", agent="bob"
    )
    output_of(edited)

    async def numbers(*options: str) -> list[str]:
        return [one["number"] for one in json_lines(await ticket(tenant, "list", "--json", *options))]

    assert await numbers("--status", "OPEN") == ["3", "2"]
    assert await numbers("--status", "OPEN", "--status", "IN_PROGRESS", "--assignee", "me") == ["1"]
    assert await numbers("--assignee", "none") == ["3"]
    assert await numbers("--assignee", "bob", "--label", "vip", "--priority", "URGENT", "--location", "soho") == ["2"]
    assert await numbers("zeppelin") == ["2"]
    assert await numbers("--filter", "priority = LOW OR stars = 1", "--status", "IN_PROGRESS") == ["1"]
    assert await numbers("--order", "priority desc, number") == ["2", "1", "3"]
    (counts,) = json_lines(await ticket(tenant, "count", "--json"))
    assert {name: value for name, value in counts.items() if value != "0"} == {
        "open": "2",
        "inProgress": "1",
        "total": "3",
    }
    assert "3" in output_of(await ticket(tenant, "count", "--location", "soho"))
    refused = await ticket(tenant, "list", "--filter", "status = ")
    refused.assert_refused("care: INVALID_FILTER")
    assert refused.status == 2


async def test_an_empty_list_says_so(tenant: Tenant) -> None:
    assert f"No tickets found in {tenant.name}." in output_of(await ticket(tenant, "list"))
    assert json_lines(await ticket(tenant, "list", "--json")) == []


async def test_show_prints_everything_and_escapes_control_characters_of_customers(tenant: Tenant) -> None:
    found = await tenant.ticket(with_review=False)
    recovered = await tenant.ticket()
    await tenant.in_recovery_state(recovered, "CHAT_UNLOCKED")
    shown = output_of(await ticket(tenant, "show", str(recovered.number)))
    for expected in (
        "Cold soup.",
        "CHAT_UNLOCKED",
        "robin@example.com",
        "FORM_POSTED",
        "resolve",
        "Allowed",
        "{form_link}",
    ):
        assert expected in shown
    output_of(await ticket(tenant, "note", str(found.number), "red \x1b[31m and \u202eturned"))
    shown = output_of(await ticket(tenant, "show", str(found.number)))
    assert "red �[31m and �turned" in shown


# --- errors -----------------------------------------------------------------------------------------------------------


async def test_a_refusal_is_one_line_with_the_reason_and_what_to_do(tenant: Tenant) -> None:
    await tenant.ticket(None)
    ended = await ticket(tenant, "start", "1")
    ended.assert_refused("care: UNASSIGNED: ", "care ticket take 1")
    assert (ended.status, ended.output) == (1, "")
    output_of(await ticket(tenant, "take", "1"))
    ended = await ticket(tenant, "start", "1", agent="bob")
    ended.assert_refused("NOT_ASSIGNEE", "ask alice")
    ended = await ticket(tenant, "take", "7")
    ended.assert_refused("RESOURCE_NOT_FOUND", "--organization")
    assert ended.status == 1
    ended = await ticket(tenant, "note", "1", given="")
    ended.assert_refused("INVALID_FIELD", "text")
    assert ended.status == 2


async def test_a_ticket_that_changed_meanwhile_is_not_changed(tenant: Tenant) -> None:
    await tenant.ticket()
    (await ticket(tenant, "start", "1", "--etag", "1")).assert_refused("ETAG_MISMATCH", "care ticket show 1")
    output_of(await ticket(tenant, "start", "1", "--etag", "2"))


async def test_several_tickets_are_closed_at_once_with_an_outcome_for_each(tenant: Tenant) -> None:
    for assignee in ("alice", "bob", "alice"):
        await tenant.ticket(assignee)
    ended = await ticket(tenant, "close", "1", "2", "3")
    assert ended.status == 1
    assert [line.split(",")[0] for line in ended.output.splitlines()] == ["Ticket 1 is CLOSED", "Ticket 3 is CLOSED"]
    ended.assert_refused("care: ticket 2: NOT_ASSIGNEE", "ask bob")
    assert output_of(await ticket(tenant, "resolve", "2", agent="bob")).startswith("Ticket 2 is RESOLVED")


async def test_an_unavailable_service_is_distinguished_from_a_refusal(tenant: Tenant) -> None:
    ended = await ticket(tenant, "list", "--address", "127.0.0.1:1")
    ended.assert_refused("UNAVAILABLE", "--address")
    assert ended.status == 3


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["show", "x"], "give its number, such as 7"),
        (["create", "--subject", "Cold"], "needs --review, or --subject and --location"),
        (["edit", "1"], "nothing to change"),
        (["contact", "add", "1"], "give --email, --phone or both"),
        (["list", "--address", "nowhere"], "host:port"),
        (["list", "--address", "care.example:50051"], "CARE_SERVICE_CA"),
        (["list", "--token", "two words"], "CARE_TOKEN"),
        (["list", "--home", "no-such-home"], "make up"),
    ],
)
async def test_an_invalid_command_shows_the_correct_usage(
    tenant: Tenant, tmp_path: Path, arguments: list[str], advice: str
) -> None:
    home = ["--home", str(tmp_path)] if "--home" in arguments else []
    ended = await ticket(tenant, *[one for one in arguments if one not in {"--home", "no-such-home"}], *home)
    ended.assert_refused("care: ", advice)
    assert ended.status == 2
    assert is_empty(tmp_path), "a failed command must create no files"


async def test_without_a_token_it_says_how_to_get_one(tenant: Tenant) -> None:
    ended = await run_care("ticket", "list", variables={"CARE_SERVICE_ADDRESS": tenant.care.address})
    ended.assert_refused("CARE_TOKEN", "make up")


async def test_a_refused_token_is_reported(tenant: Tenant, tmp_path: Path) -> None:
    token = mint(tmp_path, "acme", "alice")
    ended = await run_care("ticket", "list", "--address", tenant.care.address, "--token", token)
    ended.assert_refused("TOKEN_INVALID", "CARE_TOKEN")


async def test_the_token_may_be_in_a_file_and_the_organization_in_an_option(tenant: Tenant, tmp_path: Path) -> None:
    await tenant.ticket(None)
    file = tmp_path / "token"
    file.write_text(tenant.care.token(sub="intake", roles=["service"]))
    variables = {"CARE_SERVICE_ADDRESS": tenant.care.address, "CARE_TOKEN_FILE": str(file)}
    (await run_care("ticket", "list", variables=variables)).assert_refused("--organization")
    (found,) = json_lines(await run_care("ticket", "list", "--json", "--org", tenant.id, variables=variables))
    assert found["name"] == f"{tenant.name}/tickets/1"
    (found,) = json_lines(
        await run_care("ticket", "list", "--json", variables={**variables, "CARE_ORGANIZATION": tenant.id})
    )
    assert found["name"] == f"{tenant.name}/tickets/1"


async def test_help_names_every_command() -> None:
    ended = await run_care("ticket", "--help")
    for name in ("list", "count", "show", "log", "create", "take", "assign", "form", "withdraw", "contact", "close"):
        assert f" {name} " in ended.output
    assert ended.status == 0
