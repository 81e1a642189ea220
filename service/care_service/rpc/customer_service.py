"""CustomerService: what the link of a form opens. No token and no address is ever logged here."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import customer_service_pb2 as pb
from care.v1 import customer_service_pb2_grpc
from care_rules import commands
from care_rules.callers import customer
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal
from care_rules.replies import without_link
from care_rules.submit import FormSnapshot, FormState, form_state, submit_contact
from care_service.rpc import convert, enums
from care_service.rpc.call import Call, current_call
from care_service.rpc.chats import Chats
from care_service.rpc.execute import Repeat, timed, until_committed
from care_service.rpc.fields import DISPLAY_NAME, Fields
from care_service.rpc.link_limits import LinkLimit, without_metadata
from care_service.rpc.raising import follow_up
from care_service.usecases.links import Links
from care_service.usecases.ports import REQUEST_ID_LIFETIME, Reader, StoredResponse, TicketStore
from care_service.usecases.streams import Followers

Context = grpc.aio.ServicerContext[Message, Message]

_MESSAGE: Final = 4_000
_SUBMISSIONS: Final = 10
"""Per minute, link and process; what is stored per link is bounded anyway, this only keeps the noise down."""


class Customers(Chats, customer_service_pb2_grpc.CustomerServiceServicer):
    """Converts, calls the core, converts."""

    def __init__(self, store: TicketStore, reader: Reader, links: Links, followers: Followers) -> None:
        super().__init__(store, reader, links, followers)
        self._submissions = LinkLimit(_SUBMISSIONS, "Too many submissions from this link: wait a minute.")

    async def GetContactForm(self, request: pb.GetContactFormRequest, context: Context) -> pb.GetContactFormResponse:
        """See the contract."""
        form = await self._seen(request.token)
        snapshot, recovery, now = form.snapshot, form.recovery, current_call().now
        state = form_state(recovery, snapshot.ticket.status, now)
        readable = state in {FormState.OPEN, FormState.ANSWERED, FormState.CLOSED}
        return pb.GetContactFormResponse(
            form=pb.ContactForm(
                state=enums.FORM_STATE.to_contract(state),
                business_name=(snapshot.location and snapshot.location.display_name)
                or snapshot.organization.display_name,
                reply_text=without_link(recovery.reply_text) if readable else "",
                consent_text=snapshot.settings.consent_text,
                phone_region=snapshot.phone_region,
                expire_time=convert.timestamp(recovery.expire_time),
            )
        )

    async def SubmitContact(self, request: pb.SubmitContactRequest, context: Context) -> pb.SubmitContactResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        request_id = fields.request_id(request.request_id)
        fields.need_one(request.email, request.phone)
        command = commands.SubmitContact(
            email=fields.email("email", request.email),
            phone=fields.phone("phone", request.phone),
            display_name=fields.text("display_name", request.display_name, DISPLAY_NAME, line=True),
            message=fields.text("message", request.message, _MESSAGE),
            contact_id=uuid7(),
            recovery_id=uuid7(),
            message_id=uuid7(),
        )
        if not request.consent:
            fields.wrong("consent", "is needed: agree, so that the business may contact you")
        fields.check()
        seen = await self._seen(request.token)
        await self._submissions.check(str(seen.recovery.id), request)

        async def once(store: TicketStore) -> pb.SubmitContactResponse:
            form, kept = await self._load(store, request.token, request_id)
            caller = customer(str(form.recovery.id))
            own = Call(call.method, caller, call.now)
            repeat = Repeat(own, form.recovery.organization, request, request_id)
            if (answer := repeat.replay(kept, pb.SubmitContactResponse)) is not None:
                return answer
            # Decided before a number is taken, so that a refusal leaves no gap; then again, with the number.
            decision = submit_contact(form, 0, command, caller, call.now, request_id)
            response = pb.SubmitContactResponse(reference=form.recovery.reference)
            if decision is None:
                return response
            if decision.followed is None:
                await store.commit(timed(form.target, decision), repeat.record(response))
                return response
            decision = await follow_up(
                store, form.target, lambda number: submit_contact(form, number, command, caller, call.now, request_id)
            )
            await store.commit_new(timed(form.target, decision), repeat.record(response))
            return response

        async def place() -> TicketName:
            target = (await self._seen(request.token)).target.ticket
            return TicketName(target.organization, target.number)

        with without_metadata():
            return await until_committed(self._store, once, place)

    async def _seen(self, token: str) -> FormSnapshot:
        async def once(store: TicketStore) -> FormSnapshot:
            return (await self._load(store, token, None))[0]

        return await until_committed(self._store, once, None)

    async def _load(
        self, store: TicketStore, token: str, request_id: UUID | None
    ) -> tuple[FormSnapshot, StoredResponse | None]:
        found = self._links.read_form_token(token)
        loaded = (
            await store.load_form(found[0], request_id, current_call().now - REQUEST_ID_LIFETIME) if found else None
        )
        # A recovery keeps the key that its link was made with: another key's token for it is forged.
        if found is None or loaded is None or loaded[0].recovery.key_id != found[1]:
            raise _unknown()
        return loaded


def _unknown() -> Refusal:
    return Refusal(Reason.LINK_UNKNOWN, "The link is none of ours: open it again from the business's reply.")
