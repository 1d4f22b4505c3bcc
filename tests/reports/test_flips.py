import random

import pytest

from reports.views.flips import flips, opponent_of
from tests.builders.run_data import contents, reported, written

ROLES = {"new": "candidate", "old": "champion"}
GATE = {
    "alpha": 0.05,
    "pass_marks": {"token_f1": 0.5, "hit@5": 1.0, "latency": 2.0},
    "metrics": {
        "token_f1": {"role": "primary"},
        "laziness": {"role": "guard"},
        "hit@5": {"role": "report"},
    },
}


def report(folder, new, old, roles=ROLES, verdicts=None, gate=GATE):
    cases = dict.fromkeys(new | old, "same")
    verdicts = verdicts or {"new": "REJECT"}
    value = written(
        "20260101-000000-0001",
        {"new": new, "old": old},
        cases,
        roles=roles,
        verdicts=verdicts,
        gate=gate,
    )
    return reported(folder, value)


def only(folder, new, old, **changes):
    (found,) = flips(report(folder, new, old, **changes))
    return found


def test_a_case_flips_where_the_mark_lies_between_the_two(tmp_path):
    new = {"c0__q0": {"token_f1": 0.5}, "c1__q0": {"token_f1": 0.49}, "c2__q0": {"token_f1": 0.9}}
    old = {"c0__q0": {"token_f1": 0.4}, "c1__q0": {"token_f1": 0.5}, "c2__q0": {"token_f1": 0.5}}
    found = only(tmp_path, new, old)
    assert [flip.case.id for flip in found.won] == ["c0__q0"]
    assert [flip.case.id for flip in found.lost] == ["c1__q0"]
    assert (found.compared, found.opponent.words) == (3, "champion old")
    assert found.won[0].candidate.answer == "new says of c0__q0"
    assert found.won[0].opponent.answer == "old says of c0__q0"
    (metric,) = found.won[0].metrics
    assert (metric.candidate, metric.opponent, metric.mark) == (0.5, 0.4, 0.5)


def test_where_less_is_better_the_mark_is_a_ceiling(tmp_path):
    new = {"a__q": {"laziness": 0.0}, "b__q": {"latency": 3.0}}
    old = {"a__q": {"laziness": 1.0}, "b__q": {"latency": 2.0}}
    found = only(tmp_path, new, old)
    assert [flip.case.id for flip in found.won] == ["a__q"]
    assert [flip.case.id for flip in found.lost] == ["b__q"]


@pytest.mark.parametrize("lost", [{}, {"token_f1": None}])
def test_what_one_of_them_has_no_value_for_is_no_flip(tmp_path, lost):
    found = only(tmp_path, {"a__q": lost}, {"a__q": {"token_f1": 1.0}})
    assert (found.all, found.compared) == ((), 0)


def test_the_metric_that_weighs_most_decides_who_won(tmp_path):
    new = {"a__q": {"token_f1": 0.5, "laziness": 1.0, "hit@5": 0.0}}
    old = {"a__q": {"token_f1": 0.4, "laziness": 0.0, "hit@5": 1.0}}
    (flip,) = only(tmp_path, new, old).won
    assert [each.metric for each in flip.metrics] == ["token_f1", "laziness", "hit@5"]
    assert [each.side for each in flip.metrics] == ["won", "lost", "lost"]


def test_the_most_telling_stands_first(tmp_path):
    pairs = {
        "a__reported": {"hit@5": (1.0, 0.0)},
        "b__slow": {"latency": (90.0, 1.0)},
        "c__guard": {"laziness": (1.0, 0.0)},
        "d__small": {"token_f1": (0.5, 0.4)},
        "e__large": {"token_f1": (0.0, 1.0)},
        "f__both": {"token_f1": (0.0, 1.0), "laziness": (1.0, 0.0)},
        "g__same": {"token_f1": (0.5, 0.4)},
    }
    sides = [{c: {m: v[i] for m, v in each.items()} for c, each in pairs.items()} for i in (0, 1)]
    found = [flip.case.id for flip in only(tmp_path, *sides).all]
    assert found == [
        "f__both", "e__large", "d__small", "g__same", "c__guard", "a__reported", "b__slow",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"new": "candidate", "old": "champion"}, "champion old"),
        ({"new": "candidate", "old": "baseline"}, "baseline old"),
        ({"new": "candidate", "old": "anchor"}, "anchor old"),
        ({"new": "candidate", "old": "candidate"}, None),
        ({"new": "champion", "old": "candidate"}, None),
    ],
)
def test_whom_a_candidate_is_compared_with(tmp_path, roles, expected):
    found = report(tmp_path, {"a__q": {"token_f1": 1.0}}, {"a__q": {"token_f1": 0.0}}, roles=roles)
    opponent = opponent_of(found, "new")
    assert (opponent and opponent.words) == expected
    assert len(flips(found)) == (expected is not None)


def test_won_and_lost_change_places_with_the_models(tmp_path):
    draw = random.Random(7)
    metrics = ("token_f1", "laziness", "hit@5")
    values = (0.0, 0.3, 0.5, 0.7, 1.0, None)
    sides = [
        {case: {m: draw.choice(values) for m in metrics} for case in contents(20)} for _ in "ab"
    ]
    here, there = only(tmp_path / "1", *sides), only(tmp_path / "2", *reversed(sides))
    assert [f.case.id for f in here.all] == [f.case.id for f in there.all]
    assert len(here.won) + len(here.lost) == len(here.all) > 10
    assert {f.case.id for f in here.won} == {f.case.id for f in there.lost}
