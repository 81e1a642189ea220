"""Filters are parsed by the grammar of AIP-160. A text with a mistake is refused with the position of the mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_rules.filters.parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse
from care_rules.filters.syntax import And, Comparator, Not, Or, Restriction, Text, Tree, format_tree
from care_rules.refusals import Reason, Refusal


def word(text: str) -> Text:
    return Text(text, quoted=False)


def quote(text: str) -> Text:
    return Text(text, quoted=True)


def equal(field: str, value: str) -> Restriction:
    return Restriction(word(field), Comparator.EQUAL, word(value))


A, B, C, D = word("a"), word("b"), word("c"), word("d")

TREES: list[tuple[str, Tree | None]] = [
    ("", None),
    (" \t\n", None),
    ("a", A),
    ("a b", And((A, B))),
    ("a AND b", And((A, B))),
    ("a b AND c", And((A, B, C))),
    ("a OR b", Or((A, B))),
    # OR binds tighter than AND and than juxtaposition.
    ("a AND b OR c", And((A, Or((B, C))))),
    ("a OR b AND c OR d", And((Or((A, B)), Or((C, D))))),
    ("a b OR c d", And((A, Or((B, C)), D))),
    ("(a AND b) OR c", Or((And((A, B)), C))),
    ("((a))", A),
    ("NOT a", Not(A)),
    ("-a", Not(A)),
    ("NOT (a b)", Not(And((A, B)))),
    ("-(a OR b)", Not(Or((A, B)))),
    ("NOT (NOT a)", Not(Not(A))),
    ("NOT a OR b", Or((Not(A), B))),
    ('-"a b"', Not(quote("a b"))),
    ("NOT(a)", Not(A)),
    ("a (b)", And((A, B))),
    ("status = OPEN", equal("status", "OPEN")),
    ("status=OPEN", equal("status", "OPEN")),
    ("-status = OPEN", Not(equal("status", "OPEN"))),
    ("a=b c", And((equal("a", "b"), C))),
    ("a = b OR c = d", Or((equal("a", "b"), equal("c", "d")))),
    ("labels:vip", Restriction(word("labels"), Comparator.HAS, word("vip"))),
    ("labels:*", Restriction(word("labels"), Comparator.HAS, word("*"))),
    ("stars>=3", Restriction(word("stars"), Comparator.GREATER_OR_EQUAL, word("3"))),
    ("stars != -1", Restriction(word("stars"), Comparator.NOT_EQUAL, word("-1"))),
    ('a = ""', Restriction(A, Comparator.EQUAL, quote(""))),
    ("a = 'it is \"so\"'", Restriction(A, Comparator.EQUAL, quote('it is "so"'))),
    (r'"say \"so\" \\ or \'not\'"', quote("say \"so\" \\ or 'not'")),
    ('"AND"', quote("AND")),
    ("and or not", And((word("and"), word("or"), word("not")))),
    ("don't stop", And((word("don't"), word("stop")))),
    ("well-done", word("well-done")),
    ("soup!", word("soup!")),
    ("Füße 寿司", And((word("Füße"), word("寿司")))),
    ("3.5", word("3.5")),
    ("name = organizations/acme/agents/alice", equal("name", "organizations/acme/agents/alice")),
]

BAD: list[tuple[str, int]] = [
    ("AND", 0),
    ("a AND", 5),
    ("a AND AND b", 6),
    ("OR a", 0),
    ("a OR", 4),
    ("NOT", 3),
    ("NOT NOT a", 4),
    ("--a", 0),
    ("- a", 0),
    ("-", 0),
    ("(a", 0),
    ("(a AND (b)", 0),
    ("a)", 1),
    ("()", 1),
    ("= OPEN", 0),
    ("status =", 8),
    ("status = AND", 9),
    ("status = = a", 9),
    ("status = (OPEN OR CLOSED)", 9),
    ("a = b = c", 6),
    ("time > 2026-01-31T09:30:00Z", 20),
    ("lower(a)", 0),
    ('x "open', 2),
    ("x 'open\"", 2),
    (r'"a\n"', 2),
    ('"a\\', 2),
    ("né \0", 3),
    ("a !b OR", 7),
    ("a != != b", 5),
    ("(a b", 0),
]


@pytest.mark.parametrize(("text", "tree"), TREES, ids=[repr(text) for text, _ in TREES])
def test_a_filter_is_parsed_by_the_grammar_of_aip_160(text: str, tree: Tree | None) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(("text", "position"), BAD, ids=[repr(text) for text, _ in BAD])
def test_a_bad_filter_is_refused_with_the_place_where_it_goes_wrong(text: str, position: int) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    refusal = caught.value
    assert (refusal.reason, refusal.metadata["position"]) == (Reason.INVALID_FILTER, str(position))
    assert [violation.field for violation in refusal.violations] == ["filter"]
    assert "\n" not in refusal.message


def test_positions_count_code_points() -> None:
    tree = parse("🍜 AND soup")
    assert isinstance(tree, And)
    assert [part.position for part in tree.parts if isinstance(part, Text)] == [0, 6]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), MAX_DEPTH),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS),
        ("(" * MAX_LENGTH, MAX_DEPTH),
    ],
    ids=["length", "depth", "terms", "only parentheses"],
)
def test_a_filter_has_limits(text: str, position: int) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert caught.value.metadata["position"] == str(position)


def test_a_filter_may_reach_the_limits() -> None:
    assert parse("a" * MAX_LENGTH) == word("a" * MAX_LENGTH)
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == A
    assert parse("a " * MAX_TERMS) == And((A,) * MAX_TERMS)


FRAGMENTS = st.sampled_from(
    [
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        '"',
        "'",
        "\\",
        "=",
        "!=",
        "!",
        ":",
        "<=",
        ">",
        "*",
        " ",
        "a",
        "status",
        "OPEN",
        "\0",
    ]
)


@given(st.text() | st.lists(FRAGMENTS, max_size=40).map("".join) | st.lists(FRAGMENTS, max_size=40).map(" ".join))
def test_any_text_gives_a_tree_or_is_refused_with_a_place_in_it(text: str) -> None:
    outcome = _outcome(text)
    if isinstance(outcome, Refusal):
        assert outcome.reason is Reason.INVALID_FILTER
        assert 0 <= int(outcome.metadata["position"]) <= len(text)
    else:
        assert outcome is None or parse(format_tree(outcome)) == outcome


def _outcome(text: str) -> Tree | Refusal | None:
    try:
        return parse(text)
    except Refusal as refusal:
        return refusal


BARE = st.from_regex(r"[\w.*/@#][\w.*/@'#-]{0,8}", fullmatch=True).filter(lambda text: text not in {"AND", "OR", "NOT"})
TEXTS = st.builds(word, BARE) | st.builds(quote, st.text(st.characters(exclude_characters="\0"), max_size=8))
RESTRICTIONS = st.builds(Restriction, TEXTS, st.sampled_from(list(Comparator)), TEXTS)


def _join(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, parts)


@given(st.recursive(TEXTS | RESTRICTIONS, _join, max_leaves=20))
def test_a_tree_that_is_printed_and_parsed_again_is_the_same(tree: Tree) -> None:
    assert parse(format_tree(tree)) == tree
