"""Converts between the enums of the rules and the enums of the contract.

Each pair is compared when this module is imported. If only one enum of a pair has a member, the service does not start.
Without this comparison, only the calls that use the member would fail.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import Final, Generic, TypeVar

from care.v1 import (
    access_pb2,
    activity_pb2,
    conversation_service_pb2,
    customer_service_pb2,
    error_reason_pb2,
    message_pb2,
    recovery_pb2,
    settings_pb2,
    ticket_pb2,
    worker_service_pb2,
)
from care_rules.callers import Role
from care_rules.chat import ChatState
from care_rules.delivery import DeliveryStep
from care_rules.entities.activity import ActivityType, ActorKind
from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.entities.inbound import IngestOutcome
from care_rules.entities.message import Channel, MessageKind
from care_rules.entities.recovery import RecoveryKind, RefusalReason
from care_rules.entities.ticket import CloseReason, Priority
from care_rules.lifecycle import LIVE, RecoveryState, TicketStatus
from care_rules.recovery_plan import RecoveryStep
from care_rules.refusals import Reason
from care_rules.settings import AutoAssign
from care_rules.submit import FormState
from care_rules.timing import DeadlineKind

MemberT = TypeVar("MemberT", bound=Enum)
NumberT = TypeVar("NumberT", bound=int)

_UNSPECIFIED: Final = "UNSPECIFIED"


class UnpairedMemberError(Exception):
    """Only one enum of a pair has a member."""


class EnumPair(Generic[MemberT, NumberT]):
    """An enum of the rules, and the enum of the contract that has the same names with a prefix.

    `contract` has the names and numbers of the contract's enum, `{PREFIX}_UNSPECIFIED` first. `unsent` has the members
    that the contract lacks, because no message contains them. Raises UnpairedMemberError if another member is missing
    in one of the enums.
    """

    def __init__(
        self, domain: type[MemberT], contract: Sequence[tuple[str, NumberT]], unsent: Collection[MemberT] = ()
    ) -> None:
        (unspecified, self._unspecified), *named = contract
        self.prefix = unspecified.removesuffix(_UNSPECIFIED)
        numbers = {name.removeprefix(self.prefix): number for name, number in named}
        members = {member.name: member for member in domain if member not in unsent}
        if unpaired := numbers.keys() ^ members.keys():
            raise UnpairedMemberError(f"{domain.__name__}, {self.prefix}*: only one of the two has {sorted(unpaired)}")
        self.domain = domain
        self._numbers = {member: numbers[name] for name, member in members.items()}
        self._members = {int(number): member for member, number in self._numbers.items()}

    @property
    def choices(self) -> str:
        """The values for an error text, such as `LOW, NORMAL, HIGH or URGENT`."""
        *others, last = (member.name for member in self._numbers)
        return f"{', '.join(others)} or {last}"

    def to_contract(self, member: MemberT | None) -> NumberT:
        """Returns the member's number in the contract. For None, returns the number of UNSPECIFIED."""
        return self._unspecified if member is None else self._numbers[member]

    def from_contract(self, number: int) -> MemberT | None:
        """Returns the member with a number; None for UNSPECIFIED and for unknown numbers."""
        return self._members.get(number)


ACTIVITY_TYPE: Final = EnumPair(ActivityType, activity_pb2.ActivityType.items())
ACTOR_KIND: Final = EnumPair(ActorKind, activity_pb2.ActorKind.items())
AUTO_ASSIGN: Final = EnumPair(AutoAssign, settings_pb2.AutoAssign.items())
CHANNEL: Final = EnumPair(Channel, message_pb2.Channel.items())
CHAT_STATE: Final = EnumPair(ChatState, customer_service_pb2.ChatState.items())
CLOSE_REASON: Final = EnumPair(CloseReason, ticket_pb2.CloseReason.items())
CONTACT_STATE: Final = EnumPair(
    # A ticket without a live recovery has NO_CONTACT, so the states of ended recoveries are not sent.
    RecoveryState,
    ticket_pb2.ContactState.items(),
    unsent=frozenset(RecoveryState) - LIVE - {RecoveryState.NO_CONTACT},
)
DEADLINE_KIND: Final = EnumPair(
    # The recovery's workflow handles reminders. It gets each as a RecoveryStep.
    DeadlineKind,
    worker_service_pb2.DeadlineKind.items(),
    unsent={DeadlineKind.FORM_REMINDER},
)
DELIVERY_FAILURE: Final = EnumPair(DeliveryFailure, message_pb2.DeliveryFailure.items())
DELIVERY_STATE: Final = EnumPair(DeliveryState, message_pb2.DeliveryState.items())
DELIVERY_STEP: Final = EnumPair(DeliveryStep, worker_service_pb2.DeliveryStep.items())
ERROR_REASON: Final = EnumPair(Reason, error_reason_pb2.ErrorReason.items())
FORM_STATE: Final = EnumPair(FormState, customer_service_pb2.ContactFormState.items())
INGEST_OUTCOME: Final = EnumPair(IngestOutcome, conversation_service_pb2.IngestOutcome.items())
MESSAGE_KIND: Final = EnumPair(MessageKind, message_pb2.MessageKind.items())
PRIORITY: Final = EnumPair(Priority, ticket_pb2.TicketPriority.items())
RECOVERY_KIND: Final = EnumPair(RecoveryKind, recovery_pb2.RecoveryKind.items())
RECOVERY_STATE: Final = EnumPair(
    # NO_CONTACT means that there is no recovery, so no message of a recovery contains it.
    RecoveryState,
    recovery_pb2.RecoveryState.items(),
    unsent={RecoveryState.NO_CONTACT},
)
RECOVERY_STEP: Final = EnumPair(RecoveryStep, worker_service_pb2.RecoveryStep.items())
REFUSAL_REASON: Final = EnumPair(RefusalReason, recovery_pb2.RefusalReason.items())
ROLE: Final = EnumPair(Role, access_pb2.Role.items())
TICKET_STATUS: Final = EnumPair(TicketStatus, ticket_pb2.TicketStatus.items())
