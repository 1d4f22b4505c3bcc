"""What people would say: their labels and the judges' exam, against what the judges counted."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from evals.gate import Gate, MetricGate
from evals.judges.judge import weighed
from evals.judges.judge_exam import JudgeExam
from evals.labels import Label
from evals.results import Result, Score
from reports.report import Finding, Opponent, Section
from reports.statistics.corrected import Calibration, Corrected, corrected_rate
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.powered_difference import prediction_powered_difference
from reports.statistics.ppi import PredictionPowered, prediction_powered_mean
from reports.verdict.decide import risk
from reports.verdict.pairs import by_model, value

METRIC = "correctness"

NOTE = (
    "What people's scores of some answers (--labels) and the judges' of all of them say together: "
    "a mean and paired differences that are right whatever the judges are worth (Angelopoulos, "
    "Duchi, Zrnic 2023), if the labelled cases are a random draw; and the share of right answers, "
    "corrected by the judges' errors on labelled ones (Rogan and Gladen 1978). An outcome stands "
    "beside the gate's check and changes no verdict."
)


def labels_section(
    results: Sequence[Result],
    labels: Sequence[Label],
    exams: Sequence[JudgeExam],
    gate: Gate,
    opponents: Sequence[Opponent],
    weights: Mapping[str, float],
) -> Section:
    """Mean, share of right answers and paired differences of correctness, as people would say.

    Args:
        results: of candidates and opponents.
        labels: people's scores; none where no file was given.
        exams: of the judges, where they took them.
        gate: its pass mark says which answers are right, its floor and margin what is compared.
        opponents: models that the others are compared with.
        weights: of the judges of a panel.
    """
    of_model = by_model(results)
    label_of, mark = lookup(labels), gate.pass_marks.correctness
    named = {opponent.name: opponent for opponent in opponents}
    findings: list[Finding] = []
    for model, rows in of_model.items():
        scored = [row for row in rows if value(row, METRIC) is not None]
        if labels:
            findings.append(_mean(model, scored, label_of, gate))
        findings += _rate(model, scored, label_of, examined(exams, mark, weights), gate)
        if labels and model not in named:
            findings += [
                _difference(model, scored, of_model.get(name, ()), label_of, opponent, gate)
                for name, opponent in named.items()
            ]
    return Section("labels", "With people's labels", NOTE, tuple(findings))


def lookup(labels: Sequence[Label]) -> Callable[[Result], float | None]:
    """What gives the mean of people's scores of an answer; None where nobody labelled it."""
    by_case: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_case[label.case_id].append(label)

    def label_of(result: Result) -> float | None:
        scores = [
            label.score
            for label in by_case.get(result.case.id, ())
            if label.is_of(result.model, result.answer.text)
        ]
        return sum(scores) / len(scores) if scores else None

    return label_of


def same_answer(one: Result, other: Result) -> bool:
    """Whether two models said the same, white space aside; nobody knows of models that draw."""
    once = one.repeats == other.repeats == 1 and one.answer.error is other.answer.error is None
    return once and one.answer.text.split() == other.answer.text.split()


def _mean(
    model: str, rows: Sequence[Result], label_of: Callable[[Result], float | None], gate: Gate
) -> Finding:
    people = [label_of(row) for row in rows]
    if all(score is None for score in people):
        return Finding(model, METRIC, None, "no case is both labelled and judged")
    judge, contracts = [_score(row) for row in rows], [row.case.contract.id for row in rows]
    found = prediction_powered_mean(judge, people, contracts, gate.alpha)
    floor = gate.gating[METRIC].floor if METRIC in gate.gating else None
    outcome = None if floor is None else found.estimate.against(floor)
    beside = "" if floor is None else f"; the gate's floor is {floor:g}"
    return Finding(model, METRIC, found.estimate, _worth(found) + beside, outcome)


def _worth(found: PredictionPowered) -> str:
    gain = f", worth {found.gain:.1f} times as many labels" if found.gain else ""
    return f"{found.labels.n} labels alone say {found.labels}; lambda {found.tuning:.2f}{gain}"


