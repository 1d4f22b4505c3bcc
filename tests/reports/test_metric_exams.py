"""Embedded metrics other than correctness take exams of their own before they gate."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.gate import Gate, JudgeRules, MetricGate
from evals.judges.derivable import read_derivable
from evals.judges.embedded.selfcheck import SelfCheck
from evals.judges.embedded.sufficiency import RetrievalJudge
from evals.judges.judge import Panel
from evals.judges.metric_exam import MATERIALS, metric_exams
from evals.results import Score
from reports.sections.metric_exams import metric_section, misstated, unexamined
from reports.verdict.bars import Bars


@dataclass(frozen=True)
class Scripted:
    """Scores by a function of what is asked."""

    rule: object
    metric: str = "claim_support"
    name: str = "scripted"
    asks_model: bool = False
    identity: str = "1"

    async def judge(self, submission, calls):
        return Score(self.rule(submission))

    async def close(self):
        pass


def taken(tmp_path, *exams):
    async def take():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), Budget(calls=0))
            panel = Panel([], calls, journal, Lookups(store, "scores"))
            await asyncio.gather(*(exam.take(panel) for exam in exams))
        store.close()

    asyncio.run(take())
    return exams


def gating(*metrics):
    return Gate(metrics={name: MetricGate(role="guard", floor=0.1) for name in metrics})


def truth(exam):
    """What a metric would say that knows."""
    known = {(each.case.id, each.answer.text): float(not each.made_up) for each in exam.statements}
    return lambda submission: known[submission.case.id, submission.answer.text]


def claim_support(tmp_path, rule=None):
    """The section of an exam in claim_support by a function of the submission, or by the truth."""
    (exam,) = metric_exams(["claim_support"], ())
    exam.judge = Scripted(rule or truth(exam))
    return metric_section(taken(tmp_path, exam), gating("claim_support"))


def test_nobody_is_examined_who_does_not_gate():
    assert metric_exams({"token_f1", "correctness"}, ()) == []


def test_whoever_knows_passes_and_may_gate(tmp_path):
    section = claim_support(tmp_path)
    assert {f.measure: f.outcome for f in section.findings} == dict.fromkeys(
        MATERIALS["claim_support"], "PASS"
    )
    assert all(f.estimate.mean == 1 for f in section.findings)
    assert unexamined(gating("claim_support"), section) == {}


@pytest.mark.parametrize("rule", [lambda s: 0.7, lambda s: float(len(s.answer.text) % 2)])
def test_whoever_does_not_look_does_not_pass(tmp_path, rule):
    section, gate = claim_support(tmp_path, rule), gating("claim_support", "token_f1")
    assert "PASS" not in {f.outcome for f in section.findings}
    (line,) = unexamined(gate, section).values()
    assert line.startswith(
        "claim_support is reported and cannot pass: it did not pass its own exam (planted "
    )
    assert Bars(unexamined(gate, section)).of("claim_support", "x")[0] == "INCONCLUSIVE"


def test_a_metric_that_scores_nothing_has_shown_nothing(tmp_path):
    section = claim_support(tmp_path, lambda submission: None)
    assert {f.outcome for f in section.findings} == {"INCONCLUSIVE"}
    assert all("have nothing to score" in f.reason for f in section.findings)


def test_quotations_whole_altered_and_absent_are_told_apart(tmp_path):
    (exam,) = taken(tmp_path, *metric_exams(["grounded_quote"], ()))
    kinds = Counter(each.kind for each in exam.statements)
    assert min(kinds[kind] for kind in ("whole", "altered", "absent")) >= 40
    gate = gating("grounded_quote")
    section = metric_section([exam], gate)
    finding = section.of("grounded_quote", "quotations")
    assert finding.outcome == "PASS" and finding.estimate.mean > 0.95
    assert "altered" in finding.reason and "absent" in finding.reason
    assert unexamined(gate, section) == {}


def test_words_alone_do_not_tell_invention_from_truth(tmp_path):
    """SelfCheckGPT by words is blind to parties and negations, and may not gate."""
    judges = [SelfCheck("selfcheck_ngram")]
    exams = taken(tmp_path, *metric_exams(["selfcheck_ngram"], judges))
    finding = metric_section(exams, gating("selfcheck_ngram")).of("selfcheck_ngram", "planted")
    assert finding.outcome == "FAIL", "lower is better, and its own direction counts"
    assert finding.estimate.mean > 0.1


def test_skipped_or_taken_away_it_may_not_gate():
    gate = gating("claim_support", "grounded_quote")
    assert set(unexamined(gate, None)) == {"claim_support", "grounded_quote"}
    assert "--judge-exam skip" in unexamined(gate, None, skipped=True)["grounded_quote"]
    nothing_asked = gate.model_copy(update={"judge": JudgeRules(separation=None)})
    assert unexamined(nothing_asked, None) == {}


def test_numbers_that_do_not_pass_are_found(tmp_path):
    section = claim_support(tmp_path, lambda submission: 0.7)
    assert misstated(section, 0.5) is None is misstated(None, 0.5)
    forged = replace(
        section, findings=tuple(replace(each, outcome="PASS") for each in section.findings)
    )
    assert misstated(forged, 0.5) == "claim_support does not pass its exam in planted by the " + (
        "numbers it gives"
    )


def test_true_and_false_statements_of_a_fact_stand_beside_each_other():
    (exam,) = metric_exams(["claim_support"], ())
    facts = {}
    for each in exam.statements:
        facts.setdefault((each.material, each.contract, each.fact), set()).add(each.made_up)
    whole = [sides for sides in facts.values() if len(sides) == 2]
    assert len(whole) >= 0.9 * len(facts)
    assert {each.material for each in exam.statements} == {"planted", "own words"}
    assert len(exam.statements) < 500, "a gate that asks for it waits for it"
    again = metric_exams(["claim_support"], ())[0].statements
    assert [each.answer for each in again] == [each.answer for each in exam.statements]


def test_every_judge_of_passages_takes_the_exam_in_them(tmp_path):
    labels = {(each.case.id, each.shown): float(each.derivable) for each in read_derivable()}

    def knows(submission):
        return labels[submission.case.id, submission.answer.passages]

    judges = [
        Scripted(knows, "sufficiency", "knows"),
        Scripted(lambda submission: 0.9, "sufficiency", "generous"),
    ]
    gate = gating("sufficiency")
    section = metric_section(taken(tmp_path, *metric_exams(["sufficiency"], judges)), gate)
    found = {each.measure: each.outcome for each in section.findings}
    assert found == {"passages (knows)": "PASS", "passages (generous)": "FAIL"}
    assert "passages (generous)" in unexamined(gate, section)["sufficiency"]
    alone = replace(section, findings=section.findings[:1])
    assert unexamined(gate, alone) == {}
    assert "no exam" in unexamined(gate, None)["sufficiency"]


def test_the_reference_judge_of_passages_may_gate(tmp_path):
    gate = gating("sufficiency")
    section = metric_section(
        taken(tmp_path, *metric_exams(["sufficiency"], [RetrievalJudge()])), gate
    )
    assert unexamined(gate, section) == {}, section.findings
