"""Concurrent updates of the directory."""

from __future__ import annotations

from care.v1 import directory_service_pb2 as directory
from care.v1.directory_pb2 import Agent
from tests.integration.service.simultaneous import ROUNDS, at_once, refusals
from tests.support.tenant import Tenant


async def test_two_supervisors_who_change_different_fields_of_an_agent_at_once_both_succeed(tenant: Tenant) -> None:
    await tenant.meet("bob")
    name, client = tenant.agent_name("bob"), tenant.supervisor
    for number in range(ROUNDS):
        rename = directory.UpdateAgentRequest(agent=Agent(name=name, display_name=f"Bob {number}"))
        rename.update_mask.paths.append("display_name")
        toggle = directory.UpdateAgentRequest(agent=Agent(name=name, can_be_assignee=number % 2 == 0))
        toggle.update_mask.paths.append("can_be_assignee")
        outcomes = await at_once([client.directory.UpdateAgent(rename), client.directory.UpdateAgent(toggle)])
        assert refusals(outcomes) == []
        found = (await client.directory.GetAgent(directory.GetAgentRequest(name=name))).agent
        assert (found.display_name, found.can_be_assignee) == (f"Bob {number}", number % 2 == 0)
