"""Cases drawn with chances of their own: those are what they say, and labels count by them."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.errors import UserError
from evals.labels import ALL, UNSURE, Label, read_labels
from reports.archive import read_report
from reports.labelling.__main__ import _cases
from reports.labelling.draw import next_to_label, spread
from reports.labelling.unsure import draw, unsure_to_label
from reports.sections.labels import labels_section
from reports.statistics.powered_difference import prediction_powered_difference
from reports.statistics.ppi import prediction_powered_mean
from tests.builders.run_data import contents, put, written
from tests.reports.test_labels_section import ASKED, BOTH, CHAMPION, DRAWN, NEW, OLD

CASES = contents(contracts=8, questions=10)
WEIGHTS = st.lists(st.sampled_from([0.0, 0.2, 0.3, 1.0]), min_size=1, max_size=40)


@given(WEIGHTS, st.randoms(use_true_random=False))
def test_as_many_are_drawn_as_were_asked_for_and_more_only_add(weights, random):
    places = list(range(len(weights)))
    random.shuffle(places)
    before = set()
    for count in range(1, len(weights) + 3):
        found = draw(weights, places, count)
        now = set(found.drawn)
        assert len(now) == min(count, len(weights)) and before <= now
        assert found.plain >= min(count / 2, len(weights))
        assert [places[at] for at in found.drawn][: found.plain] == list(range(found.plain))
        assert all(0 < found.chances[at] <= 1 for at in now)
        assert sum(found.chances) <= len(now) + 1e-6
        if all(weights):
            assert sum(found.chances) == pytest.approx(len(now))
        before = now


def test_cases_are_drawn_as_often_as_their_chance_says():
    rng = np.random.default_rng(0)
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], 200)
    often = np.zeros(200)
    for _ in range(4000):
        once = draw(weights.tolist(), rng.permutation(200).tolist(), 60)
        often[list(once.drawn)] += 1 / 4000
    for weight in (0.0, 0.5, 1.0, 3.0):
        alike = weights == weight
        (chance,) = {round(each, 9) for each in np.array(once.chances)[alike]}
        assert often[alike].mean() == pytest.approx(chance, abs=0.01)


def report(tmp_path, texts, scores=lambda model, number: 0.5):
    value = written(
        "20260101-010000-aaaa",
        {model: {name: {"correctness": scores(model, at)} for at, name in enumerate(CASES)}
         for model in texts},
        CASES,
    )  # fmt: skip
    for row in value["results"]:
        row["answer"] = texts[row["model"]](row["case"])
    return put(tmp_path / "runs", value)


def two(tmp_path, **given):
    """Models that differ on every fifth case."""
    return report(tmp_path, {
        "new": lambda number: f"answer {number}",
        "old": lambda number: f"answer {number}" if number % 5 else "another",
    }, **given)  # fmt: skip


def test_half_is_the_plain_draw_and_the_rest_lies_where_models_differ(tmp_path):
    found = read_report(two(tmp_path))
    rows = unsure_to_label(found, 20)
    by_case = {row.case_id: row for row in rows}
    assert len(by_case) == 20
    order = spread([(case.contract, case.id) for case in found.cases])
    plain = [found.cases[at].id for at in order[:10]]
    assert [name for name, row in by_case.items() if row.drawn == ALL] == plain
    assert all(list(CASES).index(name) % 5 == 0
               for name, row in by_case.items() if row.drawn == UNSURE)  # fmt: skip
    assert {row.drawn for row in rows} == {ALL, UNSURE}
    assert all(0 < row.probability <= 1 for row in rows)
    same = [row.probability for row in rows if list(CASES).index(row.case_id) % 5]
    assert set(same) == {10 / 80}


def test_what_the_judge_is_unsure_of_has_a_higher_chance(tmp_path):
    texts = {"new": lambda number: f"answer {number}", "old": lambda number: f"other {number}"}
    path = report(tmp_path, texts, lambda _, number: 0.5 if number % 2 else 1.0)
    by_kind = Counter()
    for row in unsure_to_label(read_report(path), 30):
        by_kind[list(CASES).index(row.case_id) % 2, round(row.probability, 6)] += 1
    (sure,) = {chance for kind, chance in by_kind if kind == 0}
    (unsure,) = {chance for kind, chance in by_kind if kind == 1}
    assert unsure > sure >= 15 / 80


def test_judges_who_disagree_raise_it_too(tmp_path):
    texts = {"new": lambda number: f"answer {number}", "old": lambda number: f"other {number}"}
    path = report(tmp_path, texts)
    value = json.loads(path.read_text())
    for row in value["results"]:
        apart = 0.4 if row["case"] % 2 else 0.0
        row["votes"] = {"correctness": {"a": 0.5 - apart, "b": 0.5 + apart}}
    path.write_text(json.dumps(value))
    chance = {list(CASES).index(row.case_id) % 2: row.probability
              for row in unsure_to_label(read_report(path), 30)}  # fmt: skip
    assert chance[1] > chance[0]


def test_of_one_model_it_is_the_plain_draw(tmp_path):
    found = read_report(report(tmp_path, {"new": str}))
    assert unsure_to_label(found, 20) == next_to_label(found, (), 20)


def test_equal_chances_say_of_labels_what_none_say():
    rng = np.random.default_rng(1)
    judge, contracts = rng.random(200).tolist(), [f"k{at % 20}" for at in range(200)]
    people = [score if at < 60 else None for at, score in enumerate(rng.random(200).tolist())]
    plain = prediction_powered_mean(judge, people, contracts)
    equal = prediction_powered_mean(judge, people, contracts, chances=[0.3] * 200)
    assert equal.labels.n == plain.labels.n == 60
    for end in ("mean", "low", "high"):
        assert getattr(equal.labels, end) == pytest.approx(getattr(plain.labels, end))
        assert getattr(equal.estimate, end) == pytest.approx(getattr(plain.estimate, end), abs=0.05)


def test_with_every_case_labelled_chances_of_one_change_nothing():
    people = [float(at % 3 == 0) for at in range(90)]
    contracts = [f"k{at % 9}" for at in range(90)]
    one = prediction_powered_mean(people, people, contracts)
    other = prediction_powered_mean(people, people, contracts, chances=[1.0] * 90)
    assert other.estimate.mean == pytest.approx(one.estimate.mean)


@pytest.mark.parametrize("chance", [[0.5] * 3, [0.5, 0.0, 0.5, 0.5]])
def test_a_label_without_a_chance_is_an_error(chance):
    with pytest.raises(ValueError, match="chance"):
        prediction_powered_mean([0, 1, 0, 1], [0, 1, None, None], list("abcd"), chances=chance)


def test_intervals_hold_where_chances_favour_what_the_judge_gets_wrong():
    """Without the chances the same labels would mislead."""
    held, naive = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        contracts = [f"k{at // 10}" for at in range(600)]
        hard = rng.random(600) < 0.3
        truth = np.where(hard, rng.random(600) < 0.2, rng.random(600) < 0.9).astype(float)
        judge = np.where(hard, 0.5, 0.9)
        places = rng.permutation(600).tolist()
        once = draw(np.where(hard, 1.0, 0.1).tolist(), places, 120)
        chance, seen = once.chances, {*once.drawn}
        people = [score if at in seen else None for at, score in enumerate(truth.tolist())]
        found = prediction_powered_mean(judge.tolist(), people, contracts, chances=chance).estimate
        held.append(found.low <= 0.69 <= found.high)
        alone = prediction_powered_mean(judge.tolist(), people, contracts, tuning=0.0).estimate
        naive.append(alone.low <= 0.69 <= alone.high)
    assert np.mean(held) >= 0.88 and np.mean(naive) < 0.3


@given(st.integers(0, 10**6))
def test_where_models_differ_nowhere_else_the_difference_needs_no_other_label(seed):
    rng = np.random.default_rng(seed)
    same = (rng.random(80) < 0.6).tolist()
    assume(sum(not alike for alike in same) > 8)
    judge = [0.0 if alike else float(rng.normal()) / 4 for alike in same]
    people = [None if alike else min(max(each, -1), 1)
              for alike, each in zip(same, judge, strict=True)]  # fmt: skip
    contracts = [f"k{at // 8}" for at in range(80)]
    chance = [0.1 if alike else 1.0 for alike in same]
    one = prediction_powered_difference(judge, people, same, contracts)
    other = prediction_powered_difference(judge, people, same, contracts, chances=chance)
    assert other.estimate.mean == pytest.approx(one.estimate.mean)


def test_the_section_counts_labels_by_their_chances():
    """Of labels of which some were drawn so, those without a chance count for nothing."""
    half = [dataclasses.replace(label, probability=0.5, drawn=UNSURE) for label in BOTH[:200]]
    some = labels_section([*NEW, *OLD], half, (), ASKED, (CHAMPION,), {})
    more = labels_section([*NEW, *OLD], [*half, *BOTH[200:]], (), ASKED, (CHAMPION,), {})
    assert [each.line for each in some.findings] == [each.line for each in more.findings]
    assert f"{len(half)} labels alone" in some.of("new", "correctness").reason
    assert len(DRAWN.contracts) == some.of("new", "correctness").estimate.n


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"drawn": "unsure"}, "counts with `probability` alone"),
        ({"probability": 0}, "`probability` 0"),
        ({"probability": 1.5}, "`probability` 1.5"),
        ({"probability": "often"}, "`probability` 'often'"),
    ],
)
def test_a_row_whose_chance_is_none_is_refused(tmp_path, cells, says):
    found = read_report(two(tmp_path))
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"case_id": next(iter(CASES)), "score": 1, **cells}) + "\n")
    with pytest.raises(UserError) as caught:
        read_labels(path, _cases(found))
    assert says in str(caught.value) and "row 1" in str(caught.value)


def test_a_chance_is_read_from_both_forms(tmp_path):
    found, name = read_report(two(tmp_path)), next(iter(CASES))
    for suffix, text in (
        ("csv", f"case_id,score,drawn,probability\n{name},1,unsure,0.25\n"),
        ("jsonl", json.dumps({"case_id": name, "score": 1, "drawn": UNSURE, "probability": 0.25})),
    ):
        path = tmp_path / f"labels.{suffix}"
        path.write_text(text)
        assert read_labels(path, _cases(found)) == (Label(name, 1.0, "", "", UNSURE, 0.25),)
