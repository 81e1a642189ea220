"""LifecycleService: the state machines of `care_rules.lifecycle`."""

from __future__ import annotations

from functools import cache

import grpc
from google.protobuf.message import Message

from care.v1 import lifecycle_service_pb2 as pb
from care.v1 import lifecycle_service_pb2_grpc
from care_rules.lifecycle import RECOVERY, STATUS, RecoveryState, StateMachine, StateT

Context = grpc.aio.ServicerContext[Message, Message]


class LifecycleHandlers(lifecycle_service_pb2_grpc.LifecycleServiceServicer):
    """Serves LifecycleService."""

    async def GetLifecycle(self, request: pb.GetLifecycleRequest, context: Context) -> pb.GetLifecycleResponse:
        """See the contract."""
        return lifecycle()


@cache
def lifecycle() -> pb.GetLifecycleResponse:
    """Returns both state machines, `status` and `recovery`."""
    return pb.GetLifecycleResponse(machines=[_machine(STATUS), _machine(RECOVERY)])


def _machine(machine: StateMachine[StateT]) -> pb.StateMachine:
    # Imported here, because only this method draws diagrams. The import takes a hundredth of the service's start time.
    from care_rules.diagrams import mermaid  # noqa: PLC0415

    return pb.StateMachine(
        name=machine.name,
        states=[
            pb.State(name=state.value, initial=state is machine.initial, final=machine.is_final(state))
            for state in machine.states
        ],
        transitions=[
            pb.Transition(
                trigger=rule.trigger.value,
                # No recovery is in the state NO_CONTACT. A rule with this source starts a new recovery.
                sources=[state.value for state in machine.sources(rule) if state != RecoveryState.NO_CONTACT],
                target=rule.target.value,
                who=rule.who,
            )
            for rule in machine.rules
        ],
        mermaid=mermaid(machine),
    )