def _rate(
    model: str,
    rows: Sequence[Result],
    label_of: Callable[[Result], float | None],
    exam: Calibration,
    gate: Gate,
) -> Iterator[Finding]:
    """By the labels of this model's answers where they define it, else by the judges' exam."""
    mark = gate.pass_marks.correctness
    sources = {
        "by labels of its own answers": _own(rows, label_of, mark),
        "in the judges' exam": exam,
    }
    known = {source: found for source, found in sources.items() if found.people}
    if not rows or not known:
        return
    judge, contracts = [_score(row) >= mark for row in rows], [row.case.contract.id for row in rows]
    measure = f"{METRIC} of {mark:g} or more"
    for source, calibration in known.items():
        found = corrected_rate(judge, contracts, calibration, gate.alpha)
        if found.estimate or source == list(known)[-1]:
            reason = "; ".join(filter(None, (found.reason, _errors(found, calibration, source))))
            outcome = _floored(found.estimate, rows, gate)
            yield Finding(model, measure, found.estimate, reason, outcome)
            return


def _floored(share: Estimate | None, rows: Sequence[Result], gate: Gate) -> Outcome | None:
    """Against the floor of a judge that knows right and wrong alone: else it is of another mean."""
    floor = gate.gating[METRIC].floor if METRIC in gate.gating else None
    if floor is None or any(_score(row) not in (0.0, 1.0) for row in rows):
        return None
    return share.against(floor) if share else "INCONCLUSIVE"


def _errors(found: Corrected, calibration: Calibration, source: str) -> str:
    shown = ", ".join(
        f"{name} {estimate:.2f}"
        for name, estimate in (
            ("sensitivity", found.sensitivity),
            ("specificity", found.specificity),
        )
        if estimate
    )
    answers = f"{len(calibration.people)} answers"
    return f"the judge says {found.judged}; {source} ({answers}) {shown}"


def _own(
    rows: Sequence[Result], label_of: Callable[[Result], float | None], mark: float
) -> Calibration:
    known = [(row, score) for row in rows if (score := label_of(row)) is not None]
    return Calibration(
        [_score(row) >= mark for row, _ in known],
        [score >= mark for _, score in known],
        [row.case.contract.id for row, _ in known],
    )


def examined(exams: Sequence[JudgeExam], mark: float, weights: Mapping[str, float]) -> Calibration:
    """Who passes the labelled answers of the judges' exam: a panel at its weights, and people."""
    judges = [exam for exam in exams if exam.judge.metric == METRIC]
    names, panel = [each.judge.name for each in judges], [each.agreement for each in judges]
    judge, people, contracts = [], [], []
    for trials in zip(*panel, strict=False):  # one judge may not have come to its exam
        votes = zip(names, (trial.score.value for trial in trials), strict=True)
        found = weighed(Score(None, votes=tuple(votes)), weights).value
        if found is not None:
            judge.append(found >= mark)
            people.append(trials[0].pair.score >= mark)
            contracts.append(trials[0].pair.contract)
    return Calibration(judge, people, contracts)


def _difference(
    model: str,
    rows: Sequence[Result],
    others: Sequence[Result],
    label_of: Callable[[Result], float | None],
    opponent: Opponent,
    gate: Gate,
) -> Finding:
    theirs = {row.case.id: row for row in others if value(row, METRIC) is not None}
    pairs = [(row, theirs[row.case.id]) for row in rows if row.case.id in theirs]
    measure = f"{METRIC} against {opponent.words}"
    people = [_less(label_of(one), label_of(other)) for one, other in pairs]
    same = [same_answer(one, other) for one, other in pairs]
    if not any(score is not None for score, alike in zip(people, same, strict=True) if not alike):
        why = "no case in which the answers differ has a label of both"
        return Finding(model, measure, None, why)
    found = prediction_powered_difference(
        [_score(one) - _score(other) for one, other in pairs],
        people,
        same,
        [one.case.contract.id for one, _ in pairs],
        risk(gate.alpha, opponent),
    )
    alike = f"; {sum(same)} of {len(same)} answers are the same" if any(same) else ""
    asked = gate.gating.get(METRIC)
    outcome, line = _against(found.estimate, asked, opponent) if asked else (None, "")
    return Finding(model, measure, found.estimate, f"{_worth(found)}{alike}{line}", outcome)


def _against(found: Estimate, asked: MetricGate, opponent: Opponent) -> tuple[Outcome | None, str]:
    """On which side of what the gate file asks of a difference it lies; None where it asks none."""
    if asked.margin is not None:
        return found.against(-asked.margin), f"; the gate's margin is {asked.margin:g}"
    if asked.goal != "superior" or opponent.role == "anchor":
        return None, ""
    opposite: Mapping[str, Outcome] = {"FAIL": "PASS", "PASS": "FAIL"}
    outcome = found.against(0.0, "lower")
    return opposite.get(outcome, outcome), "; the gate asks for better"


def _score(row: Result) -> float:
    found = value(row, METRIC)
    assert found is not None
    return found


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
