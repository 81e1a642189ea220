"""Makes requests from the descriptors: valid ones, and ones with an invalid field."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.integration.service.fuzz import settings, values
from tests.integration.service.fuzz.world import World
from tests.support.reflection import Reflected

_REQUIRED: Final = 2
_WRITTEN_BY_NOBODY: Final = frozenset({3, 5, 8})
"""`google.api.FieldBehavior`: OUTPUT_ONLY, IMMUTABLE, IDENTIFIER."""
_SMS: Final = 2
"""`care.v1.Channel`: SMS."""
_NEEDS_ADDRESS: Final = frozenset({"AddContactRequest", "SubmitContactRequest", "NewContact"})
_KNOWN: Final = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"})


@dataclass(frozen=True)
class Requests:
    """Makes requests for the methods of a server from the values of a world."""

    server: Reflected
    world: World
    _known_behaviors: dict[str, set[int]] = field(default_factory=dict)

    def valid(self, rng: Random, method: str, organization: str) -> Any:
        """Returns a well-formed request. The rules may still refuse it."""
        request = self.server.request(method)
        self._fill(rng, request, method, organization)
        return request

    def near_valid(self, rng: Random, method: str, organization: str) -> Any:
        """Returns a valid request with one or two invalid fields."""
        request = self.valid(rng, method, organization)
        for _ in range(rng.choice([1, 1, 1, 2])):
            self._spoil(rng, request, method, organization)
        return request

    def setting(self, rng: Random, method: str, organization: str, name: str, *, spoiled: bool) -> Any:
        """Returns an UpdateSettings request for one setting. A `spoiled` one has an invalid value."""
        request: Any = self.server.request(method)
        request.settings.name = f"organizations/{organization}/settings"
        request.update_mask.paths.append(name)
        described = request.settings.DESCRIPTOR.fields_by_name[name]
        self._set(rng, request.settings, described, method, organization)
        settings.settle(rng, request.settings)
        if spoiled:
            inside = getattr(request.settings, name) if described.message_type is not None else None
            places = [(request.settings, described), *(_places(inside) if inside is not None else [])]
            self._spoil_place(rng, request, rng.choice(places), method, organization)
        return request

    def _behaviors(self, described: FieldDescriptor) -> set[int]:
        known = self._known_behaviors.get(described.full_name)
        if known is not None:
            return known
        extension: Any = self.server.pool.FindExtensionByName("google.api.field_behavior")
        options: Any = self.server.message("google.protobuf.FieldOptions")()
        options.ParseFromString(described.GetOptions().SerializeToString())
        found = self._known_behaviors[described.full_name] = set(options.Extensions[extension])
        return found

    def _fill(self, rng: Random, message: Any, method: str, organization: str) -> None:
        for described in message.DESCRIPTOR.fields:
            behaviors = self._behaviors(described)
            wanted = 0.05 if behaviors & {3} else 0.6
            if _REQUIRED not in behaviors and described.name not in {"name", "parent"} and rng.random() > wanted:
                continue
            self._set(rng, message, described, method, organization)
        self._settle(rng, message, method)

    def _set(self, rng: Random, message: Any, described: FieldDescriptor, method: str, organization: str) -> None:
        if described.is_repeated:
            for _ in range(rng.randint(1, 3)):
                self._add(rng, message, described, method, organization)
        elif described.message_type is not None:
            getattr(message, described.name).SetInParent()
            self._fill_message(rng, getattr(message, described.name), message, method, organization)
        else:
            setattr(message, described.name, values.valid(rng, self.world, organization, method, described))

    def _add(self, rng: Random, message: Any, described: FieldDescriptor, method: str, organization: str) -> None:
        repeated = getattr(message, described.name)
        if described.message_type is not None:
            self._fill_message(rng, repeated.add(), message, method, organization)
        else:
            repeated.append(values.valid(rng, self.world, organization, method, described))

    def _fill_message(self, rng: Random, message: Any, parent: Any, method: str, organization: str) -> None:
        match message.DESCRIPTOR.full_name:
            case "google.protobuf.Timestamp":
                message.seconds = rng.randrange(1_577_836_800, 1_798_761_600)
            case "google.protobuf.Duration":
                message.seconds = rng.randrange(3_600, 365 * 86_400)
            case "google.protobuf.FieldMask":
                message.paths.extend(rng.choice([["*"], self._writable(rng, parent)]))
            case _:
                self._fill(rng, message, method, organization)

    def _writable(self, rng: Random, request: Any) -> list[str]:
        (resource,) = (
            field.message_type
            for field in request.DESCRIPTOR.fields
            if field.message_type is not None and field.message_type.full_name not in _KNOWN
        )
        paths = [field.name for field in resource.fields if not self._behaviors(field) & _WRITTEN_BY_NOBODY]
        return rng.sample(paths, rng.randint(1, len(paths)))

    def _settle(self, rng: Random, message: Any, method: str) -> None:
        """Corrects fields that depend on each other."""
        kind: Descriptor = message.DESCRIPTOR
        seen = self.world.tickets.get(ticket_of(message))
        if "etag" in kind.fields_by_name and seen is not None and rng.random() < 0.3:
            message.etag = seen.etag
        if kind.name == "Ticket" and method.endswith("CreateTicket"):
            for field in ("name", "location") if message.review else ("name",):
                message.ClearField(field)
        if kind.name == "AddContactRequest" and message.claim:
            for field in ("email", "phone", "display_name") if rng.random() < 0.5 else ("claim",):
                message.ClearField(field)
        if kind.name == "InboundMessage" and message.channel == _SMS:
            message.sender = "+442079460018"
        settings.settle(rng, message)
        if kind.name in _NEEDS_ADDRESS and not getattr(message, "claim", ""):
            message.email = message.email or "robin@example.com"

    def _spoil(self, rng: Random, request: Any, method: str, organization: str) -> None:
        """Makes one field of the request invalid."""
        if places := _places(request):  # some requests have no fields
            self._spoil_place(rng, request, rng.choice(places), method, organization)

    def _spoil_place(
        self, rng: Random, request: Any, place: tuple[Any, FieldDescriptor], method: str, organization: str
    ) -> None:
        message, described = place
        value = getattr(message, described.name)
        if rng.random() < 0.1:
            message.ClearField(described.name)
        elif message.DESCRIPTOR.full_name in {"google.protobuf.Timestamp", "google.protobuf.Duration"}:
            message.seconds, message.nanos = rng.choice(values.SECONDS), rng.choice(values.NANOS)
        elif described.full_name == "google.protobuf.FieldMask.paths":
            del value[:]
            value.extend(self._paths(rng, request))
        elif described.is_repeated:
            self._spoil_repeated(rng, message, described, method, organization)
        elif described.message_type is not None:
            message.ClearField(described.name)
        else:
            setattr(message, described.name, values.invalid(rng, self.world, described, value))

    def _spoil_repeated(
        self, rng: Random, message: Any, described: FieldDescriptor, method: str, organization: str
    ) -> None:
        repeated = getattr(message, described.name)
        if described.message_type is not None:
            count = rng.choice([0, 2, 100, 101])
            while len(repeated) < count:
                self._add(rng, message, described, method, organization)
            del repeated[count:]
            return
        extra, more = (values.invalid(rng, self.world, described, "") for _ in range(2))
        text = described.type == FieldDescriptor.TYPE_STRING
        several: list[Any] = [f"l{number}" for number in range(21)] if text else list(range(21))
        repeated.extend(rng.choice([[extra], list(repeated), several, [extra, more], several[1:2] * 5_000]))

    def _paths(self, rng: Random, request: Any) -> list[str]:
        every = [
            field.name for each in request.DESCRIPTOR.fields if each.message_type for field in each.message_type.fields
        ]
        strange = ["", "*", "**", "a.b.c", "subject.*", "`subject`", "Subject", "ticket.subject", "\0", "x" * 20_000]
        return rng.choice(
            [
                rng.sample(every, rng.randint(0, len(every))),
                [rng.choice(strange)],
                ["*", rng.choice(every)],
                [rng.choice(every)] * 2,
                [f"path{number}" for number in range(2_000)],
            ]
        )


def ticket_of(request: Any) -> str:
    """Returns the ticket of a request or of its first item. Without a ticket, returns any text."""
    fields = request.DESCRIPTOR.fields_by_name
    if "requests" in fields and request.requests:
        return ticket_of(request.requests[0])
    if "ticket" in fields and fields["ticket"].message_type is not None and request.ticket.name:
        return ticket_of(request.ticket)
    name = getattr(request, "name", "") or getattr(request, "parent", "")
    return "/".join(str(name).split("/")[:4])


def _places(message: Any) -> list[tuple[Any, FieldDescriptor]]:
    """Returns every field of a message and of its nested messages, each with the message that has the field."""
    found = []
    for described in message.DESCRIPTOR.fields:
        found.append((message, described))
        if described.message_type is None:
            continue
        if described.is_repeated:
            found += [place for each in getattr(message, described.name) for place in _places(each)]
        elif message.HasField(described.name):
            found += _places(getattr(message, described.name))
    return found
