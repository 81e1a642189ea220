"""One run of the fuzz test: a number of calls from one seed. Each response is checked against the contract."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from care.v1.settings_pb2 import Settings
from tests.integration.service.fuzz import callers, mangle
from tests.integration.service.fuzz.callers import NOBODY, Caller
from tests.integration.service.fuzz.requests import Requests, ticket_of
from tests.integration.service.fuzz.world import CANARY, STATES, World, populate, strings
from tests.support.care import Care
from tests.support.reasons import CheckedError, check_error, check_status
from tests.support.reflection import Reflected
from tests.support.tenant import Tenant

SECRET_FIELDS: Final = frozenset({"token", "email", "phone", "text", "message", "subject", "description", "reply_text"})
"""Fields whose values no error may contain."""
_LARGEST: Final = 1_000_000
"""The largest body in bytes. The transport refuses a larger one."""
SETTINGS: Final = [field.name for field in Settings.DESCRIPTOR.fields if field.name not in {"name", "etag"}]
_NEVER_WRONG: Final = {"warn_customer"}
"""Settings without invalid values."""
_SETTINGS_CHANGE: Final = "care.v1.SettingsService/UpdateSettings"
_RENEWED: Final = 40
"""The number of calls after which a new ticket is created."""
_REFERENCES: Final = frozenset(
    [
        "name",
        "location",
        "review",
        "ticket",
        "reporter",
        "assignee",
        "recovery",
        "follow_up_of",
        "follow_up",
        "author",
        "actor",
        "creator",
    ]
)
"""Fields of responses that name resources. Other fields may contain any text."""


@dataclass(frozen=True)
class Sent:
    """One call, with its description."""

    number: int
    kind: str
    method: str
    caller: Caller
    body: bytes
    request: Any
    """None if the bytes are not a valid message."""

    def __str__(self) -> str:
        request = self.body.hex() if self.request is None else str(self.request)
        return f"call {self.number}: {self.kind} {self.method} by {self.caller.label}\n{request:.4000}"


@dataclass
class Run:
    """The server, the callers, and the counts of outcomes."""

    seed: int
    care: Care
    server: Reflected
    requests: Requests
    valid: Mapping[str, Mapping[str, list[Caller]]]
    """The valid callers, by organization and role."""
    access: Mapping[str, frozenset[str]]
    """The roles that may call a method, by method."""
    sent: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    secrets: set[str] = field(default_factory=set)
    changed: Counter[str] = field(default_factory=Counter)
    """The number of accepted changes, by setting."""
    wrong: Counter[str] = field(default_factory=Counter)
    """The number of refusals that named the setting, by setting."""

    @property
    def world(self) -> World:
        return self.requests.world

    async def calls(self, count: int) -> None:
        """Makes `count` calls one after the other, so that a seed repeats the same run."""
        rng = Random(self.seed)
        for number in range(count):
            if number % _RENEWED == 0:
                # The calls close tickets and end recoveries faster than they create new ones.
                await self.world.renew(rng.choice([self.world.home, self.world.other]), rng.choice(STATES))
            await self._try(self._draw(rng, number))

    async def settings(self, least: int, most: int) -> None:
        """Changes each setting alone, `least` times. Most changes have an invalid value.

        Continues up to `most` times, until each setting was changed at least once and refused at least once.
        """
        rng = Random(self.seed)
        organization = self.world.home.id
        caller = self.valid[organization]["supervisor"][0]
        for number in range(most):
            if number >= least and not self.unchanged and not self.unrefused:
                return
            for name in SETTINGS:
                spoiled = rng.random() < 0.8
                request = self.requests.setting(rng, _SETTINGS_CHANGE, organization, name, spoiled=spoiled)
                kind = "near-valid" if spoiled else "valid"
                await self._try(Sent(number, kind, _SETTINGS_CHANGE, caller, request.SerializeToString(), request))

    @property
    def unchanged(self) -> list[str]:
        """Returns the settings that no call has changed."""
        return [name for name in SETTINGS if not self.changed[name]]

    @property
    def unrefused(self) -> list[str]:
        """Returns the settings with invalid values for which no call was refused."""
        return [name for name in SETTINGS if not self.wrong[name] and name not in _NEVER_WRONG]

    async def _try(self, sent: Sent) -> None:
        try:
            await self._send(sent)
        except AssertionError as error:
            hint = f"again: FUZZ_SEED={self.seed}, see test_fuzz.py"
            raise AssertionError(f"{error}\n{sent}\n{hint}") from error

    def _draw(self, rng: Random, number: int) -> Sent:
        method = rng.choice(list(self.access))
        organization = (self.world.home if rng.random() < 0.85 else self.world.other).id
        kind = rng.choices(["valid", "near-valid", "malformed", "metadata"], [35, 35, 20, 10])[0]
        make = self.requests.near_valid if kind == "near-valid" else self.requests.valid
        request = make(rng, method, organization)
        body = request.SerializeToString(deterministic=True)
        caller = self._caller(rng, method, organization, request)
        if kind == "malformed":
            other = self.requests.valid(rng, rng.choice(list(self.access)), organization)
            body = mangle.damage(rng, body, other.SerializeToString(deterministic=True))
        elif kind == "metadata":
            caller = callers.odd_metadata(rng, caller)
        body = body[:_LARGEST]
        try:
            request = self.server.request(method)
            request.ParseFromString(body)
        except DecodeError:
            request = None
        return Sent(number, kind, method, caller, body, request)

    def _caller(self, rng: Random, method: str, organization: str, request: Any) -> Caller:
        chance, role = rng.random(), rng.choice(sorted(self.access[method]))
        seen = self.world.tickets.get(ticket_of(request))
        if chance < 0.5 and "agent" in self.access[method] and seen is not None:
            for caller in self.valid[organization]["agent"]:
                if seen.assignee == f"organizations/{organization}/agents/{caller.subject}":
                    return caller
        if chance < 0.8:
            return rng.choice(self.valid[organization][role])
        other = rng.choice([self.world.home, self.world.other])
        anybody = [caller for roles in self.valid[other.id].values() for caller in roles]
        return rng.choice(
            [NOBODY, callers.invalid_caller(rng, self.care, other), rng.choice(anybody), rng.choice(anybody)]
        )

    async def _send(self, sent: Sent) -> None:
        self.sent[sent.kind] += 1
        self.secrets.update(sent.caller.secrets)
        error = None
        try:
            body = await self.server.send(sent.method, sent.body, sent.caller.metadata)
        except grpc.aio.AioRpcError as caught:
            error = caught
        else:
            self.outcomes[sent.method]["OK"] += 1
            self._check_response(sent, self.server.response_class(sent.method).FromString(body))
        if error is not None:
            assert error.code() not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, error.details()
            refused = check_error(error, to_customer=".CustomerService/" in sent.method)
            self.outcomes[sent.method][refused.reason] += 1
            if sent.method == _SETTINGS_CHANGE:
                self.wrong.update(path.split(".")[1] for path in refused.violations if "." in path)
            self._check(sent, refused)

    def _check(self, sent: Sent, refused: CheckedError) -> None:
        public = self.access[sent.method] == {"public"}
        if sent.request is None:
            assert refused.reason == "INVALID_FIELD", refused.texts
        elif not public and not sent.caller.bears:
            assert refused.reason == "TOKEN_MISSING", refused.texts
        elif not public and sent.caller.valid:
            allowed = bool(sent.caller.roles & self.access[sent.method])
            assert not refused.reason.startswith("TOKEN_"), refused.texts
            assert (refused.reason == "ROLE_NOT_ALLOWED") != allowed, refused.texts
        self._check_texts(sent, refused)

    def _check_texts(self, sent: Sent, refused: CheckedError) -> None:
        private = list(sent.caller.secrets)
        if sent.request is not None:
            fields = [value for _, described, value in strings(sent.request) if described.name in SECRET_FIELDS]
            private += [value for value in fields if len(value) > 12 and "organizations/" not in value]
        # The refusal of a filter or an order repeats the text for the developer who wrote it.
        repeated = [getattr(sent.request, field, "") for field in ("filter", "order_by")]
        assert CANARY not in refused.texts or any(CANARY in text for text in repeated), refused.texts
        for secret in private:
            assert secret not in refused.texts, f"{secret!r:.100} in {refused.texts}"

    def _check_response(self, sent: Sent, response: Any) -> None:
        assert sent.request is not None, "invalid bytes were accepted"
        if sent.method == _SETTINGS_CHANGE:
            self.changed.update(_changed_settings(sent.request))
        if sent.caller.valid and self.access[sent.method] != {"public"}:
            assert sent.caller.roles & self.access[sent.method], "a role that may not call the method was accepted"
        organization = sent.caller.organization
        for message, described, value in strings(response):
            # The result of a batch item repeats the name in the request.
            named = described.name in _REFERENCES and message.DESCRIPTOR.name != "BatchTicketResult"
            if organization and value.startswith("organizations/") and named:
                inside = value.split("/")[1] == organization
                assert inside, f"{message.DESCRIPTOR.name}.{described.name} is another organization's: {value}"
        for result in getattr(response, "results", ()):
            if result.status.code:
                refused = check_status(result.status)
                self.outcomes[sent.method][f"item {refused.reason}"] += 1
                self._check_texts(sent, refused)
        self.world.learn(sent.method, organization or self.world.home.id, response)


def _changed_settings(request: Any) -> set[str]:
    """Returns the fields that UpdateSettings sets."""
    given = {described.name for described, _ in request.settings.ListFields()}
    mask = set(request.update_mask.paths)
    return given & mask if mask - {"*"} else given


async def prepare_run(seed: int, care: Care, server: Reflected, home: Tenant, other: Tenant) -> Run:
    """Prepares a run with two organizations."""
    world = await populate(home, other)
    option: Any = server.pool.FindExtensionByName("care.v1.access")
    roles = server.pool.FindEnumTypeByName("care.v1.Role").values_by_number
    access = {}
    for name, method in sorted(server.methods.items()):
        if name.startswith("care."):
            options: Any = server.message("google.protobuf.MethodOptions")()
            options.ParseFromString(method.GetOptions().SerializeToString())
            rule = options.Extensions[option]
            named = {roles[role].name.removeprefix("ROLE_").lower() for role in rule.roles}
            access[name] = frozenset(named or {"public"})
    valid = {tenant.id: callers.valid_callers(care, tenant) for tenant in (home, other)}
    return Run(seed, care, server, Requests(server, world), valid, access)
