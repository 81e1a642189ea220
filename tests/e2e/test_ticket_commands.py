"""`care ticket` works on a stack of `care up` without any variable."""

from __future__ import annotations

import json

from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import CreateTicketRequest
from care_dev.stack.secrets import Role
from tests.e2e.program import run_care
from tests.support.system import System


async def test_only_the_folder_of_the_stack_is_needed(system: System) -> None:
    intake = system.client("desk", "intake", Role.SERVICE)
    wanted = Ticket(subject="Cold soup", location="organizations/desk/locations/soho")
    await intake.tickets.CreateTicket(CreateTicketRequest(parent="organizations/desk", ticket=wanted))
    stack = ("--home", str(system.stack.home), "--org", "desk")
    taken = await run_care("ticket", "take", "1", *stack, "--agent", "bob", "--json")
    assert (taken.status, taken.errors) == (0, "")
    assert json.loads(taken.output)["assignee"] == "organizations/desk/agents/bob"
    # A token in the environment, which is for another service, is not sent.
    variables = {"CARE_TOKEN": "of-another-service", "CARE_SERVICE_ADDRESS": "care.example:443", "COLUMNS": "200"}
    shown = await run_care("ticket", "list", *stack, variables=variables)
    assert (shown.status, shown.errors) == (0, "")
    assert "Cold soup" in shown.output
