"""The tickets' own part of WorkerService: what happens to a ticket by itself, and when."""

from __future__ import annotations

from datetime import datetime

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import worker_service_pb2 as pb
from care_rules import names
from care_rules.firing import fire
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_rules.scheduling import refresh_deadlines
from care_rules.snapshot import TicketSnapshot, apply
from care_service.rpc import convert
from care_service.rpc.call import current_call
from care_service.rpc.execute import until_committed
from care_service.rpc.fields import Fields
from care_service.usecases.ports import TicketStore

Context = grpc.aio.ServicerContext[Message, Message]


class Deadlines:
    """Converts, calls the core, converts."""

    _store: TicketStore

    async def GetNextDeadline(self, request: pb.GetNextDeadlineRequest, context: Context) -> pb.GetNextDeadlineResponse:
        """See the contract."""
        name, now = self._ticket(request.name), current_call().now

        async def once(store: TicketStore) -> pb.GetNextDeadlineResponse:
            snapshot = await _load(store, name)
            scheduled = refresh_deadlines(snapshot)
            if scheduled is not None:
                await store.commit(scheduled, None)
                snapshot = apply(snapshot, scheduled.decision)
            return pb.GetNextDeadlineResponse(plan=_plan(snapshot, now))

        return await until_committed(self._store, once, name)

    async def FireDeadline(self, request: pb.FireDeadlineRequest, context: Context) -> pb.FireDeadlineResponse:
        """See the contract."""
        name, call = self._ticket(request.name), current_call()

        async def once(store: TicketStore) -> pb.FireDeadlineResponse:
            snapshot = await _load(store, name)
            scheduled = fire(snapshot, uuid7(), call.caller, call.now)
            if scheduled is not None:
                await store.commit(scheduled, None)
                snapshot = apply(snapshot, scheduled.decision)
            return pb.FireDeadlineResponse(plan=_plan(snapshot, call.now))

        return await until_committed(self._store, once, name)

    def _ticket(self, text: str) -> TicketName:
        fields = Fields()
        name = fields.name("name", text, names.parse_ticket, None)
        fields.check()
        if name is None:
            raise AssertionError("check() refuses a name that can't be read")
        current_call().enter(name.organization, text)
        return name


async def _load(store: TicketStore, name: TicketName) -> TicketSnapshot:
    loaded = await store.load(name, agent=None)
    if loaded is None:
        raise not_found(str(name))
    return loaded[0]


def _plan(snapshot: TicketSnapshot, now: datetime) -> pb.DeadlinePlan:
    return convert.deadline_plan_message(snapshot, now)
