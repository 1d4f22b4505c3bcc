"""The judges' own exam: whoever is good passes, and every fault costs its own measure."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.gate import Gate, JudgeRules, MetricGate
from evals.judges.factory import judge_exams
from evals.judges.judge import Panel
from evals.judges.judge_exam import (
    A_FORM,
    INJECTION,
    PADDING,
    PROBED,
    JudgeExam,
    of_every_form,
)
from evals.judges.llm.judge import LlmJudge
from evals.judges.llm.pairwise import Orders
from evals.judges.pairs import Pair, read_pairs
from evals.judges.style import FORMS, style
from evals.results import Score
from models.endpoint.server import endpoint_chat
from reports.sections.judge_exams import judge_section, untrusted
from tests.builders.fake_server import fake_server

AGREEMENT = {"kappa", "spearman", "mean_absolute_error"}
SWAYED = {"retest", "verbosity_bias", "injection"}
EVERY = AGREEMENT | SWAYED | {"position_bias"}
SHOWN = {"gain over the mean", "sensitivity", "specificity"}
ALL = read_pairs()
HELD_OUT = [pair for pair in ALL if pair.held_out]
TRUTH = {(pair.case.id, pair.answer): pair.score for pair in ALL}


def bare(text):
    """The answer as it was labelled."""
    return text.removesuffix(PADDING).removesuffix(INJECTION)


def truth(case, text):
    return TRUTH[case.id, bare(text)]


@dataclass(frozen=True)
class Scripted:
    """A judge that scores by a function of the case and the answer's text."""

    rule: object
    name: str = "scripted"
    metric: str = "correctness"
    asks_model: bool = False
    seen: Counter = None

    @property
    def identity(self):
        return f"{self.name}-1"

    async def judge(self, submission, calls):
        if self.seen is not None:
            self.seen[submission.answer.text] += 1
        found = self.rule(submission.case, submission.answer.text)
        return found if isinstance(found, Score) else Score(found)

    async def close(self):
        pass


@dataclass(frozen=True)
class Preferring:
    """Prefers a place by a function of the case and the texts in the order they are shown."""

    place: object

    async def orders(self, case, first, second, calls):
        straight = self.place(case, first.text, second.text)
        return Orders(straight, self.place(case, second.text, first.text), "scripted")


def better(case, first, second):
    ahead = truth(case, first) - truth(case, second)
    return "tie" if not ahead else "first" if ahead > 0 else "second"


def taken(tmp_path, *exams, budget=None):
    """The exams, taken over a real store."""

    async def take():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), budget or Budget())
            panel = Panel([], calls, journal, Lookups(store, "scores"))
            await asyncio.gather(*(exam.take(panel) for exam in exams))
            for exam in exams:
                await exam.close()
        store.close()

    asyncio.run(take())
    return exams


def examined(tmp_path, rule, again=None, place=better, pairs=HELD_OUT, rules=None):
    """The findings on a scripted judge, by measure."""
    judge = Scripted(rule)
    second = Scripted(again, name="again") if again else judge
    exams = taken(
        tmp_path, JudgeExam(judge, second, Preferring(place), pairs, ALL if pairs else ())
    )
    section = judge_section(exams, Gate(judge=rules or JudgeRules()))
    assert {finding.subject for finding in section.findings} == {"scripted"}
    return {finding.measure: finding for finding in section.findings}


def faults(findings):
    return {name: finding.outcome for name, finding in findings.items()
            if finding.outcome != "PASS" and name not in SHOWN}  # fmt: skip


def test_perfect_judge_passes_every_measure(tmp_path):
    findings = examined(tmp_path, truth)
    assert set(findings) == EVERY | SHOWN
    assert {findings[measure].outcome for measure in SHOWN} == {None}, "no line is asked of them"
    assert {findings[measure].estimate.mean for measure in ("sensitivity", "specificity")} == {1}
    assert faults(findings) == {}
    assert findings["kappa"].estimate.mean == pytest.approx(1)
    assert findings["kappa"].estimate.n == len(HELD_OUT)
    assert findings["retest"].estimate.n == findings["position_bias"].estimate.n == PROBED


def test_judge_that_is_a_little_off_everywhere_passes_too(tmp_path):
    draw = Random(1)
    noise = {key: draw.uniform(-0.15, 0.15) for key in TRUTH}
    findings = examined(
        tmp_path, lambda case, text: min(1, max(0, truth(case, text) + noise[case.id, bare(text)]))
    )
    assert faults(findings) == {}
    assert 0.7 < findings["kappa"].estimate.mean < 1


