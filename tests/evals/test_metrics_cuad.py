"""CUAD's own score agrees with a slow account of the official script, and mends its quirks."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score

from evals.metrics.cuad import (
    Point,
    Prediction,
    aupr,
    curve,
    of_category,
    one_best,
    operating_point,
    precision_at_recall,
)

TEXTS = st.lists(st.sampled_from(["a", "b", "C", "d/e", "x.", "", "\n", ";"]), max_size=4).map(
    " ".join
)

PROBABILITIES = st.sampled_from([0.0, 1e-5, 0.001, 0.01, 0.5, 0.7, 0.99, 1.0]) | st.floats(0, 1)
CATEGORIES = st.sampled_from(["Parties", "Insurance", "Expiration Date"])

QUESTIONS = st.tuples(
    CATEGORIES,
    st.lists(TEXTS.filter(bool), max_size=3),
    st.lists(st.tuples(TEXTS, PROBABILITIES), max_size=6),
)


def predictions_of(questions):
    return tuple(
        Prediction(f"Acme {number}__{category}", category, tuple(golds), tuple(nbest))
        for number, (category, golds, nbest) in enumerate(questions)
    )


PREDICTIONS = st.lists(QUESTIONS, min_size=1, max_size=5).map(predictions_of)


def one(golds, nbest, category="Term"):
    return (Prediction(f"Acme__{category}", category, tuple(golds), tuple(nbest)),)


class Script:
    """What the official script does, told slowly: every threshold compares every text anew."""

    def __init__(self, predictions):
        self.questions = predictions
        self.sweep = [float(each) for each in np.arange(0.99, 0, -0.01)] + [0.001, 0.0]
        at = [self.precision_and_recall(threshold) for threshold in self.sweep]
        self.precisions = [1.0] + [precision for precision, _ in at]
        self.recalls = [0.0] + [recall for _, recall in at]
        # Python's max keeps a NaN that comes first and drops one that comes second.
        self.best = list(self.precisions)
        for place in range(len(self.best) - 2, -1, -1):
            self.best[place] = max(self.best[place + 1], self.best[place])

    def precision_and_recall(self, threshold):
        true = false = missed = 0
        for question in self.questions:
            offered = {text: p for text, p in question.nbest if text != ""}
            texts = [text for text, p in offered.items() if p > threshold]
            for gold in question.golds:
                if any(self.alike(gold, text, question.id) for text in texts):
                    true += 1
                else:
                    missed += 1
            for text in texts:
                false += not any(self.alike(gold, text, question.id) for gold in question.golds)
        return (
            true / (true + false) if true + false else math.nan,
            true / (true + missed) if true + missed else math.nan,
        )

    @staticmethod
    def alike(gold, text, name):
        bags = []
        for each in (gold, text):
            kept = "".join(char for char in each if char not in ".,;:")
            bags.append(set(kept.lower().replace("/", " ").split(" ")))
        jaccard = len(bags[0] & bags[1]) / len(bags[0] | bags[1])
        return jaccard >= 0.5 or ("Parties" in name and gold in text)

    def aupr(self):
        area = auc(self.recalls, self.best)
        return 0.0 if math.isnan(area) else area

    def precision_at(self, recall):
        for place in range(len(self.sweep)):  # one short of the points
            if self.recalls[place] >= recall:
                return self.best[place]
        return 0.0


def agree(predictions):
    script, points = Script(predictions), curve(predictions)
    assert [point.threshold for point in points] == script.sweep
    for point, precision, recall in zip(
        points, script.precisions[1:], script.recalls[1:], strict=True
    ):
        for ours, theirs in ((point.precision, precision), (point.recall, recall)):
            assert (ours is None and math.isnan(theirs)) or ours == theirs
    assert aupr(points) == pytest.approx(script.aupr(), abs=1e-12)
    for recall in (0.2, 0.5, 0.8, 0.9):
        assert precision_at_recall(points, recall) == script.precision_at(recall)
    return points


@given(PREDICTIONS)
def test_official_is_the_script(predictions):
    agree(predictions)


def test_official_is_the_script_on_clauses_and_not_only_in_corners():
    rng = random.Random(3)
    words = [f"w{number}" for number in range(40)] + ["the", "of", "and/or", "Buyer;"]
    questions = []
    for _ in range(120):
        golds = [" ".join(rng.choices(words, k=12)) for _ in range(rng.choice([0, 0, 1, 3]))]
        nbest = []
        for _ in range(10):
            text = " ".join(rng.choices(words, k=12))
            if golds and rng.random() < 0.6:
                text = " ".join(word for word in rng.choice(golds).split() if rng.random() < 0.8)
            nbest.append((text, rng.random() ** 3))
        questions.append((rng.choice(["Parties", "Term"]), golds, nbest))
    points = agree(predictions_of(questions))
    assert 0.3 < aupr(points) < 1
    assert 0.1 < precision_at_recall(points, 0.8) < 1


def test_the_last_threshold_of_the_script_never_reaches_a_recall():
    predictions = one(["a b"], [("a b", 0.0005)])
    points = curve(predictions)
    assert points[-1] == Point(0.0, 1.0, 1.0)
    assert precision_at_recall(points, 0.8) == 0.0
    assert aupr(points) == 1.0
    corrected = curve(predictions, "corrected")
    assert precision_at_recall(corrected, 0.8, "corrected") == 1.0


def test_an_unreached_recall_is_zero_officially_and_none_when_corrected():
    predictions = one(["a b", "c d"], [("a b", 0.9)])
    assert precision_at_recall(curve(predictions), 0.8) == 0.0
    assert precision_at_recall(curve(predictions, "corrected"), 0.8, "corrected") is None


def test_one_text_may_find_three_golds_and_copies_of_a_right_text_weigh_as_one():
    predictions = one(["a b c", "a b d", "a b e"], [("a b", 0.9), ("a b.", 0.9), ("x", 0.9)])
    assert operating_point(predictions) == Point(0.0, 3 / 4, 1.0)
    assert operating_point(predictions, "corrected") == Point(0.0, 2 / 3, 1.0)


def test_a_gold_in_several_places_counts_once_when_corrected():
    predictions = one(["a b", "a b", "c d"], [("a b", 0.9)])
    assert operating_point(predictions).recall == 2 / 3
    assert operating_point(predictions, "corrected").recall == 1 / 2


def test_white_space_of_the_gold():
    predictions = one(["Acme\nCorp  of\tOhio"], [("Acme Corp of Ohio", 0.9)])
    assert operating_point(predictions).recall == 0.0
    assert operating_point(predictions, "corrected").recall == 1.0


def test_texts_without_words_match_officially_alone():
    predictions = one(["..."], [(";", 0.9)])
    assert operating_point(predictions).recall == 1.0
    assert operating_point(predictions, "corrected").recall == 0.0


def test_a_repeated_text_has_its_last_or_its_highest_probability():
    predictions = one(["a"], [("a", 0.9), ("a", 0.2)])
    reached = [point.threshold for point in curve(predictions) if point.recall]
    assert max(reached) < 0.2
    assert curve(predictions, "corrected") == (Point(0.9, 1.0, 1.0),)


def test_blank_texts_are_texts_officially_alone():
    predictions = one([], [(" ", 0.9), ("", 0.9)])
    assert operating_point(predictions).precision == 0.0
    assert operating_point(predictions, "corrected").precision is None


def test_the_name_of_a_party_may_stand_within_the_text():
    long = [("This Agreement is made between Acme and the Buyer named below", 0.9)]
    assert operating_point(one(["Acme"], long, "Parties")).recall == 1.0
    assert operating_point(one(["Acme"], long, "Term")).recall == 0.0
    within_title = (Prediction("Parties Inc__Term", "Term", ("Acme",), tuple(long)),)
    assert operating_point(within_title).recall == 1.0
    assert operating_point(within_title, "corrected").recall == 0.0


def test_a_category_whose_name_stands_in_a_title():
    named = Prediction("Best Insurance Co__Term", "Term", (), ())
    meant = Prediction("Acme__Insurance", "Insurance", (), ())
    assert of_category([named, meant], "Insurance") == (named, meant)
    assert of_category([named, meant], "Insurance", "corrected") == (meant,)


def test_nothing_to_find_and_nothing_said():
    for predictions, official, corrected in (
        (one([], []), 0.0, None),
        (one([], [("a", 0.9)]), 0.0, None),
        (one(["a"], []), 0.0, 0.0),
        ((), 0.0, None),
    ):
        assert aupr(curve(predictions)) == official
        assert aupr(curve(predictions, "corrected"), "corrected") == corrected


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_corrected_is_average_precision_where_every_gold_has_one_text(texts):
    predictions = tuple(
        Prediction(f"{number}__Term", "Term", ("gold",), (("gold" if right else "x", p),))
        for number, (right, p) in enumerate(texts)
    )
    rights = [right for right, _ in texts]
    area = aupr(curve(predictions, "corrected"), "corrected")
    if not any(rights):
        assert area == 0.0
        return
    share = sum(rights) / len(texts)
    oracle = average_precision_score(rights, [p for _, p in texts]) * share
    assert area == pytest.approx(oracle, abs=1e-9)


@given(PREDICTIONS, st.randoms(use_true_random=False))
def test_corrected_depends_on_no_order_and_stays_a_share(predictions, rng):
    points = curve(predictions, "corrected")
    shuffled = tuple(
        Prediction(p.id, p.category, p.golds, tuple(rng.sample(p.nbest, len(p.nbest))))
        for p in rng.sample(predictions, len(predictions))
    )
    assert curve(shuffled, "corrected") == points
    area = aupr(points, "corrected")
    assert area is None or 0 <= area <= 1
    recalls = [point.recall for point in points if point.recall is not None]
    assert recalls == sorted(recalls)


def test_one_answer_is_an_n_best_list_of_one():
    assert one_best("The term is two years.") == (("The term is two years.", 1.0),)
    assert one_best("Two years.", math.log(0.25)) == (("Two years.", pytest.approx(0.25)),)
    assert one_best("Two years.", 1e-9) == (("Two years.", 1.0),)
    assert one_best("") == ()
    assert one_best("The contract does not specify a term.") == ()
