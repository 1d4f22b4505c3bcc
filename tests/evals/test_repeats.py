"""Repeats of a model that draws: each kept and asked once, means of scores, both variances."""

import asyncio
import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from evals.repeats import draws, format_draws, merged
from evals.results import Result, Score
from models.chat import Answer, Decoding
from models.echo import EchoChat
from models.prompted import PromptedModel, Template
from reports.listing import listed
from reports.sections.drawing import drawing_section
from reports.statistics.drawing import drawing
from reports.statistics.intervals import cluster_mean
from tests.evals.test_exam import FirstSentence, Whole, cases_of

DRAWN = Decoding(temperature=0.7, seed=0)


class Drawing(FirstSentence):
    """Draws its answers: what it says depends on the seed, and on the case."""

    def __init__(self, decoding=DRAWN, fails=(), asked=None):
        super().__init__(name="drawing", identity=f"drawing-{decoding.identity}")
        self.decoding, self.fails = decoding, fails
        self.asked = [] if asked is None else asked

    def drawn(self, temperature, seed):
        decoding = Decoding(temperature=temperature, seed=seed)
        return Drawing(decoding, self.fails, self.asked)

    async def answer(self, case, passages):
        self.asked.append((case.id, self.decoding.seed))
        if (case.id, self.decoding.seed) in self.fails:
            return Answer("", error="no reply in time", lasting=True)
        right = random.Random(f"{case.id} {self.decoding.seed}").random() < 0.5
        text = passages[0].text.partition(" ")[0] + " 0" if right else "Not found."
        return Answer(text, 5, 5, passages=tuple(passages))


def run_of(tmp_path, model, repeats, **plan):
    store = Store(str(tmp_path / "store.sqlite"))
    exam = Exam(Plan((model,), cases_of(), repeats=repeats, **plan), Whole(), store)
    asyncio.run(exam.execute())
    store.close()
    return exam.run


def test_each_case_is_asked_as_often_under_seeds_of_its_own(tmp_path):
    model = Drawing()
    run = run_of(tmp_path, model, 3)
    assert sorted(model.asked) == sorted((c.id, s) for c in cases_of() for s in range(3))
    assert len(run.results) == 12 and run.done == run.total == 36
    for case, result in zip(cases_of(), run.results, strict=True):
        each = run.repeats("drawing", case)
        assert result.answer == each[0].answer  # the first is shown
        for metric, score in result.scores.items():
            values = [one.scores[metric].value for one in each]
            whole = None not in values  # of a denial there is no quotation, and so on
            assert score.value == (pytest.approx(fmean(values)) if whole else None), metric
        assert result.scores["abstention" if not case.answerable else "token_f1"].value is not None
    assert len({one.answer.text for c in cases_of() for one in run.repeats("drawing", c)}) > 1


def test_more_repeats_ask_the_further_ones_alone(tmp_path):
    model = Drawing()
    run_of(tmp_path, model, 1)
    run_of(tmp_path, model, 2)
    assert len(model.asked) == 24 == len(set(model.asked))
    again = run_of(tmp_path, model, 2)
    assert again.spending.calls == 0 and len(model.asked) == 24
    fewer = run_of(tmp_path, model, 1)
    assert fewer.spending.calls == 0


def test_a_model_that_does_not_draw_is_asked_once_and_nothing_changes(tmp_path):
    once, thrice = (run_of(tmp_path / n, FirstSentence(), int(n)) for n in ("1", "3"))
    assert [(r.answer.text, r.scores) for r in once.results] == [
        (r.answer.text, r.scores) for r in thrice.results
    ]
    assert thrice.spending.calls == 12
    assert not drawing_section(thrice).findings


def test_a_case_of_which_a_repeat_failed_is_lost_as_a_whole(tmp_path):
    run = run_of(tmp_path, Drawing(fails=[("c0q1", 1)]), 3)
    lost = [each for each in run.results if each.answer.error]
    assert [each.case.id for each in lost] == ["c0q1"]
    assert lost[0].answer.error == "no reply in time (repeat 2 of 3)"
    assert lost[0].scores["token_f1"].value is None
    assert run.answered == 35
    assert {each.repeats for each in run.results} == {3}
    assert {each.repeats for each in listed(run.results).results} == {3}


