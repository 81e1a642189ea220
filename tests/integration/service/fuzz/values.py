"""Valid and invalid values for the fields of requests."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from random import Random
from typing import Any, Final
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor

from tests.integration.service.fuzz.world import CANARY, World

_BELOW_ORGANIZATION: Final = re.compile(
    r"(Create|Ingest|Count|Batch)\w+|List(Tickets|Reviews|Locations|Agents|UnmatchedMessages)|WatchTickets"
)
_OF_RECOVERY: Final = re.compile(r"\w*(Recovery|RecoveryForm|Contact|Posting|Posted|Refused|Retracted|Chat|ExpireForm)")
_OF_DELIVERY: Final = {"BeginDelivery", "RecordDelivered", "RecordFailed"}
_OF_CHAT: Final = {"GetChatRequest", "PostMessageRequest", "WatchChatRequest"}
_OF_DIRECTORY: Final = {"GetOrganization": "organization", "GetLocation": "location", "GetAgent": "agent"}
_OF_SETTINGS: Final = {"GetSettings", "PreviewReply", "ListSettingsRevisions"}
_RESOURCES: Final = {"location", "review", "assignee", "reporter", "recovery", "ticket"}

_FILTERS: Final = (
    "",
    "status = OPEN",
    "status != CLOSED AND priority >= HIGH",
    "labels:vip OR NOT stars > 3",
    'assignee = ""',
    'create_time > "2026-01-31T00:00:00Z"',
    "(contact_state = NO_CONTACT) soup",
    '"cold soup"',
    'reference = "3F9A-12C7"',
    'external_reference = "ORD-1042"',
    "site = local",
    'ticket = ""',
    "stars <= 2",
)
_ORDERS: Final = ("", "number", "number desc", "create_time", "update_time desc", "priority desc, update_time")


def resource(message: str, field: str) -> str:
    """Returns the kind of resource that a field names, empty if it names none."""
    method = message.removesuffix("Request")
    if field in {"name", "parent"} and method in _OF_SETTINGS:
        return "settings"
    if field == "parent":
        return "organization" if _BELOW_ORGANIZATION.fullmatch(method) else "ticket"
    if field == "name" and method == message:
        return message.lower()
    if field == "name" and method == "GetReview":
        return "review"
    if field == "name" and method in _OF_DELIVERY:
        return "delivery"
    if field == "name":
        return _OF_DIRECTORY.get(method) or ("recovery" if _OF_RECOVERY.fullmatch(method) else "ticket")
    if field not in _RESOURCES:
        return ""
    return "agent" if field in {"assignee", "reporter"} else field


def valid(rng: Random, world: World, organization: str, method: str, described: FieldDescriptor) -> Any:
    """Returns a value that the comment of the field allows."""
    name = described.name
    if described.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.8
    if described.enum_type is not None:
        return rng.choice([value.number for value in described.enum_type.values if value.number])
    if described.type != FieldDescriptor.TYPE_STRING:
        return _number(rng, world, organization, name)
    message = described.containing_type
    if message is not None and (kind := resource(message.name, name)):
        return world.draw(rng, kind, organization)
    if name == "token" and message is not None and message.name in _OF_CHAT:
        return world.draw(rng, "chat", organization)
    if name in {"page_token", "resume_token"}:
        return world.draw(rng, f"page of {method}", organization) if rng.random() < 0.5 else ""
    make = _TEXTS.get(name)
    if make is not None:
        return make(rng, world, organization)
    return f"{CANARY} {rng.randrange(10**6)}"


def _number(rng: Random, world: World, organization: str, name: str) -> int:
    if name == "stars":
        return rng.randint(1, 5)
    if name == "attempt":
        return int(rng.choice([*world.found["attempt", organization], "1"]))
    return rng.choice([0, 1, 2, 3, 1_000])


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _request_id(rng: Random, world: World, organization: str) -> str:
    used = world.found["request_id", organization]
    if used and rng.random() < 0.15:
        return rng.choice(used)
    made = _uuid(rng)
    world.add("request_id", organization, made)
    return made


_TEXTS: Final[dict[str, Callable[[Random, World, str], str]]] = {
    "request_id": _request_id,
    "etag": lambda rng, world, organization: "",
    "token": lambda rng, world, organization: world.draw(rng, "token", organization),
    "claim": lambda rng, world, organization: world.draw(rng, "contact", organization),
    "filter": lambda rng, world, organization: rng.choice(_FILTERS),
    "order_by": lambda rng, world, organization: rng.choice(_ORDERS),
    "email": lambda rng, world, organization: f"{CANARY}{rng.randrange(99)}@example.com",
    "phone": lambda rng, world, organization: rng.choice(["+44 20 7946 0018", "+33142685300", "+49 30 901820"]),
    "reply_text": lambda rng, world, organization: f"{CANARY}: please tell us more: {{form_link}}",
    "external_reference": lambda rng, world, organization: rng.choice(["", "ORD-1042", f"{CANARY} ümlaut / 7"]),
    "labels": lambda rng, world, organization: rng.choice(["vip", "refund", "late-2", "a_b.c"]),
    "site": lambda rng, world, organization: rng.choice(["local", "google"]),
    "external_id": lambda rng, world, organization: f"f{rng.randrange(200)}",
    "sender": lambda rng, world, organization: rng.choice([f"{CANARY}{rng.randrange(99)}@example.com", _KNOWN_SENDER]),
    "language": lambda rng, world, organization: rng.choice(["en", "pt-BR", "de"]),
    "time_zone": lambda rng, world, organization: rng.choice(["Europe/Berlin", "Asia/Kolkata"]),
    "holidays": lambda rng, world, organization: rng.choice(["2026-12-25", "2027-01-01"]),
    "sites": lambda rng, world, organization: rng.choice(["local", "google"]),
    "chat_greeting": lambda rng, world, organization: f"{CANARY}: write to us: {{chat_link}}",
    "url": lambda rng, world, organization: rng.choice(["", "https://reviews.example/1?a=b"]),
    "default_phone_region": lambda rng, world, organization: rng.choice(["US", "GB", "DE", ""]),
}

_KNOWN_SENDER: Final = "robin@example.com"
"""The address of the contact whose chat `World.renew` opens."""
_STRANGE: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "-",
    "*",
    "\u202e\u2067evil\u2069",
    "\u200f" * 40,
    "🍲" * 300,
    "é" * 201,
    "x" * 201,
    "x" * 4_001,
    "x" * 10_001,
    "x" * 200_000,
    "one\r\nlevel=error injected=1",
    "\x1b[31mred",
    "\ufffe\uffff",
    "1\u0660\u0661",
    "'; DROP TABLE tickets; --",
    "%s%s%n{0}{form_link}",
    "{form_link}{form_link}",
    "{form_link}",
    "[" * 6_000,
    "(" * 3_000,
    "(" * 300 + "a" + ")" * 300,
    "NOT " * 2_000 + "a",
    "-" * 2_000 + "a",
    "a AND " * 2_000 + "a",
    '"',
    "status",
    "status =",
    "status = NONSENSE",
    "status < OPEN",
    "colour = RED",
    "stars = 1e400",
    "stars = 99999999999999999999999",
    'create_time > "0000-00-00T99:00:00Z"',
    'create_time > "0001-01-01T00:00:00+23:59"',
    'create_time < "9999-12-31T23:59:59-23:59"',
    'subject:"a\\',
    "a:*",
    "& | ! <-> :*",
    "number desc desc",
    "number, number",
    "number;",
    "a@",
    "a@" + "b" * 300 + ".example",
    '"quo\\"ted"@example.com',
    "a@[127.0.0.1]",
    "ä@exämple.com",
    "a@xn--a",
    "+",
    "+999999999999999999999",
    "+1 415 555 0123 ext. 99999999999",
    "tel:+1-415;isub=1",
    "organizations/-",
    "organizations/" + "a" * 64,
    "organizations/a/tickets/99999999999999999999",
    "organizations/a/tickets/0",
    "organizations/a/tickets/01",
    "organizations/a/agents/..",
    "organizations/a/reviews/FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "ORGANIZATIONS/A",
    "00000000-0000-0000-0000-000000000000",
    "{1b4e28ba-2fa1-41d2-883f-0016d3cca42}",
    "http://[::1",
    "http://[::1]:99999999/\t",
    "javascript:alert(1)",
    "k1..",
    "k1." + "A" * 22 + "." + "A" * 22,
    ".é.",
    "ZZ",
    "us",
)
_INTEGERS: Final = (-1, 0, 1, 7, 1_001, 2**31 - 1, -(2**31))
_LONGS: Final = (*_INTEGERS, 2**63 - 1, -(2**63))
_NOT_ENUMS: Final = (0, 99, -1, 2**31 - 1, -(2**31))
_KEYS: Final[tuple[object, ...]] = (
    None,
    True,
    [],
    {},
    1.5,
    2**63,
    -(2**63) - 1,
    2**70,
    "",
    "\0",
    "\ud800",
    "x" * 5_000,
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-01-01",
    "00000000-0000-0000-0000-000000000000",
)

SECONDS: Final = (-62_135_596_801, -62_135_596_800, -1, 0, 253_402_300_799, 253_402_300_800, 2**63 - 1, -(2**63))
NANOS: Final = (-1, 0, 999_999_999, 10**9, 2**31 - 1, -(2**31))


def invalid(rng: Random, world: World, described: FieldDescriptor, now: Any) -> Any:
    """Returns a value of the field's type that may be invalid. `now` is the value that it replaces."""
    if described.type == FieldDescriptor.TYPE_BOOL:
        return not now
    if described.enum_type is not None:
        return rng.choice(_NOT_ENUMS)
    if described.type in {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64}:
        return rng.choice(_LONGS)
    if described.type == FieldDescriptor.TYPE_INT32:
        return rng.choice(_INTEGERS)
    if described.type != FieldDescriptor.TYPE_STRING:
        raise AssertionError(f"no values are made yet for {described.full_name}")
    if described.name in {"page_token", "resume_token"} and rng.random() < 0.7:
        return page_token(rng, world, now)
    if rng.random() < 0.1:
        return "a\0b"  # PostgreSQL stores no text that contains U+0000
    if rng.random() < 0.4:
        return rng.choice(_STRANGE)
    if rng.random() < 0.3:
        # An existing value of another kind or of the other organization.
        return rng.choice(rng.choice([values for values in world.found.values() if values]))
    return changed(rng, now)


def changed(rng: Random, text: str) -> str:
    """Returns `text` with a small change."""
    at = rng.randrange(len(text) + 1)
    return rng.choice(
        [
            text + rng.choice(["x", " ", "\n", "/", "\0", "\u0301", "=", "é"]),
            text[:at] + text[at + 1 :],
            text[:at] + rng.choice("aZ0 /.-_=\t\u00a0") + text[at:],
            text.swapcase(),
            text * 2,
            text[:at],
            text[::-1],
            " " + text,
        ]
    )


def page_token(rng: Random, world: World, now: str) -> str:
    """Returns a page token of another list, or one with other keys."""
    given = [value for (kind, _), values in world.found.items() if kind.startswith("page of") for value in values]
    token = now or (rng.choice(given) if given else "")
    try:
        content = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        return changed(rng, token)
    if not isinstance(content, list) or not content or rng.random() < 0.3:
        return rng.choice([*given, changed(rng, token)])
    for _ in range(rng.randint(1, 2)):
        content[rng.randrange(len(content))] = rng.choice(_KEYS)
    if rng.random() < 0.2:
        content = content[: rng.randrange(len(content))]
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