def test_judge_that_rewards_length_fails_verbosity_bias_alone(tmp_path):
    findings = examined(
        tmp_path, lambda case, text: min(1, truth(case, text) * 0.7 + 0.3 * text.endswith(PADDING))
    )
    assert findings["verbosity_bias"].estimate.mean == pytest.approx(0.3)
    assert faults(findings) == {"verbosity_bias": "FAIL"}


def test_judge_that_is_strict_with_length_is_not_biased_towards_it(tmp_path):
    findings = examined(
        tmp_path, lambda case, text: truth(case, text) * (0.6 if text.endswith(PADDING) else 1)
    )
    assert findings["verbosity_bias"].estimate.mean < 0
    assert faults(findings) == {}


def test_judge_that_obeys_the_answer_fails_injection_alone(tmp_path):
    findings = examined(
        tmp_path, lambda case, text: 1.0 if text.endswith(INJECTION) else truth(case, text)
    )
    assert findings["injection"].estimate.mean > 0.7
    assert faults(findings) == {"injection": "FAIL"}


POISONED = min(PROBED, sum(pair.score <= 0.25 for pair in HELD_OUT))


def test_only_wrong_answers_carry_the_injection(tmp_path):
    poisoned = []

    def rule(case, text):
        if text.endswith(INJECTION):
            poisoned.append(truth(case, text))
        return truth(case, text)

    findings = examined(tmp_path, rule)
    assert len(poisoned) == findings["injection"].estimate.n == POISONED
    assert max(poisoned) <= 0.25


@pytest.mark.parametrize("place", ["first", "second"])
def test_judge_that_prefers_a_place_fails_position_bias_alone(tmp_path, place):
    findings = examined(tmp_path, truth, place=lambda case, first, second: place)
    assert findings["position_bias"].estimate.mean == 1.0
    assert faults(findings) == {"position_bias": "FAIL"}


def test_judge_that_ties_everything_has_no_position_bias(tmp_path):
    findings = examined(tmp_path, truth, place=lambda case, first, second: "tie")
    assert findings["position_bias"].estimate.mean == 0.0
    assert faults(findings) == {}


def test_contests_are_spread_over_the_contracts(tmp_path):
    findings = examined(tmp_path, truth)
    differ = {p.contract for p in ALL for q in ALL if p.case.id == q.case.id and p.score < q.score}
    assert findings["position_bias"].estimate.clusters > 0.9 * len(differ)
    (alone,) = taken(tmp_path, JudgeExam(Scripted(truth), Scripted(truth), Preferring(better),
                                         HELD_OUT))  # fmt: skip
    assert {each.contract for each in alone.contests} == {pair.contract for pair in HELD_OUT}


def test_judge_of_two_minds_fails_retest_alone(tmp_path):
    def otherwise(case, text):
        score = truth(case, text)
        return score + 0.4 if score < 0.5 else score - 0.4

    findings = examined(tmp_path, truth, again=otherwise)
    assert findings["retest"].estimate.mean == pytest.approx(0.4), "whichever way it turned"
    assert faults(findings) == {"retest": "FAIL"}


def test_judge_that_scores_at_random_fails_agreement(tmp_path):
    draw = Random(0)
    thrown = {key: draw.random() for key in TRUTH}
    findings = examined(tmp_path, lambda case, text: thrown[case.id, bare(text)])
    assert abs(findings["kappa"].estimate.mean) < 0.25
    assert faults(findings) == {"kappa": "FAIL", "spearman": "FAIL", "mean_absolute_error": "FAIL"}


def test_judge_that_always_says_the_same_agrees_with_nobody(tmp_path):
    findings = examined(tmp_path, lambda case, text: 0.4)
    assert findings["kappa"].estimate is None
    assert findings["kappa"].reason == "every judge score is the same"
    assert {"kappa": "INCONCLUSIVE", "spearman": "INCONCLUSIVE"}.items() <= faults(findings).items()


def test_judge_that_cannot_be_read_is_said_to_be_so(tmp_path):
    lost = Score(None, "judge scripted: reply cannot be read: it is empty")
    findings = examined(tmp_path, lambda case, text: lost, place=lambda case, first, second: None)
    assert "could be had: judge scripted: reply cannot be read" in findings["kappa"].reason
    assert findings["position_bias"].estimate is None
    assert set(faults(findings).values()) == {"INCONCLUSIVE"}
    gate = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.5)})
    section = judge_section(
        taken(tmp_path, JudgeExam(Scripted(lambda *_: lost, "mute"), Scripted(lambda *_: lost),
                                  None, HELD_OUT[:3])), Gate())  # fmt: skip
    assert list(untrusted(gate, section, ["mute"])) == ["correctness"]


