"""Load, decide, commit: the loop that every command goes through, with answers kept for repeated requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from typing import Final, Protocol, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from care_rules import commands
from care_rules.deadlines import keep_time
from care_rules.decide import decide
from care_rules.decision import Decision
from care_rules.entities import Ticket
from care_rules.lifecycle import LIVE
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.snapshot import TicketSnapshot
from care_service.rpc.call import Call
from care_service.usecases.ports import (
    REQUEST_ID_LIFETIME,
    IdempotencyRecord,
    RequestKey,
    StaleError,
    StoredResponse,
    TicketStore,
)

ResponseT = TypeVar("ResponseT", bound=Message)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_TRIES: Final = 4
"""How often a call is overtaken before it locks the ticket's row."""


class Once(Protocol[T_co]):
    """One try: loads from the store, decides, commits; raises StaleError if somebody else was faster."""

    def __call__(self, store: TicketStore, /) -> Awaitable[T_co]:
        """Tries."""
        ...


async def until_committed(
    store: TicketStore, once: Once[T], name: TicketName | Callable[[], Awaitable[TicketName | None]] | None
) -> T:
    """Repeats a try that is overtaken, at last under the ticket's lock; refuses with CONTENDED if even that fails.

    Where the ticket that is written to may have changed meanwhile, such as to a follow-up, `name` looks for it anew.
    """
    for _ in range(_TRIES):
        try:
            return await once(store)
        except StaleError:
            continue
    if callable(name):
        name = await name()
    if name is not None:
        try:
            async with store.exclusive(name) as locked:
                return await once(locked)
        except StaleError:
            pass
    metadata = {"ticket": str(name)} if name else {}
    raise Refusal(Reason.CONTENDED, "Others changed it at the same time, again and again: call again.", metadata)


class Repeatable(Protocol):
    """A request that can be repeated (AIP-155)."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """See google.protobuf.message.Message."""
        ...


class Repeat:
    """A request, its etag, and its place among the kept answers (AIP-154, AIP-155)."""

    def __init__(
        self, call: Call, organization: str, request: Repeatable, request_id: UUID | None, etag: str = ""
    ) -> None:
        self.request_id = request_id
        self.etag = etag
        self._time = call.now
        self.key: RequestKey | None = None
        if request_id is not None:
            self.key = RequestKey(
                organization, f"{call.caller.kind}/{call.caller.id}", request_id, call.now - REQUEST_ID_LIFETIME
            )
            body = _with_id(request, request_id).SerializeToString(deterministic=True)
            self._fingerprint = sha256(f"{call.method}\0".encode() + body).digest()

    def replay(self, kept: StoredResponse | None, response_type: type[ResponseT]) -> ResponseT | None:
        """Returns the answer given before; refuses with REQUEST_ID_REUSED where it was another request's."""
        if kept is None:
            return None
        if kept.fingerprint != self._fingerprint:
            words = "The request_id was used for another request: choose a new one for a new request."
            raise Refusal(Reason.REQUEST_ID_REUSED, words, {"request_id": str(self.request_id)})
        return response_type.FromString(kept.body)

    def check_etag(self, ticket: Ticket) -> None:
        """Refuses with ETAG_MISMATCH where an etag is given and is not the ticket's."""
        if self.etag and self.etag != str(ticket.version):
            metadata = {"ticket": ticket.name, "etag": str(ticket.version)}
            raise Refusal(Reason.ETAG_MISMATCH, "The ticket has changed since: read it again.", metadata)

    def record(self, response: Message) -> IdempotencyRecord | None:
        """Returns the answer to keep with the commit."""
        if self.key is None:
            return None
        answer = StoredResponse(self._fingerprint, response.SerializeToString(deterministic=True))
        return IdempotencyRecord(self.key, answer, self._time)


def _with_id(request: Repeatable, request_id: UUID) -> Repeatable:
    """Returns the request with its id in lower case: the fingerprint must not depend on the letter case."""
    if request.request_id == str(request_id):
        return request
    copied = deepcopy(request)
    copied.request_id = str(request_id)
    return copied


def applied(snapshot: TicketSnapshot, decision: Decision) -> TicketSnapshot:
    """Returns the case as it is after the commit of `decision`."""
    live, contact, named = snapshot.live, snapshot.contact, snapshot.named
    changed = [each for each in (decision.recovery, decision.new_recovery) if each is not None]
    for recovery in changed:
        if named is not None and recovery.id == named.id:
            named = recovery
        if recovery.state in LIVE:
            live = recovery
        elif live is not None and recovery.id == live.id:
            live = None
    if live is None or (contact is not None and contact.id != live.contact_id):
        contact = None
    if decision.contact is not None and live is not None and decision.contact.id == live.contact_id:
        contact = decision.contact
    return replace(snapshot, ticket=decision.ticket, live=live, contact=contact, named=named)


def timed(snapshot: TicketSnapshot, decision: Decision) -> Decision:
    """Returns the decision on a ticket, or on a follow-up of it, with what the ticket remembers for its deadlines."""
    if decision.followed is not None:
        return keep_time(decision, snapshot.settings, decision.new_recovery)
    return keep_time(decision, snapshot.settings, applied(snapshot, decision).live)


async def execute(
    store: TicketStore,
    call: Call,
    name: TicketName,
    command: commands.AgentCommand,
    repeat: Repeat,
    respond: Callable[[TicketSnapshot, Decision | None], ResponseT],
    response_type: type[ResponseT],
    recovery: UUID | None = None,
) -> ResponseT:
    """Carries out a command on a ticket; `respond` makes the answer from the case as it is afterwards."""
    resource = str(name) if recovery is None else f"{name}/recoveries/{recovery}"
    agent = command.agent if isinstance(command, commands.AssignTicket) else None
    claim = command.claim if isinstance(command, commands.AddContact) else None
    own = call.caller.id if call.caller.is_agent else None

    async def once(store: TicketStore) -> ResponseT:
        loaded = await store.load(name, agent=agent or own, recovery=recovery, claim=claim, request=repeat.key)
        if loaded is None or (recovery is not None and loaded[0].named is None):
            raise not_found(resource)
        snapshot, kept = loaded
        if agent is not None and snapshot.agent is None:
            raise not_found(f"organizations/{name.organization}/agents/{agent}")
        if claim is not None and snapshot.claim is None:
            raise not_found(f"{name}/contacts/{claim}")
        if (answer := repeat.replay(kept, response_type)) is not None:
            return answer
        repeat.check_etag(snapshot.ticket)
        decision = decide(snapshot, command, call.caller, call.now, repeat.request_id)
        if decision is None:
            return respond(snapshot, None)
        decision = timed(snapshot, decision)
        response = respond(applied(snapshot, decision), decision)
        await store.commit(decision, repeat.record(response))
        return response

    call.enter(name.organization, resource)
    return await until_committed(store, once, name)
