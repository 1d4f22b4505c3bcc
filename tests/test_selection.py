"""Which cases are asked: exactly as many as wanted, spread evenly, the same ones every time."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import Case, Contract, Span
from fixtures.datasets import Dataset, slugify
from fixtures.errors import UserError
from fixtures.selection import Selection, sample, select


def case(contract, category, answerable):
    return Case(
        id=f"{contract}__{category}",
        slug=f"{contract}-{slugify(category)}",
        contract=Contract(contract, "Ohio"),
        category=category,
        question=f"{category}?",
        spans=(Span("Ohio", 0),) if answerable else (),
    )


def dataset(cases, test=None):
    ids = frozenset(c.contract.id for c in cases)
    return Dataset("table", tuple(cases), ids if test is None else frozenset(test))


@st.composite
def tables(draw):
    """Contracts x categories, with holes."""
    contracts = draw(st.integers(1, 12))
    categories = draw(st.integers(1, 12))
    salt = draw(st.text("abc", max_size=3))
    cells = [
        (f"{salt}contract {i}", f"{salt}category {j}", draw(st.booleans()))
        for i in range(contracts)
        for j in range(categories)
        if draw(st.integers(0, 3))
    ]
    return [case(*cell) for cell in cells or [("one", "Only", True)]]


def limited(cases, limit):
    return select(dataset(cases), Selection(limit=limit))


@given(tables(), st.integers(1, 200))
@settings(max_examples=80)
def test_a_limit_gives_that_many_in_order_and_always_the_same(cases, limit):
    drawn = limited(cases, limit)
    assert len(drawn) == min(limit, len(cases))
    assert list(drawn) == [c for c in cases if c in set(drawn)]
    assert drawn == limited(list(cases), limit)
    shuffled = limited(cases[::-1], limit)
    assert set(shuffled) == set(drawn)


@given(tables(), st.integers(2, 150))
@settings(max_examples=80)
def test_the_answerable_keep_their_share(cases, limit):
    drawn = limited(cases, limit)
    answerable = sum(c.answerable for c in cases)
    expected = answerable * len(drawn) / len(cases)
    off = abs(sum(c.answerable for c in drawn) - expected)
    assert off <= 1
    if 1 <= expected <= len(drawn) - 1:  # else the one that must occur is more than its share
        assert off <= 0.5 + 1e-9
    if 0 < answerable < len(cases):
        assert {c.answerable for c in drawn} == {True, False}


@given(tables(), st.integers(1, 60), st.integers(0, 40))
@settings(max_examples=80)
def test_a_larger_limit_keeps_all_of_the_smaller_ones_cases(cases, limit, more):
    assert set(limited(cases, limit)) <= set(limited(cases, limit + more))


def spread(drawn, cases):
    """How far the most and the least drawn are apart: (contracts, categories)."""
    by_contract = Counter(c.contract.id for c in drawn)
    by_category = Counter(c.category for c in drawn)
    contracts = [by_contract[name] for name in {c.contract.id for c in cases}]
    categories = [by_category[name] for name in {c.category for c in cases}]
    return max(contracts) - min(contracts), max(categories) - min(categories)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(max_examples=80)
def test_contracts_and_categories_share_a_table_of_one_kind_evenly(rows, columns, data):
    cases = [
        case(f"contract {i}", f"category {j}", answerable=False)
        for i in range(rows)
        for j in range(columns)
    ]
    limit = data.draw(st.integers(1, len(cases)))
    contracts, categories = spread(limited(cases, limit), cases)
    assert contracts <= 1
    assert categories <= 2


@pytest.mark.parametrize("seed", range(20))
def test_contracts_share_evenly_where_a_third_is_answerable(seed):
    chance = random.Random(seed)
    rows, columns = chance.randint(2, 20), chance.randint(10, 41)
    cases = [
        case(f"{seed}-{i}", f"category {j}", chance.random() < 0.33)
        for i in range(rows)
        for j in range(columns)
    ]
    for limit in (rows, 2 * rows, 5 * rows):
        contracts, _ = spread(limited(cases, limit), cases)
        assert contracts <= 2


def test_balanced_draws_half_of_each_kind_while_there_are_such():
    cases = [case(f"contract {i % 7}", f"category {i % 41}", i < 60) for i in range(287)]
    for limit in (2, 41, 120, 200):
        drawn = sample(cases, limit, balanced=True)
        answerable = sum(each.answerable for each in drawn)
        assert len(drawn) == limit
        assert abs(answerable - min(60, limit / 2)) <= 1


@pytest.mark.parametrize("contracts", [2, 3, 4, 12, 68, 101, 102])
@pytest.mark.parametrize("balanced", [True, False])
def test_each_kind_is_drawn_from_every_contract(contracts, balanced):
    cases = [case(f"contract {i}", f"c {j}", j < 14) for i in range(contracts) for j in range(41)]
    drawn = sample(cases, 4 * contracts, balanced=balanced)
    for kind in (True, False):
        asked = Counter(each.contract.id for each in drawn if each.answerable is kind)
        assert len(asked) == contracts, "a metric of this kind would rest on fewer contracts"
        assert max(asked.values()) - min(asked.values()) <= 1
    assert len({each.contract.id for each in sample(cases, contracts, balanced=balanced)}) == (
        contracts
    )


def test_balanced_without_a_limit_says_what_to_add():
    with pytest.raises(UserError, match="add --limit"):
        select(dataset(TABLE, ["Zeta Lease"]), Selection(balanced=True))


@pytest.mark.parametrize("limit", [60, 300, 1000])
def test_real_cases_are_spread(cuad, limit):
    drawn = select(cuad, Selection(limit=limit))
    assert {c.contract.id for c in drawn} <= cuad.test_contracts
    assert abs(sum(c.answerable for c in drawn) - limit * 900 / 2788) < 1
    assert max(spread(drawn, select(cuad, Selection()))) <= 2


TABLE = [
    case(contract, category, answerable=True)
    for contract in ("ACME SUPPLY AGREEMENT", "Zeta Lease")
    for category in ("Governing Law", "Rofr/Rofo/Rofn")
]


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), [0, 1]),
        (Selection(split="train"), [2, 3]),
        (Selection(split="all"), [0, 1, 2, 3]),
        (Selection(split="all", contracts=("zeta",)), [2, 3]),
        (Selection(split="all", contracts=("zeta", "SUPPLY")), [0, 1, 2, 3]),
        (Selection(split="all", categories=("governing_law",)), [0, 2]),
        (Selection(categories=("Governing Law", "rofr/rofo/rofn")), [0, 1]),
        (Selection(categories=("ROFR ROFO ROFN",), contracts=("acme",)), [1]),
        (Selection(split="all", limit=99), [0, 1, 2, 3]),
    ],
)
def test_selection(selection, chosen):
    selected = select(dataset(TABLE, ["ACME SUPPLY AGREEMENT"]), selection)
    assert [TABLE.index(c) for c in selected] == chosen


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(categories=("Goverming Law",)), ("--category", "'Governing Law'?")),
        (Selection(categories=("Governing Law", "qqq")), ("--category 'qqq'", "known are")),
        (Selection(contracts=("Zeta Leese",)), ("--contract", "'Zeta Lease'?")),
        (Selection(limit=0), ("--limit 0", "1 or more")),
        (Selection(contracts=("zeta",)), ("--split test", "try --split all")),
        (Selection(contracts=("zeta",), limit=3), ("--split test", "try --split all")),
    ],
)
def test_a_selection_that_cannot_be_is_one_line(selection, words):
    with pytest.raises(UserError) as caught:
        select(dataset(TABLE, ["ACME SUPPLY AGREEMENT"]), selection)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