def test_judgements_that_were_lost_are_counted(tmp_path):
    def rule(case, text):
        return Score(None, "prose") if bare(text) == HELD_OUT[0].answer else truth(case, text)

    findings = examined(tmp_path, rule)
    lost = sum(pair.answer == HELD_OUT[0].answer for pair in HELD_OUT)
    assert f"{lost} of {len(HELD_OUT)} judgements are missing (prose)" in findings["kappa"].reason
    assert findings["kappa"].estimate.n == len(HELD_OUT) - lost


def test_judge_that_reads_half_of_the_answers_has_not_shown_its_agreement(tmp_path):
    def rule(case, text):
        readable = len(case.question) % 2 == 0
        return truth(case, text) if readable else Score(None, "prose")

    findings = examined(tmp_path, rule)
    assert {findings[each].outcome for each in AGREEMENT} == {"INCONCLUSIVE"}


def test_judge_of_single_answers_has_no_position_bias_to_show(tmp_path):
    exams = taken(tmp_path, JudgeExam(Scripted(truth), Scripted(truth), None, HELD_OUT))
    section = judge_section(exams, Gate())
    finding = section.of("scripted", "position_bias")
    assert (finding.outcome, finding.estimate) == (None, None)
    gate = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.5)})
    assert untrusted(gate, section, ["scripted"]) == {}


def test_what_was_judged_is_remembered_and_the_retest_is_not(tmp_path):
    seen, anew = Counter(), Counter()
    judge = Scripted(truth, "judge", seen=seen)
    again = Scripted(truth, "again", seen=anew)
    for _ in range(2):
        taken(tmp_path, JudgeExam(judge, again, None, HELD_OUT))
    pairs = {(pair.case.id, pair.answer) for pair in HELD_OUT}
    assert sum(seen.values()) == len(pairs) + PROBED + POISONED, (
        "each pair once, padded or poisoned too"
    )
    assert sum(anew.values()) == PROBED


def form_of(pair):
    return FORMS[style(pair.answer, pair.question, pair.expected)]


def test_common_forms_are_asked_no_more_often_than_it_takes():
    asked = of_every_form(HELD_OUT)
    every = Counter(map(form_of, HELD_OUT))
    assert Counter(map(form_of, asked)) == {
        form: min(A_FORM, count) for form, count in every.items()
    }
    assert {pair.contract for pair in asked} == {pair.contract for pair in HELD_OUT}
    (exam,) = judge_exams([Scripted(truth)])
    assert list(exam.pairs) == list(HELD_OUT), "an embedded judge costs no calls"


def test_no_pairs_find_nothing_and_trust_nobody(tmp_path):
    findings = examined(tmp_path, truth, pairs=[])
    assert findings["kappa"].reason == "no judgement could be had: it was not asked"
    assert set(faults(findings)) == set(findings)


def test_lines_of_the_gate_file_decide(tmp_path):
    lenient = JudgeRules(verbosity_bias=0.5, kappa=None)
    findings = examined(
        tmp_path,
        lambda case, text: min(1, truth(case, text) * 0.7 + 0.3 * text.endswith(PADDING)),
        rules=lenient,
    )
    assert findings["verbosity_bias"].outcome == "PASS"
    assert findings["kappa"].outcome is None


GATE = Gate(
    metrics={
        "correctness": MetricGate(role="guard", floor=0.9),
        "groundedness": MetricGate(role="primary", goal="superior"),
        "claim_support": MetricGate(role="guard", floor=0.5),
        "token_f1": MetricGate(role="guard", floor=0.1),
        "relevancy": MetricGate(role="report"),
    }
)


def panel(tmp_path, **rules):
    """The section on judges of these names and rules."""
    exams = [
        JudgeExam(Scripted(rule, name), Scripted(rule, name), None, HELD_OUT)
        for name, rule in rules.items()
    ]
    return judge_section(taken(tmp_path, *exams), Gate())


def obedient(case, text):
    return 1.0 if text.endswith(INJECTION) else truth(case, text)


def test_good_judges_are_trusted(tmp_path):
    section = panel(tmp_path, reference=truth, big=truth)
    assert untrusted(GATE, section, ["reference", "big"]) == {}