def test_a_limit_leaves_whole_cases(tmp_path):
    run = run_of(tmp_path, Drawing(), 3, max_calls=20)
    assert run.spending.calls == 20
    for each in run.results:
        assert each.answer.error is None or each.answer.error.startswith("not asked: --max-calls")


def test_who_draws():
    echo = PromptedModel(EchoChat("echo"), Template("Answer."))
    assert draws(echo, 3) == (echo,)
    model = Drawing(Decoding(temperature=0.5, seed=None))
    assert [each.decoding.seed for each in draws(model, 3)] == [None, 1, 2]
    assert len({each.identity for each in draws(model, 3)}) == 3
    assert list(format_draws((model, echo), 1200, 1)) == []
    said = list(format_draws((model, echo), 1200, 3))
    assert said[0].startswith("drawing draws its answers: each of 1,200 cases is asked 3 times, ")
    assert said[1] == "echo always says the same (temperature 0): each case is asked once"


scores = st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=6)


@given(scores)
def test_a_mean_needs_every_repeat_and_lies_among_them(values):
    case = cases_of(1, 1)[0]
    each = [Result("m", case, Answer("x"), {"f": Score(v, str(v))}, False, n)
            for n, v in enumerate(values)]  # fmt: skip
    found = merged(each).scores["f"].value
    if None in values:
        assert found is None
    else:
        assert min(values) - 1e-12 <= found <= max(values) + 1e-12


@given(st.floats(0, 1), st.integers(2, 7))
def test_repeats_that_agree_give_the_very_value(value, repeats):
    case = cases_of(1, 1)[0]
    each = [Result("m", case, Answer("x"), {"f": Score(value)}, False, n) for n in range(repeats)]
    assert merged(each).scores["f"].value == pytest.approx(value, abs=1e-15)


def nested(random, contracts, cases, repeats):
    """Means of cases whose scores vary between contracts, between cases and between draws."""
    means, clusters = [], []
    for contract in range(contracts):
        common = random.gauss(0, 0.05)
        for _ in range(cases):
            own = 0.6 + common + random.gauss(0, 0.1)
            means.append(fmean(own + random.gauss(0, 0.3) for _ in range(repeats)))
            clusters.append(str(contract))
    return means, clusters


@pytest.mark.parametrize("repeats", [1, 4])
def test_intervals_of_means_hold_both_variances(repeats):
    """They cover the truth as often as they say, and repeats make them as narrow as they may."""
    draw = random.Random(5)
    found = [cluster_mean(*nested(draw, 30, 5, repeats), alpha=0.05) for _ in range(400)]
    covered = fmean(each.low <= 0.6 <= each.high for each in found)
    assert covered >= 0.87  # of 0.90, less what 400 tries may be off
    spread = pstdev(each.mean for each in found)
    expected = (0.05**2 / 30 + (0.1**2 + 0.3**2 / repeats) / 150) ** 0.5
    assert spread == pytest.approx(expected, rel=0.12)


def test_the_share_that_is_drawing_is_found():
    draw = random.Random(7)
    cases = [draw.gauss(0, 0.1) for _ in range(4000)]
    found = drawing([[case + draw.gauss(0, 0.2) for _ in range(3)] for case in cases])
    assert found.deviation == pytest.approx(0.2, rel=0.05)
    assert found.share == pytest.approx(0.8, abs=0.03)
    assert found.of_mean == pytest.approx(0.04 / 3 / (0.04 / 3 + 0.01), abs=0.04)
    nothing = drawing([[0.5, 0.5], [0.5, 0.5]])
    assert (nothing.deviation, nothing.share) == (0.0, None)


def test_the_section_says_it_of_each_metric(tmp_path):
    section = drawing_section(run_of(tmp_path, Drawing(), 3))
    lines = {finding.measure: finding.line for finding in section.findings}
    assert "token_f1" in lines and "latency" not in lines and "hit@5" not in lines
    assert "from draw to draw (standard deviation)" in lines["token_f1"]
    assert "of that of a mean of 3" in lines["token_f1"]
