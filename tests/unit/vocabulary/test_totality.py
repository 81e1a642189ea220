"""Code that decides by an enum decides for each of its members, so a new member is never forgotten.

mypy finds a `match` that lacks a member, unless its last case matches everything. It does not check tables. So each
`match` over an enum of Care ends in `assert_never`, and each table has all members, is made by `check_complete`, or is
listed in PARTIAL with a reason. Values of the contract may come from a newer service. A `match` over them needs a last
case for unknown values, and each known value must have a case before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.unit.vocabulary.source import Module, enum_of, members, modules, place, read

PARTIAL: dict[tuple[str, str], str] = {
    ("CODES", "Reason"): "the reasons that the test kit can refuse with; the service's table is checked",
    ("_CODES", "DeliveryFailure"): "a provider has codes for these; whatever has none is OTHER",
    ("_DELIVERY_STEPS", "care.v1.DeliveryStep"): "the steps that a worker can begin",
    ("_ENDS", "care.v1.RecoveryState"): "the states that a recovery ends in",
    ("_MODE_LABELS", "Mode"): "INHERIT is shown by the mode that it inherits",
    ("_PROVIDER_STEPS", "care.v1.DeliveryStep"): "the steps at a provider; a match describes every step",
    ("_REACHED", "care.v1.DeliveryState"): "how far a report can say that a message got",
    ("_SERVICE_STEPS", "care.v1.RecoveryStep"): "the steps at the service; a match describes every step",
    ("_SITE_STEPS", "care.v1.RecoveryStep"): "the steps at a review site; a match describes every step",
    ("details", "care.v1.DeliveryStep"): "what only two steps have to tell; a match describes every step",
    ("_STARTS_FROM", "DeliveryStep"): "a report begins these steps only; the rest is never begun",
    ("_STATUS_ACTIVITIES", "Trigger"): "the triggers of the status machine that a command fires",
    ("TRIGGERS", "Command"): "the other commands leave both machines alone",
    ("move_status", "Trigger"): "the other triggers leave the resolve time alone",
    ("_COMPARE", "Comparator"): "':' and '!=' are never compared by: the schema turns them into equality",
}
"""Tables and chains of `if` that name only some members on purpose: the variable or function, the enum, the reason."""

GROWING = frozenset({"Channel"})
"""Enums that will grow, so code must not use `is` and `else` to distinguish their members."""


def incomplete(module: Module) -> Iterator[str]:
    for node, parents in module.nodes:
        where = f"{module.path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Match):
            yield from (f"{where}: {problem}" for problem in _match(module, node))
        elif isinstance(node, ast.Dict) and (enum := _enum_of_keys(module, node)) is not None:
            if not (_is_complete(module, node, enum) or _is_total(parents) or (place(parents), enum) in PARTIAL):
                yield f"{where}: {place(parents)} lacks members of {enum}"
        elif isinstance(node, ast.If) and (enum := _enum_of_chain(module, node)) is not None:
            if (place(parents), enum) not in PARTIAL:
                yield f"{where}: a chain of if over {enum}: use match and assert_never"
        elif isinstance(node, ast.Compare):
            compared = {found[0] for each in (node.left, *node.comparators) if (found := enum_of(module, each))}
            yield from (f"{where}: tells {each} apart without match" for each in compared & GROWING)


def _match(module: Module, match: ast.Match) -> Iterator[str]:
    named: dict[str, set[str]] = {}
    for case in match.cases:
        for pattern in ast.walk(case.pattern):
            if isinstance(pattern, ast.MatchValue) and (found := enum_of(module, pattern.value)):
                named.setdefault(found[0], set()).add(found[1])
    for enum, cases in named.items():
        missing = members(module, enum) - cases
        if not enum.startswith("care."):
            if not _asserts_never(match.cases[-1]):
                yield f"a match over {enum} that does not end in assert_never"
        elif missing:
            yield f"a match over {enum} without {sorted(missing)}"


def _asserts_never(case: ast.match_case) -> bool:
    match case.body:
        case [ast.Expr(ast.Call(ast.Name("assert_never")))]:
            return isinstance(case.pattern, ast.MatchAs) and case.guard is None
        case _:
            return False


def _enum_of_keys(module: Module, table: ast.Dict) -> str | None:
    keys = [enum_of(module, key) if key else None for key in table.keys]
    enums = {key[0] if key else None for key in keys}
    return enums.pop() if len(enums) == 1 else None


def _is_complete(module: Module, table: ast.Dict, enum: str) -> bool:
    named = {found[1] for key in table.keys if key and (found := enum_of(module, key))}
    return members(module, enum) <= named


def _is_total(parents: tuple[ast.AST, ...]) -> bool:
    calls = (node for node in parents if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "check_complete" for call in calls)


def _enum_of_chain(module: Module, first: ast.If) -> str | None:
    match first.orelse:
        case [ast.If() as second]:
            enums = {_enum_of_test(module, first.test), _enum_of_test(module, second.test)}
            return enums.pop() if len(enums) == 1 else None
        case _:
            return None


def _enum_of_test(module: Module, test: ast.expr) -> str | None:
    match test:
        case ast.Compare(_, [ast.Is() | ast.Eq()], [right]) if found := enum_of(module, right):
            return found[0]
        case _:
            return None


def test_each_match_and_table_has_every_member() -> None:
    assert [problem for module in modules() for problem in incomplete(module)] == []


def test_each_partial_table_exists() -> None:
    found = set()
    for module in modules():
        for node, parents in module.nodes:
            if isinstance(node, ast.Dict):
                found.add((place(parents), _enum_of_keys(module, node)))
            if isinstance(node, ast.If):
                found.add((place(parents), _enum_of_chain(module, node)))
    assert PARTIAL.keys() <= found


IMPORTS = (
    "from care_rules.entities.message import Channel\n"
    "from care_rules.entities.recovery import RecoveryKind\n"
    "from care_rules.entities.ticket import Priority\n"
    "from care.v1 import message_pb2 as pb\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("match x:\n case Priority.LOW: a()\n case _: b()", "assert_never"),
        ("match x:\n case Priority.LOW: a()\n case _ if c: assert_never(x)", "assert_never"),
        ("match x:\n case pb.CHANNEL_SMS: a()\n case _: b()", "CHANNEL_EMAIL"),
        ("T = {Priority.LOW: 1}", "T lacks members of Priority"),
        ("T = {pb.CHANNEL_SMS: 1}", "T lacks members of care.v1.Channel"),
        ("if x is Priority.LOW: a()\nelif x is Priority.HIGH: b()\nelse: c()", "chain of if over Priority"),
        ("y = 1 if x is Channel.SMS else 2", "tells Channel apart"),
    ],
)
def test_a_missing_member_is_found(text: str, expected: str) -> None:
    found = list(incomplete(read("care_service", "made_up.py", IMPORTS + text)))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "match x:\n case Channel.SMS: a()\n case Channel.EMAIL: b()\n case _: assert_never(x)",
        "match x:\n case pb.RECOVERY_KIND_FORM | pb.RECOVERY_KIND_DIRECT: a()\n case _: b()",
        "T = check_complete(Priority, {Priority.LOW: 1} | others)",
        "T = {RecoveryKind.FORM: 1, RecoveryKind.DIRECT: 2}",
        "if x is Priority.LOW: a()\nelse: b()",
        "match x:\n case str(): a()\n case _: b()",
    ],
)
def test_a_complete_match_or_table_is_accepted(text: str) -> None:
    assert list(incomplete(read("care_service", "made_up.py", IMPORTS + text))) == []