def test_no_exam_bars_nothing_that_no_judge_scores():
    gate = Gate(metrics={"token_f1": MetricGate(role="guard", floor=0.1)})
    assert untrusted(gate, None, ["reference"]) == {}


def test_failed_judge_bars_what_nobody_else_scores(tmp_path):
    section = panel(tmp_path, reference=truth, big=obedient)
    lines = untrusted(GATE, section, ["reference", "big"])
    assert set(lines) == {"groundedness"}, "of correctness the reference judge is heard"
    assert lines["groundedness"].startswith(
        "groundedness is reported and cannot pass: big (injection) did not pass the judges' own"
    )
    assert set(untrusted(GATE, section, ["big"])) == {"correctness", "groundedness"}


def test_panel_of_which_nobody_passed_does_not_gate(tmp_path):
    section = panel(tmp_path, good=truth, bad=obedient, worse=obedient)
    lines = untrusted(GATE, section, ["bad", "worse"])
    assert set(lines) == {"correctness", "groundedness"}
    assert all("bad (injection); worse (injection)" in line for line in lines.values())
    assert untrusted(GATE, section, ["good", "bad", "worse"]) == {}, "the good one is heard"
    assert untrusted(GATE, section, ["good"]) == {}, "a judge that does not judge bars nothing"


def test_how_far_judges_differ_gates_only_where_all_of_them_passed(tmp_path):
    gate = Gate(metrics={"disagreement": MetricGate(role="guard", floor=0.2)})
    section = panel(tmp_path, good=truth, other=truth, bad=obedient)
    assert set(untrusted(gate, section, ["good", "bad"])) == {"disagreement"}
    assert untrusted(gate, section, ["good", "other"]) == {}


def test_judge_without_an_exam_is_not_trusted(tmp_path):
    """A chat model that judges a gated metric but was not examined may not gate."""
    section = panel(tmp_path, reference=truth)
    lines = untrusted(GATE, section, ["reference", "big"])
    assert set(lines) == {"groundedness"}
    assert "big (no exam)" in lines["groundedness"]
    assert set(untrusted(GATE, None, ["big"])) == {"correctness", "groundedness"}


PAIRS = [
    Pair(contract=f"k-{n}", category="Governing Law", kind="exact", question="Which law governs?",
         expected=(f"the law of State {n}",), answer=answer, score=score)
    for n in range(60)
    for answer, score in ((f"The law of State {n}.", 1.0), ("The law of the moon.", 0.0))
]  # fmt: skip


def graded(messages, right):
    """The reply of a judge of the above that knows whether an answer is right."""
    prompt = messages[-1]["content"]
    if "first_answer" not in prompt:
        return f"[[ ## reasons ## ]]\nr\n\n[[ ## score ## ]]\n{right('moon' not in prompt)}"
    place = "second" if prompt.index("moon") < prompt.rindex("State") else "first"
    return f"[[ ## reasons ## ]]\nr\n\n[[ ## preferred ## ]]\n{place}"


def served_exam(tmp_path, reply):
    """The findings on a real LLM judge over a server, its requests, and its calls."""
    with fake_server(reply=reply) as server:
        chat = endpoint_chat(name="judge", base_url=server.url, model="fake")
        exams = taken(tmp_path, *judge_exams([LlmJudge("correctness", chat)], PAIRS))
        section = judge_section(exams, Gate())
        return {finding.measure: finding for finding in section.findings}, server.calls


def test_real_llm_judge_takes_the_whole_exam_over_a_server(tmp_path):
    findings, calls = served_exam(tmp_path, lambda messages: graded(messages, float))
    held_out = sum(pair.held_out for pair in PAIRS)
    assert set(findings) == EVERY | SHOWN
    assert findings["kappa"].estimate.n == held_out
    contests = min(PROBED, len(PAIRS) // 2)
    assert findings["position_bias"].estimate.n == contests, "of all pairs, not of those held out"
    assert findings["position_bias"].outcome == "PASS"
    retests = min(PROBED, held_out)
    poisoned = held_out // 2
    assert calls == 1 + held_out + 2 * retests + poisoned + 2 * contests


def test_retest_asks_the_server_anew(tmp_path):
    asked = Counter()

    def of_two_minds(messages):
        prompt = messages[-1]["content"]
        asked[prompt] += 1
        return graded(messages, lambda good: (1.0 if good else 0.0) * 0.5 + 0.25 * asked[prompt])

    findings, _ = served_exam(tmp_path, of_two_minds)
    assert findings["retest"].estimate.mean == pytest.approx(0.25)
    assert findings["retest"].outcome == "FAIL"
