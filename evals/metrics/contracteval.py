"""ContractEval's scores of whole answers: is the clause there, and is "not found" true.

Source: Liu et al. 2025, ContractEval (arXiv 2508.03080), and the evaluation of
olivialiu121/ContractEval. An answer to a question that the contract answers is right when it
holds every gold text verbatim, case and white space included. Two things differ: "not found" is
what `evals.language.declining` takes for it, not only the words "no related clause", and whoever
says so covers nothing; and the false refusals are divided by the answerable cases given, not by the
1,244 of CUAD's test split.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from evals.language.declining import reading

EDGES = " \n`"


@dataclass(frozen=True, slots=True)
class ContractEval:
    """Counts of cases, and the shares that follow; a share of 0 / 0 is None.

    Attributes:
        true_positives: answerable, and every gold text stands in an answer that does not decline.
        true_negatives: unanswerable, and the answer says "not found" and no more.
        false_positives: unanswerable, and the answer says something else, also beside "not found".
        false_negatives: answerable, and a gold text is missing, whatever the answer says.
        false_refusals: answerable, and the answer says "not found".
    """

    true_positives: int
    true_negatives: int
    false_positives: int
    false_negatives: int
    false_refusals: int

    @property
    def accuracy(self) -> float | None:
        """(TP + TN) / all."""
        right = self.true_positives + self.true_negatives
        return _share(right, right + self.false_positives + self.false_negatives)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP): wrong answers to answerable questions do not enter it."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN)."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return self._f(1)

    @property
    def f2(self) -> float | None:
        """F with recall weighing twice as much: a missed clause costs more than a needless one."""
        return self._f(2)

    @property
    def laziness(self) -> float | None:
        """False refusals / answerable cases."""
        return _share(self.false_refusals, self.true_positives + self.false_negatives)

    def _f(self, beta: int) -> float | None:
        weight = beta * beta
        hits = (1 + weight) * self.true_positives
        return _share(hits, hits + weight * self.false_negatives + self.false_positives)


def contracteval(
    cases: Iterable[tuple[Sequence[str], str]], questions: Iterable[str] = ()
) -> ContractEval:
    """Count the cases.

    Args:
        cases: gold texts and answer text of each; no gold texts where there is no answer.
        questions: aligned with them, where they are known: "No." may answer a question.

    >>> found = contracteval([(["two years"], "for two years"), (["$5"], "$6"), ([], "Not found.")])
    >>> found.precision, found.recall, found.laziness
    (1.0, 0.5, 0.0)
    """
    tp = tn = fp = fn = refusals = 0
    for (golds, answer), question in zip(cases, chain(questions, repeat("")), strict=False):
        does = reading(answer, question, golds)
        if not golds:
            tn += does == "abstention"
            fp += does != "abstention"
            continue
        covered = does == "answer" and covers(answer, golds)
        tp += covered
        fn += not covered
        refusals += does != "answer"
    return ContractEval(tp, tn, fp, fn, refusals)


def covers(answer: str, golds: Iterable[str]) -> bool:
    """Whether every gold text, freed of blanks and backticks at its edges, is in the answer.

    >>> covers("The term is two years.", ["two years"]), covers("Two years.", ["two years"])
    (True, False)
    """
    return all(gold.strip(EDGES) in answer.strip(EDGES) for gold in golds)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
