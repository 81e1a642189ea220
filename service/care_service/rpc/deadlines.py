"""The tickets' own part of WorkerService: what happens to a ticket by itself, and when."""

from __future__ import annotations

from datetime import datetime

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import worker_service_pb2 as pb
from care_service.domain import names
from care_service.domain.case import Case
from care_service.domain.deadlines import fire, refreshed, told
from care_service.domain.names import TicketName
from care_service.domain.ports import TicketStore
from care_service.domain.refusals import not_found
from care_service.rpc import convert
from care_service.rpc.call import current_call
from care_service.rpc.execute import applied, timed, until_committed
from care_service.rpc.fields import Fields

Context = grpc.aio.ServicerContext[Message, Message]


class Deadlines:
    """Converts, calls the core, converts."""

    _store: TicketStore

    async def GetNextDeadline(self, request: pb.GetNextDeadlineRequest, context: Context) -> pb.GetNextDeadlineResponse:
        """See the contract."""
        name, now = self._ticket(request.name), current_call().now

        async def once(store: TicketStore) -> pb.GetNextDeadlineResponse:
            case = await _load(store, name)
            decision = refreshed(case)
            if decision is not None:
                await store.commit(decision, None)
                case = applied(case, decision)
            return pb.GetNextDeadlineResponse(plan=_plan(case, now))

        return await until_committed(self._store, once, name)

    async def FireDeadline(self, request: pb.FireDeadlineRequest, context: Context) -> pb.FireDeadlineResponse:
        """See the contract."""
        name, call = self._ticket(request.name), current_call()

        async def once(store: TicketStore) -> pb.FireDeadlineResponse:
            case = await _load(store, name)
            decision = fire(case, uuid7(), call.caller, call.now)
            if decision is not None:
                decision = told(timed(case, decision))
                await store.commit(decision, None)
                case = applied(case, decision)
            return pb.FireDeadlineResponse(plan=_plan(case, call.now))

        return await until_committed(self._store, once, name)

    def _ticket(self, text: str) -> TicketName:
        fields = Fields()
        name = fields.name("name", text, names.parse_ticket, None)
        fields.check()
        if name is None:
            raise AssertionError("check() refuses a name that can't be read")
        current_call().enter(name.organization, text)
        return name


async def _load(store: TicketStore, name: TicketName) -> Case:
    loaded = await store.load(name, agent=None)
    if loaded is None:
        raise not_found(str(name))
    return loaded[0]


def _plan(case: Case, now: datetime) -> pb.DeadlinePlan:
    return convert.deadline_plan_message(case, now)
