"""A client with only an address and a token can list and call every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToDict, ParseDict
from grpc_reflection.v1alpha import reflection_pb2

from tests.integration.service.renew_access import access, full_name, methods
from tests.support.care import Care
from tests.support.reflection import VERSIONS, Reflected, ask, reflected
from tests.support.tenant import Tenant

INFRASTRUCTURE: Final = {"grpc.health.v1.Health", *(f"{version}.ServerReflection" for version in VERSIONS)}


@pytest.mark.parametrize("version", VERSIONS)
async def test_reflection_shows_every_method_as_the_contract_declares_it(service: Care, version: str) -> None:
    async with reflected(service.address, version=version) as server:
        assert {each.full_name for each in server.services} - INFRASTRUCTURE == {
            method.containing_service.full_name for method in methods()
        }
        assert {each.full_name for each in server.services} >= INFRASTRUCTURE
        ours = {name: method for name, method in server.methods.items() if name.startswith("care.")}
        assert set(ours) == {full_name(method) for method in methods()}
        for declared in methods():
            shown = ours[full_name(declared)]
            assert shown.input_type.file.serialized_pb == declared.input_type.file.serialized_pb
            assert shown.output_type.file.serialized_pb == declared.output_type.file.serialized_pb


@pytest.mark.parametrize("version", VERSIONS)
async def test_reflection_shows_the_roles_of_each_method(service: Care, version: str) -> None:
    async with reflected(service.address, version=version) as server:
        option: Any = server.pool.FindExtensionByName("care.v1.access")
        roles = server.pool.FindEnumTypeByName("care.v1.Role").values_by_number
        found = {}
        for name, method in server.methods.items():
            if not name.startswith("care."):
                continue
            # The options are parsed with the class of the pool, because only that class knows the extension.
            options = server.message("google.protobuf.MethodOptions").FromString(
                method.GetOptions().SerializeToString()
            )
            rule: Any = options.Extensions[option]
            named = [roles[role].name.removeprefix("ROLE_").lower() for role in rule.roles]
            found[name] = sorted(named) + ["public"] * rule.public
        assert found == access()


@pytest.mark.parametrize("version", VERSIONS)
async def test_reflection_finds_a_file_by_its_symbols(service: Care, version: str) -> None:
    extension = reflection_pb2.ExtensionRequest(containing_type="google.protobuf.MethodOptions", extension_number=50210)
    questions = {
        "care/v1/ticket.proto": reflection_pb2.ServerReflectionRequest(file_containing_symbol="care.v1.TicketStatus"),
        "care/v1/access.proto": reflection_pb2.ServerReflectionRequest(file_containing_extension=extension),
        "care/v1/review.proto": reflection_pb2.ServerReflectionRequest(file_by_filename="care/v1/review.proto"),
        # The messages in the details of errors.
        "google/rpc/error_details.proto": reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="google.rpc.ErrorInfo"
        ),
    }
    async with reflected(service.address, version=version) as server:
        answers = await ask(server.channel, version, questions.values())
        numbers = reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="google.protobuf.MethodOptions")
        (extensions,) = await ask(server.channel, version, [numbers])
    for name, answer in zip(questions, answers, strict=True):
        files = answer.file_descriptor_response.file_descriptor_proto
        assert name in {FileDescriptorProto.FromString(file).name for file in files}
    assert 50210 in extensions.all_extension_numbers_response.extension_number


async def test_reflection_refuses_an_unknown_symbol(service: Care) -> None:
    question = reflection_pb2.ServerReflectionRequest(file_containing_symbol="care.v1.NoService")
    async with reflected(service.address) as server:
        with pytest.raises(AssertionError, match="not found"):
            await ask(server.channel, VERSIONS[0], [question])


@dataclass
class Player:
    """Makes calls as several callers, from names and plain values."""

    server: Reflected
    tokens: Mapping[str, str]
    called: set[str] = field(default_factory=set)

    async def call(self, caller: str, method: str, **request: object) -> dict[str, Any]:
        """Calls a method, named without its package. Returns the response as JSON."""
        name = method if method.startswith("grpc.") else f"care.v1.{method}"
        token = self.tokens.get(caller)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        body = ParseDict(request, self.server.request(name)).SerializeToString()
        answer = await self.server.send(name, body, metadata)
        self.called.add(name)
        return MessageToDict(self.server.response_class(name).FromString(answer), preserving_proto_field_name=True)


def review(tenant: Tenant, external_id: str) -> dict[str, object]:
    return {
        "site": "local",
        "external_id": external_id,
        "location": f"{tenant.name}/locations/soho",
        "stars": 2,
        "text": "Cold soup.",
        "create_time": "2026-03-01T12:00:00Z",
    }


async def test_a_client_with_reflection_alone_can_call_every_method(service: Care, tenant: Tenant) -> None:
    tokens = {
        "alice": service.token(sub="alice", org=tenant.id, roles=["agent"]),
        "bob": service.token(sub="bob", org=tenant.id, roles=["agent"]),
        "sue": service.token(sub="sue", org=tenant.id, roles=["supervisor"]),
        "intake": service.token(sub="intake", org=tenant.id, roles=["service"]),
        "worker": service.token(sub="worker", roles=["worker"]),
    }
    async with reflected(service.address) as server:
        player = Player(server, tokens)
        await directory(player, tenant)
        tickets = await intake(player, tenant)
        await claimed_form(player, tenant, tickets[0])
        await forms_that_end(player, tickets[1], tickets[2])
        await status(player, tenant, tickets)
        assert await player.call("nobody", "LifecycleService/GetLifecycle")
        assert await player.call("nobody", "grpc.health.v1.Health/Check") == {"status": "SERVING"}
        assert player.called >= {name for name in server.methods if name.startswith("care.")}


async def directory(player: Player, tenant: Tenant) -> None:
    await player.call("bob", "DirectoryService/GetOrganization", name=tenant.name)
    organization = {"name": tenant.name, "display_name": "Soup & Co", "form_lifetime": "86400s"}
    mask = "displayName,formLifetime"  # the JSON form of a duration
    shown = await player.call("sue", "DirectoryService/UpdateOrganization", organization=organization, update_mask=mask)
    assert shown["organization"]["form_lifetime"] == "86400s"
    location = {"name": f"{tenant.name}/locations/soho", "display_name": "Soho"}
    await player.call("intake", "DirectoryService/UpdateLocation", location=location, allow_missing=True)
    assert (await player.call("bob", "DirectoryService/ListLocations", parent=tenant.name))["locations"]
    assert await player.call("bob", "DirectoryService/GetLocation", name=location["name"])
    await player.call(
        "sue", "DirectoryService/UpdateAgent", agent={"name": tenant.agent_name("bob"), "display_name": "B"}
    )
    assert (await player.call("bob", "DirectoryService/ListAgents", parent=tenant.name))["agents"]
    agent = (await player.call("bob", "DirectoryService/GetAgent", name=tenant.agent_name("bob")))["agent"]
    assert agent["display_name"] == "B"
    settings = f"{tenant.name}/settings"
    changed = {"name": settings, "grace_days": 5}
    answer = await player.call("sue", "SettingsService/UpdateSettings", settings=changed)
    assert answer["effective"]["grace_days"] == 5
    assert (await player.call("sue", "SettingsService/GetSettings", name=settings))["settings"]["etag"] == "2"
    assert (await player.call("sue", "SettingsService/ListSettingsRevisions", parent=settings))["revisions"]
    text = "Sorry: {form_link}"
    assert (await player.call("sue", "SettingsService/PreviewReply", name=settings, reply_text=text))["length_bytes"]


async def intake(player: Player, tenant: Tenant) -> list[str]:
    """Creates three tickets of alice, each with a review. Returns their names."""
    first = await player.call(
        "intake", "ReviewService/IngestReview", parent=tenant.name, review=review(tenant, str(uuid4()))
    )
    requests = [{"review": review(tenant, str(uuid4()))} for _ in range(2)]
    batch = await player.call("intake", "ReviewService/BatchIngestReviews", parent=tenant.name, requests=requests)
    reviews = [first["review"]["name"], *(result["review"]["name"] for result in batch["results"])]
    assert await player.call("alice", "ReviewService/GetReview", name=reviews[0])
    listed = await player.call("alice", "ReviewService/ListReviews", parent=tenant.name, filter="stars = 2")
    assert {each["name"] for each in listed["reviews"]} == set(reviews)
    tickets = []
    for each in reviews:
        made = await player.call("intake", "TicketService/CreateTicket", parent=tenant.name, ticket={"review": each})
        tickets.append(made["ticket"]["name"])
        await player.call("alice", "TicketService/TakeTicket", name=tickets[-1], request_id=str(uuid4()))
    for method in ("GetNextDeadline", "FireDeadline"):
        plan = (await player.call("worker", f"WorkerService/{method}", name=tickets[-1]))["plan"]
        assert plan["kind"] == "DEADLINE_KIND_INACTIVITY_WARNING"
    return tickets


async def send_form(player: Player, ticket: str) -> str:
    text = "Please tell us more: {form_link}"
    sent = await player.call("alice", "ConversationService/SendRecoveryForm", parent=ticket, reply_text=text)
    return str(sent["recovery"]["name"])


async def begin(player: Player, recovery: str, step: str) -> dict[str, Any]:
    begun = await player.call("worker", "WorkerService/BeginPosting", name=recovery, step=f"RECOVERY_STEP_{step}")
    grant: dict[str, Any] = begun["grant"]
    return grant


async def claimed_form(player: Player, tenant: Tenant, ticket: str) -> None:
    recovery = await send_form(player, ticket)
    checked = await player.call("worker", "WorkerService/CheckRecovery", name=recovery)
    assert checked["plan"]["step"] == "RECOVERY_STEP_POST"
    grant = await begin(player, recovery, "POST")
    await player.call("worker", "WorkerService/RecordPosted", name=recovery, attempt=grant["attempt"])
    token = grant["link"].rpartition("/")[2]
    assert (await player.call("nobody", "CustomerService/GetContactForm", token=token))["form"]
    for email in ("robin@example.com", "sam@example.com"):
        await player.call("nobody", "CustomerService/SubmitContact", token=token, email=email, consent=True)
    await player.call("worker", "WorkerService/UnlockChat", name=recovery)
    await player.call("worker", "WorkerService/ExpireForm", name=recovery)
    shown = await player.call("alice", "ConversationService/GetRecovery", name=recovery)
    assert shown["recovery"]["state"] == "RECOVERY_STATE_CHAT_UNLOCKED"
    await chat(player, tenant, ticket)
    await player.call("alice", "ConversationService/RejectContact", name=recovery)
    contacts = (await player.call("alice", "ConversationService/ListContacts", parent=ticket))["contacts"]
    assert [contact["email"] for contact in contacts] == ["robin@example.com", "sam@example.com"]
    await player.call("alice", "ConversationService/AddContact", parent=ticket, claim=contacts[1]["id"])
    assert (await player.call("alice", "ConversationService/ListRecoveries", parent=ticket))["recoveries"]
    await player.call("alice", "ConversationService/AddNote", parent=ticket, text="Called twice")
    assert (await player.call("alice", "ConversationService/ListMessages", parent=ticket))["messages"]


async def chat(player: Player, tenant: Tenant, ticket: str) -> None:
    sent = await player.call("alice", "ConversationService/SendMessage", parent=ticket, text="We looked into it.")
    message = sent["message"]["name"]
    send = {"name": message, "step": "DELIVERY_STEP_SEND"}
    grant = (await player.call("worker", "WorkerService/BeginDelivery", **send))["grant"]
    report = {"name": message, "attempt": grant["attempt"], "state": "DELIVERY_STATE_SENT"}
    await player.call("worker", "WorkerService/RecordDelivered", **report)
    failed = {"name": message, "attempt": grant["attempt"], "reason": "DELIVERY_FAILURE_BOUNCED"}
    plan = (await player.call("worker", "WorkerService/RecordFailed", **failed))["plan"]
    assert plan["state"] == "DELIVERY_STATE_SENT", "the outcome of the attempt was already reported"
    token = grant["chat_link"].rpartition("/")[2]
    shown = await player.call("nobody", "CustomerService/GetChat", token=token)
    assert [message["author"] for message in shown["chat"]["messages"]] == ["CHAT_AUTHOR_BUSINESS"] * 2
    await player.call("nobody", "CustomerService/PostMessage", token=token, text="Thank you.")
    watched = await player.call("nobody", "CustomerService/WatchChat", token=token)
    assert len(watched["messages"]) == 3
    email = {"channel": "CHANNEL_EMAIL", "external_id": f"{uuid4()}@mail.example.com", "text": "Me again."}
    for sender, outcome in {"robin@example.com": "ACCEPTED", "stranger@example.com": "UNMATCHED"}.items():
        inbound = email | {"sender": sender, "external_id": f"{uuid4()}@mail.example.com"}
        answer = await player.call("intake", "ConversationService/IngestMessage", parent=tenant.name, message=inbound)
        assert answer["outcome"] == f"INGEST_OUTCOME_{outcome}"
    kept = await player.call("alice", "ConversationService/ListUnmatchedMessages", parent=tenant.name)
    assert [each["message"]["sender"] for each in kept["messages"]] == ["stranger@example.com"]
    assert (await player.call("alice", "TicketService/WatchTickets", parent=ticket))["resume_token"]


async def forms_that_end(player: Player, refused: str, withdrawn: str) -> None:
    recovery = await send_form(player, refused)
    grant = await begin(player, recovery, "POST")
    report = {"name": recovery, "attempt": grant["attempt"], "reason": "REFUSAL_REASON_TOO_LONG"}
    await player.call("worker", "WorkerService/RecordRefused", **report)
    recovery = await send_form(player, withdrawn)
    grant = await begin(player, recovery, "POST")
    await player.call("worker", "WorkerService/RecordPosted", name=recovery, attempt=grant["attempt"])
    await player.call("alice", "ConversationService/WithdrawRecoveryForm", name=recovery)
    grant = await begin(player, recovery, "RETRACT")
    await player.call("worker", "WorkerService/RecordRetracted", name=recovery, attempt=grant["attempt"])


async def status(player: Player, tenant: Tenant, tickets: list[str]) -> None:
    first, second, third = tickets
    await player.call("alice", "TicketService/StartTicket", name=first)
    await player.call("alice", "TicketService/ResolveTicket", name=first)
    await player.call("alice", "TicketService/ReopenTicket", name=first)
    ticket = {"name": first, "labels": ["vip"], "priority": "TICKET_PRIORITY_HIGH"}
    await player.call("alice", "TicketService/UpdateTicket", ticket=ticket, update_mask="labels,priority")
    await player.call("alice", "TicketService/CloseTicket", name=first)
    await player.call("alice", "TicketService/AssignTicket", name=second, assignee=tenant.agent_name("bob"))
    await player.call("bob", "TicketService/ReleaseTicket", name=second)
    assigned = [{"name": name, "assignee": tenant.agent_name("bob")} for name in (second, third)]
    for method, requests in {
        "BatchAssignTickets": assigned,
        "BatchResolveTickets": [{"name": second}, {"name": third}],
        "BatchCloseTickets": [{"name": second}],
    }.items():
        caller = "sue" if method == "BatchAssignTickets" else "bob"
        answer = await player.call(caller, f"TicketService/{method}", parent=tenant.name, requests=requests)
        assert [result.get("status", {}) for result in answer["results"]] == [{}] * len(requests)
    shown = (await player.call("bob", "TicketService/GetTicket", name=third))["ticket"]
    assert (shown["status"], shown["assignee"]) == ("TICKET_STATUS_RESOLVED", tenant.agent_name("bob"))
    listed = await player.call("bob", "TicketService/ListTickets", parent=tenant.name, filter="status = RESOLVED")
    assert [ticket["name"] for ticket in listed["tickets"]] == [third]
    counts = await player.call("bob", "TicketService/CountTickets", parent=tenant.name)
    assert counts == {"resolved": "1", "closed": "2", "total": "3"}
    assert (await player.call("bob", "TicketService/ListActivities", parent=third))["activities"]
