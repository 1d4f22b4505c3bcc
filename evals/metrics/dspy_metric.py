"""The exam's metrics as metric functions of dspy: for `dspy.Evaluate` and every optimiser.

    metric = case_metric("balanced", cases)
    dspy.Evaluate(devset=[example_of(case) for case in cases], metric=metric)(program)
    dspy.BootstrapFewShot(metric=metric, metric_threshold=0.5).compile(program, trainset=...)
    dspy.GEPA(metric=metric, ...)  # which is told why a score is what it is

An example names its case by identity and does not hold it: optimisers copy examples into
demonstrations, which are saved, and a contract has no business there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.settings import nearest
from evals.metrics.table import METRICS, Metric, score
from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.prompted import NOT_FOUND
from models.spoken import answered

if TYPE_CHECKING:
    import dspy

CASE = "case"
"""The field of an example that names its case."""

Scores = Callable[[Case, Answer], Score]


@dataclass(frozen=True)
class CaseMetric:
    """A metric of the exam as dspy calls one: higher is better, in 0..1.

    dspy knows no score that could not be computed: it is 0, and counted in `unscored` by its
    reason. An optimiser that asks about one predictor (GEPA) is told the reason beside the score.

    Attributes:
        metric: of the exam's table.
        cases: by identity.
        scores: scores an answer to a case; a rule's, or a judge's.
        answer: the field of a prediction that is the answer.
        shown: the passages that the program was given, by the case's identity.
        unscored: reasons, and how often.
    """

    metric: Metric
    cases: Mapping[str, Case]
    scores: Scores
    answer: str = "answer"
    shown: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    unscored: dict[str, int] = field(default_factory=dict)

    def __call__(
        self,
        example: Any,
        prediction: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> Any:
        """The score; with the reason where a predictor is named.

        Raises:
            KeyError: the example is of none of the cases.
        """
        case = self.cases[example[CASE]]
        text = str(getattr(prediction, self.answer, None) or "")
        passages = tuple(self.shown.get(example[CASE], ()))
        found = self.scores(case, answered(text, passages=passages))
        if found.value is None:
            self.unscored[found.reason] = self.unscored.get(found.reason, 0) + 1
        value = self._worth(found)
        if pred_name is None:
            return value
        import dspy

        return dspy.Prediction(score=value, feedback=self._feedback(case, text, value, found))

    def _worth(self, found: Score) -> float:
        if found.value is None:
            return 0.0
        return found.value if self.metric.direction == "higher" else 1.0 - found.value

    def _feedback(self, case: Case, text: str, value: float, found: Score) -> str:
        expected = " | ".join(case.golds) or NOT_FOUND
        said = f"{self.metric.name} (1 is best): {value:.2f}. It asks: {self.metric.summary}."
        why = f" {found.reason}." if found.reason else ""
        return f"{said}{why} The answer was: {text or '(nothing)'}. Expected was: {expected}"


def case_metric(
    name: str,
    cases: Iterable[Case],
    *,
    scores: Scores | None = None,
    answer: str = "answer",
    shown: Mapping[str, Sequence[Passage]] | None = None,
) -> CaseMetric:
    """A metric of the exam for dspy.

    Args:
        name: of the table.
        cases: those that examples may be of, and that the metric is asked of.
        scores: a judge's, for a metric that no rule scores.
        answer: the field of a prediction that is the answer.
        shown: the passages that the program is given, by the case's identity, for a metric that
            reads them.

    Raises:
        UserError: there is no such metric, it has no best value, or only a judge scores it.

    >>> from fixtures.cases import Contract, Span
    >>> contract = Contract("A", "The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 12),))
    >>> from types import SimpleNamespace
    >>> metric = case_metric("laziness", [case])
    >>> metric({"case": case.identity}, SimpleNamespace(answer="Two years."))
    1.0
    """
    metric = optimisable(name, judged=scores is not None)
    known = {case.identity: case for case in cases}
    return CaseMetric(metric, known, scores or _by_rule(name), answer, shown or {})


def optimisable(name: str, *, judged: bool) -> Metric:
    """A metric that something can be optimised by; `judged` where a judge is there to score.

    Raises:
        UserError: there is no such metric, it has no best value, or only a judge scores it.

    >>> optimisable("balanced", judged=False).direction
    'higher'
    """
    metric = METRICS.get(name)
    if metric is None:
        raise UserError(f"metric {name}: no such metric; {nearest(name, METRICS)}")
    if metric.unit:
        raise UserError(
            f"metric {name} is measured in {metric.unit} and has no best value, so nothing can be "
            "optimised by it; give one that is a share, such as balanced"
        )
    if metric.rule is None and not judged:
        raise UserError(f"metric {name} is scored by a judge: name one")
    return metric


def example_of(case: Case, answer: str = "answer", **inputs: Any) -> "dspy.Example":
    """A case as dspy's example: question, expected answer, and the name of the case.

    Args:
        case: whose first gold answer is expected, or "Not found." where it has none.
        answer: the field of the expected answer.
        inputs: what a program is given beside the question, such as passages.

    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", "The term is two years."), "Cap", "A cap?", ())
    >>> example = example_of(case, context="The term is two years.")
    >>> example.answer, sorted(example.inputs().keys())
    ('Not found.', ['context', 'question'])
    """
    import dspy

    expected = {answer: case.golds[0] if case.golds else NOT_FOUND, CASE: case.identity}
    example = dspy.Example(question=case.question, **inputs, **expected)
    return example.with_inputs("question", *inputs)


def _by_rule(name: str) -> Scores:
    def scores(case: Case, answer: Answer) -> Score:
        found = score(case, answer, (name,))
        return found.get(name) or Score(None, f"{name} is not asked of such cases")

    return scores
