"""Drift is decided by ranks that are uniform, and a detector whose false alarms are bounded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score

from fixtures.served import Served
from models.egress import Sent
from reports.drift.detector import DIRECT, EXAMINED, YEAR, blocks_of, decide
from reports.drift.effects import effect
from reports.drift.inputs import input_features
from reports.drift.log import Period, read_log
from reports.drift.means import with_means
from reports.drift.reference import Reference
from reports.drift.signals import MEANS, SIGNALS, Features
from reports.drift.units import DRAWN, Draw, Unit
from reports.statistics.edetector import step, threshold
from reports.statistics.exchange import drawn_blocks, ranks
from reports.statistics.shifts import (
    RIDGE,
    auc,
    binned,
    classifier_scores,
    gaussian_kernel,
    mean_shift,
    mmd,
    named,
    psi,
)


def detect(p_values):
    looks = []
    for p in p_values:
        looks.append(step(looks[-1] if looks else None, p))
    return looks


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_drawn_block_is_as_large_as_the_one_that_was_seen():
    blocks = drawn_blocks(30, 7, 50, random())
    assert blocks.shape == (51, 30)
    assert (blocks.sum(axis=1) == 7).all()
    assert blocks[0, -7:].all()
    assert blocks[1:].mean(axis=0).max() < 1
    with pytest.raises(ValueError, match="nothing"):
        drawn_blocks(5, 5, 9, random())


def test_the_rank_of_one_of_many_alike_is_uniform_and_of_ties_it_is_the_largest():
    p_values = [ranks(random(seed).normal(size=100))[0] for seed in range(2000)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    assert ranks(np.zeros(10)).tolist() == [1.0] * 10
    assert ranks(np.array([2.0, 1.0, 2.0 + 1e-12, 0.0])).tolist() == [0.5, 0.75, 0.5, 1.0]


def test_what_a_classifier_says_of_a_unit_is_said_without_it():
    vectors, block = random().normal(size=(12, 3)), drawn_blocks(12, 5, 1, random())
    centred = vectors - vectors.mean(axis=0)
    scale = np.square(centred).sum() / 12
    labels = block[0] - block[0].mean()
    for left_out in range(12):
        rest = np.arange(12) != left_out
        own = centred[rest]
        weights = np.linalg.solve(own.T @ own + RIDGE * scale * np.eye(3), own.T @ labels[rest])
        found = classifier_scores(vectors, block)[0, left_out]
        assert found == pytest.approx(centred[left_out] @ weights)


def test_auc_is_that_of_scikit_learn():
    blocks, scores = drawn_blocks(40, 9, 5, random()), random(1).normal(size=(6, 40))
    expected = [roc_auc_score(block, score) for block, score in zip(blocks, scores, strict=True)]
    assert auc(scores, blocks) == pytest.approx(expected)
    apart = np.r_[random().normal(size=(30, 5)), random(1).normal(size=(10, 5)) + 3]
    found = auc(classifier_scores(apart, blocks), blocks)[0]
    fitted = RidgeClassifier().fit(apart, blocks[0]).decision_function(apart)
    assert 0.9 < found <= roc_auc_score(blocks[0], fitted) + 0.05


def test_mmd_is_the_mean_over_pairs():
    vectors, blocks = random().normal(size=(12, 3)), drawn_blocks(12, 5, 3, random())
    kernel = gaussian_kernel(vectors)
    for block, found in zip(blocks, mmd(kernel, blocks), strict=True):
        one, other = np.flatnonzero(block), np.flatnonzero(1 - block)

        def within(units):
            return np.mean([kernel[a, b] for a in units for b in units if a != b])

        across = np.mean([kernel[a, b] for a in one for b in other])
        assert found == pytest.approx(within(one) + within(other) - 2 * across)


def test_what_is_missing_counts_nowhere():
    half = np.r_[np.zeros(5), np.ones(5)][np.newaxis]
    numbers = np.r_[[1.0, np.nan, 1, 1, np.nan], [0.0, 0, np.nan, 0, 0]]
    assert mean_shift(numbers, half).tolist() == [1.0]
    assert binned(numbers).sum() == 7
    assert mean_shift(np.full(10, np.nan), half).tolist() == [0.0]
    assert psi(binned(np.full(10, np.nan)), half).tolist() == [0.0]
    assert psi(named(["a", "b", "", "a", "b"] + [""] * 5), half).tolist() == [0.0]
    assert psi(named(["a"] * 5 + ["b"] * 5), half)[0] > psi(named(["a", "b"] * 5), half)[0]


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_the_sum_is_that_of_the_martingales_that_begin_at_each_look(p_values):
    found = detect(p_values)[-1].evidence
    expected = np.mean(
        [
            sum(
                np.prod([power * p ** (power - 1) for p in p_values[start:]])
                for start in range(len(p_values))
            )
            for power in (0.1, 0.3, 0.5, 0.7)
        ]
    )
    assert found == pytest.approx(expected)


def test_of_uniform_p_values_a_year_has_an_alarm_in_less_than_half_of_all_services():
    """The bound is T / (2 * 365), and is reached by nobody: a sum jumps over its threshold."""
    generator = random(5)
    for detectors in (1, 4):
        bar = threshold(YEAR, detectors)
        first = [
            min(
                next((n for n, look in enumerate(found, 1) if look.evidence >= bar), 10**6)
                for found in (detect(1 - generator.random(365)) for _ in range(detectors))
            )
            for _ in range(120 // detectors)
        ]
        for looks in (30, 365):
            alarms = sum(each <= looks for each in first)
            most = stats.binom.ppf(0.999, len(first), looks / (2 * YEAR))
            assert alarms <= most
    with pytest.raises(ValueError, match="p-value"):
        detect([0.0])


def test_a_change_is_dated():
    looks = detect([0.6, 0.9, 0.3, 0.7, 0.002, 0.004, 0.001])
    assert looks[-1].since == 4


def test_days_are_put_together_until_there_are_enough_contracts():
    days = ["1"] * 4 + ["2"] * 9 + ["3"] * 10 + ["5"] * 3
    assert [(b.first, b.last, b.start, b.end) for b in blocks_of(days, 30)] == [
        ("1", "2", 30, 43),
        ("3", "3", 43, 53),
    ]
    assert blocks_of([], 30) == ()


def service(seed: int, days: int, shift: float) -> Features:
    """Twenty contracts a day after an exam of 60, of which from the fourth day on some differ."""
    generator, units = random(seed), 60 + 20 * days
    changed = np.arange(units) >= 60 + 60
    return Features(
        {},
        {
            "passage_length": generator.normal(size=units),
            "abstention": 1.0 * (generator.random(units) < 0.7 - shift * changed),
            "grounding": np.where(generator.random(units) < 0.5, np.nan, 1.0),
        },
        {"category": [str(each) for each in generator.integers(0, 9, units)]},
    )


def decided(seed: int, days: int, shift: float):
    features = service(seed, days, shift)
    names = [f"{day:02}" for day in range(days) for _ in range(20)]
    return decide(features, blocks_of(names, 60), 60, seed)


def test_what_changed_is_found_and_named_and_what_did_not_is_not():
    found = [decided(seed, 10, 0.5) for seed in range(10)]
    alarms = [each for each in found if each.alarms]
    assert len(alarms) >= 8
    assert {each.alarms[0].signal.name for each in alarms} == {"abstention"}
    assert all(each.blocks[-1].first >= "03" for each in alarms)
    assert all(each.alarms[0].since >= "01" for each in alarms)
    assert not any(each.alarms for each in (decided(seed, 20, 0.0) for seed in range(20)))


def test_the_same_log_has_the_same_decision():
    assert decided(3, 6, 0.5).signals[0].looks == decided(3, 6, 0.5).signals[0].looks


def test_every_signal_has_a_name_of_its_own():
    assert len({each.name for each in SIGNALS}) == len(SIGNALS)


REQUESTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), min_size=1, max_size=25, unique=True
)


@given(REQUESTS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_different_questions_are_drawn_whatever_the_order_of_the_requests(requests, shuffle):
    def drawn(order):
        draw = Draw("exam")
        for question, number in order:
            draw.add(Unit("Lease", "", f"{question}{number}", question, "", (), "", ""))
            assert len(draw._drawn) <= DRAWN
        return draw.unit

    unit = drawn(requests)
    assert drawn(shuffle.sample(requests, len(requests))) == unit
    different = {question for question, _ in requests}
    drawn_too = {unit.question, *(each.question for each in unit.further)}
    assert drawn_too <= different
    assert len(drawn_too) == len(unit.further) + 1 == min(DRAWN, len(different))


def test_the_draw_prefers_no_question():
    firsts = []
    for contract in range(2000):
        draw = Draw("exam")
        for question in "abcd":
            draw.add(Unit(f"c{contract}", "", question, question, "", (), "", ""))
        firsts.append(draw.unit.question)
    assert stats.chisquare([firsts.count(each) for each in "abcd"]).pvalue > 0.001


def test_means_are_compared_where_there_are_as_many_questions():
    one = Features({"question": np.eye(3)}, {"errors": np.array([0.0, 1, np.nan])}, {})
    two = Features({"question": np.eye(3)[[1, 0]]}, {"errors": np.array([1.0, np.nan])}, {})
    last = Features({"question": np.eye(3)[:1]}, {"errors": np.array([1.0])}, {})
    found = with_means([(one, [0, 1, 2]), (two, [0, 2]), (last, [0]), (last, [0])])
    assert found.numbers["errors_of_two"].tolist()[0] == 0.5
    assert np.isnan(found.numbers["errors_of_two"]).tolist() == [False, True, True]
    assert found.vectors["question_of_two"][0] == pytest.approx([0.5**0.5, 0.5**0.5, 0])
    assert found.has("question_of_two").tolist() == [True, False, True]
    assert found.numbers["errors_of_four"].tolist()[0] == 0.75
    assert found.vectors["question_of_four"][0] == pytest.approx(np.array([3, 1, 0]) / 10**0.5)
    assert found.has("question_of_four").tolist() == [True, False, False]
    assert found.numbers["errors"] is one.numbers["errors"]
    assert {*with_means([(one, [0, 1, 2]), (two, [0, 2])]).numbers} == {"errors", "errors_of_two"}


def asked(seed: int, days: int, shift: float, since: int, questions: int = 2) -> Features:
    """Of `service`, where contracts are asked further questions from some unit on."""
    first = service(seed, days, shift)
    units = len(first.numbers["abstention"])
    places = [*range(60), *range(since, units)]
    further = (service(1000 * more + seed, days, shift) for more in range(1, questions))
    return with_means(
        [(first, range(units)), *((each.of(np.array(places)), places) for each in further)]
    )


def test_what_later_units_have_moves_no_look_and_takes_no_alarm_back():
    for seed in range(6):
        names = [f"{day:02}" for day in range(10) for _ in range(20)]
        blocks = blocks_of(names, 60)
        never = decide(asked(seed, 10, 0.5, 10**6), blocks, 60, seed)
        later = decide(asked(seed, 10, 0.5, never.blocks[-1].end), blocks, 60, seed)
        assert later.blocks == never.blocks
        assert later.threshold == never.threshold
        known = {each.signal.name: each for each in later.signals}
        for each in never.signals:
            assert known[each.signal.name].looks == each.looks


def test_a_shift_of_answers_is_found_sooner_the_more_contracts_are_asked():
    def looks(questions):
        names = [f"{day:02}" for day in range(12) for _ in range(20)]
        decisions = [
            decide(asked(seed, 12, 0.4, 60, questions), blocks_of(names, 60), 60, seed)
            for seed in range(12)
        ]
        return np.mean([len(each.blocks) if each.alarms else 13 for each in decisions])

    assert looks(4) < looks(2) < looks(1)


def test_a_signal_of_which_the_exam_has_nothing_says_nothing():
    features = service(1, 3, 0.0)
    values = np.r_[np.full(60, np.nan), features.numbers["passage_length"][60:]]
    alone = Features({}, {f"passage_length{MEANS[2]}": values}, {})
    decision = decide(alone, blocks_of(["0"] * 20 + ["1"] * 40, 60), 60, 1)
    (found,) = decision.signals
    assert found.looks[0].p == 1.0
    unit = Unit("c", "", "r", "", "", (), "", "")
    shown = effect(found.signal, alone, 60, [unit] * 120, ())
    assert shown.examples == ()


def unlike(seed: int, contracts: int, shift: float) -> tuple[Features, list[str]]:
    """An exam of 60, and service of eight days that was never quite like it."""
    generator, units = random(seed), 60 + 8 * contracts
    lengths = generator.normal(size=units) + shift * (np.arange(units) >= 60)
    days = [f"{day:02}" for day in range(8) for _ in range(contracts)]
    return Features({}, {"passage_length": lengths}, {}), days


def test_service_that_was_never_like_its_exam_is_found_by_the_exam_alone():
    """Its own days are soon most of what a day is compared with, and are like it."""
    by_exam = by_looks = 0
    for seed in range(20):
        features, days = unlike(seed, 15, 1.2)
        found = decide(features, blocks_of(days, 60), 60, seed)
        by_exam += bool(found.direct[-1].alarms)
        by_looks += any(each.looks[-1].evidence >= found.threshold for each in found.signals)
        assert all(each.since == "" or each.since <= found.direct[-1].last for each in found.alarms)
    assert (by_exam >= 16, by_looks <= 4) == (True, True)


def test_the_exam_alone_seldom_alarms_where_nothing_drifts():
    services = 300
    alarms = 0
    for seed in range(services):
        features, days = unlike(seed, 12, 0.0)
        found = decide(features, blocks_of(days, 60), 60, seed)
        alarms += any(each.alarms for each in found.direct)
    assert alarms <= stats.binom.ppf(0.999, services, DIRECT)


def test_what_comes_since_the_last_time_is_compared_with_the_exam_and_bars_add_up():
    features, days = unlike(0, 12, 0.0)
    found = decide(features, blocks_of(days, 60), 60, 0)
    windows = [(each.first, each.last, each.contracts) for each in found.direct]
    assert windows == [("00", "00", 12), ("01", "01", 12), ("02", "03", 24), ("04", "07", 48)]
    bars = [each.bar for each in found.direct]
    assert bars == pytest.approx([DIRECT / (j * (j + 1)) for j in (1, 2, 3, 4)])


def test_of_one_value_nothing_is_said_to_be_unlike_the_exam():
    values = np.r_[np.zeros(60), 1e9, np.full(11, np.nan)]
    alone = Features({}, {f"passage_length{MEANS[2]}": values}, {})
    found = decide(alone, blocks_of(["1"] * 12, 60), 60, 0)
    assert (found.direct[0].p_values, found.alarms) == ({f"passage_length{MEANS[2]}": 1.0}, ())


def test_the_order_of_a_day_says_nothing_of_what_its_contracts_are():
    """Titles name the kind, and a comparison with the exam alone is of the last 200 of a day."""
    kinds = ("Affiliate", "License", "Supply", "Transport")
    row = Served("", 0.0, "Who?", "", (), "Acme", "dpo")
    for seed in range(8):
        generator = random(seed)
        titles = [
            f"{kinds[each]} Agreement {n:03}"
            for n, each in enumerate(generator.integers(0, 4, 400))
        ]
        rows = [replace(row, id=title, time=86_400.0, contract=title) for title in titles]
        reference = Reference("dpo", "", f"exam {seed}", Path(), (), frozenset(), frozenset(),
                              frozenset(), Sent("sample", ""))  # fmt: skip
        log = read_log([rows], reference, Period("", "", "2026-01-01"))
        assert sorted(each.contract for each in log.units) == sorted(titles)
        exam = generator.integers(0, 4, 100)
        served = [kinds.index(each.contract.split()[0]) for each in log.units]
        lengths = np.r_[exam, served] + generator.normal(size=500)
        features = Features({}, {"passage_length": lengths}, {})
        found = decide(features, blocks_of(["1"] * 400, 100), 100, seed)
        assert (found.alarms, found.direct[0].contracts) == ((), 200)


def test_the_exam_alone_can_alarm_however_low_its_bar(monkeypatch):
    monkeypatch.setattr("reports.drift.detector.DIRECT", 1e-5)
    features, days = unlike(0, 12, 3.0)
    (found,) = decide(features, blocks_of(days[:12], 60), 60, 0).direct
    assert found.alarms == {"passage_length"}
    assert found.p_values["passage_length"] <= found.bar == 1e-5 / 2


def test_what_is_said_of_an_alarm_is_of_the_contracts_that_were_compared():
    """Of four days the last two hundred contracts, of which the first three days have none."""
    units = 60 + 4 * 200
    changed = np.arange(units) >= 60 + 3 * 200
    lengths = random(1).normal(size=units) + 1.5 * changed
    days = [str(day) for day in range(4) for _ in range(200)]
    found = decide(Features({}, {"passage_length": lengths}, {}), blocks_of(days, 60), 60, 1)
    last = found.direct[-1]
    assert (last.first, last.last, last.contracts, len(found.direct)) == ("3", "3", 200, 3)
    (alarm,) = found.alarms
    assert (alarm.since, alarm.within) == ("3", range(units - 200, units))


def test_large_days_and_exams_are_compared_by_draws_and_err_no_more():
    p_values, alarms = [], 0
    for seed in range(40):
        lengths = random(seed).normal(size=900 + 2 * 600)
        features = Features({}, {"passage_length": lengths}, {})
        found = decide(features, blocks_of(["1"] * 600 + ["2"] * 600, 900), 900, seed)
        assert len(found.examined) == EXAMINED
        p_values += [each.p for each in found.signals[0].looks]
        alarms += bool(found.alarms)
    assert alarms <= stats.binom.ppf(0.999, 40, DIRECT)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_what_some_units_have_moves_no_other_signal():
    features = service(2, 6, 0.0)
    days = blocks_of([f"{day}" for day in range(6) for _ in range(20)], 60)

    def looks(judge):
        numbers = {**features.numbers, **({} if judge is None else {"judge": judge})}
        found = decide(Features({}, numbers, features.names), days, 60, 2)
        return {
            each.signal.name: each.looks for each in found.signals if each.signal.name != "judge"
        }

    scores = random(9).random(180)
    fewer = np.where(np.arange(180) % 7 == 3, np.nan, scores)
    assert looks(None) == looks(scores) == looks(fewer)


def test_of_one_contract_a_classifier_has_no_interval():
    vectors = np.full((90, 3), np.nan)
    vectors[:60], vectors[75] = random(1).normal(size=(60, 3)), 1.0
    features = Features({f"question{MEANS[4]}": vectors}, {}, {})
    decision = decide(features, blocks_of(["1"] * 30, 60), 60, 1)
    unit = Unit("c", "", "r", "", "", (), "", "")
    for each in decision.signals:
        shown = effect(each.signal, features, 60, [unit] * 90, ()).auc
        assert (shown.low, shown.high, each.looks[0].p) == (None, None, 1.0)


def test_requests_without_passages_are_not_unlike_those_that_have_some():
    def embed(texts):
        return random(len(texts)).normal(size=(len(texts), 4)).astype(np.float32)

    unit = Unit("c", "", "r", "Who?", "", ("Text.",), "", "")
    every = [unit, replace(unit, passages=()), unit]
    found = input_features(every, embed, embed)
    assert found.has("passages").tolist() == [True, False, True]
    of_two = with_means([(found, [0, 1, 2]), (found, [0, 1, 2])])
    assert of_two.has(f"passages{MEANS[2]}").tolist() == [True, False, True]
    assert np.linalg.norm(of_two.vectors[f"passages{MEANS[2]}"][0]) == pytest.approx(1)
