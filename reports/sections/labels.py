"""What people would say: their labels and the judges' exam, against what the judges counted."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from evals.gate import Gate, MetricGate
from evals.judges.judge import weighed
from evals.judges.judge_exam import JudgeExam
from evals.labels import ALL, TIED, UNSURE, Label
from evals.results import Result, Score
from reports.report import Finding, Opponent, Section
from reports.statistics.corrected import Calibration, corrected_rate
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.powered_difference import prediction_powered_difference
from reports.statistics.ppi import PredictionPowered, prediction_powered_mean
from reports.verdict.decide import risk
from reports.verdict.pairs import by_model, value

LABELS, METRIC = "labels", "correctness"

NOTE = (
    "What people's scores of some answers (--labels) and the judges' of all of them say together: "
    "a mean and paired differences that are right whatever the judges are worth (Angelopoulos, "
    "Duchi, Zrnic 2023), if the labelled cases are a random draw, each counting inversely to its "
    "chance; and the share of right answers, corrected by the judges' errors on labelled ones "
    "(Rogan and Gladen 1978). An outcome stands beside the gate's check and changes no verdict. "
    "`python -m reports.labelling` writes down which answers a person should score next, "
    "`python -m reports.review` asks for the scores."
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
    of_all, anywhere, chance = _counted(labels)
    exam = examined(exams, gate.pass_marks.correctness, weights)
    named = {opponent.name: opponent for opponent in opponents}
    findings: list[Finding] = []
    for model, rows in of_model.items():
        floor = None if model in named or METRIC not in gate.gating else gate.gating[METRIC].floor
        scored = [row for row in rows if value(row, METRIC) is not None]
        if labels:
            findings += _by_labels(model, scored, of_all, chance, gate, floor)
        if scored and not any(of_all(row) is not None for row in scored):
            findings += _by_exam(model, scored, exam, gate, floor)
        if labels and model not in named:
            findings += [
                _difference(model, scored, of_model.get(name, ()), anywhere, chance, opponent, gate)
                for name, opponent in named.items()
            ]
    return Section(LABELS, "What people would say", NOTE, tuple(findings))


LabelOf = Callable[[Result], float | None]
ChanceOf = Callable[[Result], float] | None


def _counted(labels: Sequence[Label]) -> tuple[LabelOf, LabelOf, ChanceOf]:
    """Labels that count for a mean, and for a difference; and the chance of each case.

    Where some were drawn with chances of their own, those alone count whose chance is known.
    """
    chance = {each.case_id: each.probability for each in labels if each.probability is not None}
    if any(label.drawn == UNSURE for label in labels):
        known = lookup([label for label in labels if label.probability is not None])
        return known, known, lambda row: chance.get(row.case.id, 0.0)
    of_all = lookup([label for label in labels if label.drawn == ALL])
    return of_all, lookup([label for label in labels if label.drawn != TIED]), None


def _chances(rows: Sequence[Result], chance: ChanceOf) -> list[float] | None:
    return None if chance is None else list(map(chance, rows))


def lookup(labels: Sequence[Label]) -> LabelOf:
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


def _by_labels(
    model: str,
    rows: Sequence[Result],
    label_of: LabelOf,
    chance: ChanceOf,
    gate: Gate,
    floor: float | None,
) -> Iterator[Finding]:
    """The mean, and the share at or above the pass mark: of all answers, as people would say."""
    people, judge = [label_of(row) for row in rows], [_score(row) for row in rows]
    if all(score is None for score in people):
        why = "no case is both labelled and judged, but for those drawn where models differ"
        yield Finding(model, METRIC, None, why)
        return
    contracts, mark = [row.case.contract.id for row in rows], gate.pass_marks.correctness
    passed = [float(score >= mark) for score in judge]
    right = [None if score is None else float(score >= mark) for score in people]
    for measure, scores, labels, line in (
        (METRIC, judge, people, floor),
        (_share(gate), passed, right, _of_share(floor, judge)),
    ):
        found = prediction_powered_mean(
            scores, labels, contracts, gate.alpha, chances=_chances(rows, chance)
        )
        outcome = None if line is None else found.estimate.against(line)
        beside = "" if line is None else f"; the gate's floor is {line:g}"
        yield Finding(model, measure, found.estimate, _worth(found) + beside, outcome)


def _of_share(floor: float | None, judge: Sequence[float]) -> float | None:
    """The floor, where the judge knows 0 and 1 alone: else it is of another mean than a share."""
    return floor if all(score in (0.0, 1.0) for score in judge) else None


def _share(gate: Gate) -> str:
    return f"{METRIC} of {gate.pass_marks.correctness:g} or more"


def _worth(found: PredictionPowered) -> str:
    alone = f"{found.labels.n} labels alone say {found.labels}"
    if not found.tuning:
        return f"{alone}; the judge adds nothing"
    gain = f", worth {found.gain:.1f} times as many labels" if found.gain else ""
    return f"{alone}; lambda {found.tuning:.2f}{gain}"


def _by_exam(
    model: str,
    rows: Sequence[Result],
    calibration: Calibration,
    gate: Gate,
    floor: float | None,
) -> Iterator[Finding]:
    """The share at or above the pass mark, corrected by the errors of the judges in their exam."""
    if not calibration.people:
        return
    judge, mark = [_score(row) for row in rows], gate.pass_marks.correctness
    contracts = [row.case.contract.id for row in rows]
    found = corrected_rate([score >= mark for score in judge], contracts, calibration, gate.alpha)
    errors = {"sensitivity": found.sensitivity, "specificity": found.specificity}
    shown = ", ".join(f"{name} {each:.2f}" for name, each in errors.items() if each)
    reason = (
        f"the judge says {found.judged}; in the judges' exam ({len(calibration.people)} answers) "
        f"{shown}"
    )
    line, outcome = _of_share(floor, judge), None
    if line is not None:
        outcome = found.estimate.against(line) if found.estimate else "INCONCLUSIVE"
        reason += f"; the gate's floor is {line:g}"
    reason = f"{found.reason}; {reason}" if found.reason else reason
    yield Finding(model, _share(gate), found.estimate, reason, outcome)


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
    label_of: LabelOf,
    chance: ChanceOf,
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
        _chances([one for one, _ in pairs], chance),
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
