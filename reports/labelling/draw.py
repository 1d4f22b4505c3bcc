"""Which answers a person should score next: drawn at random, spread over contracts, in one order.

Whoever labels what a judge found doubtful knows nothing of the rest: estimates from labels hold for
a random draw. The order is frozen by the cases alone, so that the first n are a draw whatever n,
another exam on the same cases asks for the same ones, and labels of a champion serve again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from common.identity import digest
from common.rows.columns import MISSING
from evals.labels import ALL, DIFFERING, TIED, Label
from reports.listing import scores_of
from reports.report import Report, ReportedCase, ReportedResult
from reports.sections.labels import METRIC
from reports.sections.panel import PANEL, weights_of
from reports.sections.ties import is_tied


@dataclass(frozen=True, slots=True)
class ToLabel:
    """An answer to score: a row of a file that `--labels` reads once `score` is filled in.

    `expected` are the gold texts, none where the contract does not answer. `model` is empty where
    several models gave the answer, whose label is of all of them. `drawn` says from which cases it
    was drawn: all, or those on which models differ. `probability` is with which chance, where cases
    had chances of their own.
    """

    case_id: str
    contract: str
    question: str
    expected: tuple[str, ...]
    answer: str
    model: str
    drawn: str
    score: str = ""
    probability: float | None = None


def next_to_label(report: Report, labels: Sequence[Label], cases: int) -> list[ToLabel]:
    """The answers to the next so many cases that are not labelled, a row for each that is another.

    With two models or more every second case is one on which they differ: a difference needs those,
    and a mean needs the others. A case that was labelled as one of those, and comes to be drawn
    from all, is returned with its score, so that it counts for both.

    Args:
        report: of an exam.
        labels: those that are there already.
        cases: how many; fewer are returned where there are no more.
    """
    known = _known(report, labels)
    every = [report.cases[place] for place in _order(report)]
    differing = [case for case in every if len(_texts(known.answers.get(case.id, ()))) > 1]
    drawn: dict[str, str] = {}
    again: set[str] = set()
    turns = zip_longest(((case, ALL) for case in every), ((case, DIFFERING) for case in differing))
    for case, of in filter(None, chain.from_iterable(turns)):
        if len(drawn) - len(again) == cases:
            break
        if known.open(case):
            drawn[case.id] = ALL if of == ALL else drawn.get(case.id, of)
        elif of == ALL and known.drawn_where_they_differ(case):
            again.add(case.id)
            drawn[case.id] = ALL
    by_id = {case.id: case for case in every}
    return [row for name, of in drawn.items() for row in known.rows(by_id[name], of)]


def left_to_people(report: Report, labels: Sequence[Label]) -> list[ToLabel]:
    """The answers that a panel's judges leave to a person and nobody has scored.

    Args:
        report: of an exam.
        labels: those that are there already.
    """
    weights = weights_of(report.section(PANEL))
    mark, known = report.marks.get(METRIC, 0.5), _known(report, labels)
    tied = {
        (row.case, *row.answer.split())
        for row in report.results
        if METRIC in row.votes
        and row.repeats is None
        and is_tied(scores_of(row)[METRIC], weights, mark)
        and not known.said(row, report.cases[row.case])
    }
    unlabelled = replace(known, labels={})
    return [
        row
        for place, case in enumerate(report.cases)
        for row in unlabelled.rows(case, TIED)
        if (place, *row.answer.split()) in tied
    ]


def differing_cases(report: Report, one: str, other: str) -> list[ReportedCase]:
    """The cases that two models answered in other words, in the order in which cases are drawn.

    Args:
        report: of an exam of both.
        one: a model.
        other: another.
    """
    found = _answers(report)
    every = [report.cases[place] for place in _order(report)]
    return [case for case in every if len(_texts(_of(found.get(case.id, ()), (one, other)))) > 1]


def rows_of(report: Report, drawn: Mapping[str, str]) -> list[ToLabel]:
    """A row for each answer to cases that nobody has labelled.

    Args:
        report: of an exam.
        drawn: from which cases each was, by its id, in the order of the rows.
    """
    known, by_id = _known(report, ()), {case.id: case for case in report.cases}
    return [row for name, of in drawn.items() for row in known.rows(by_id[name], of)]


def spread(names: Sequence[tuple[str, str]]) -> list[int]:
    """Places of cases, given as (contract, case), so that each beginning is spread over contracts.

    Contracts lie in a random order, and cases within them; of that row the first is taken, then the
    one in the middle, then those at the quarters, the eighths and so on. A contract is met as often
    as it has cases.

    >>> cases = [(contract, case) for contract in "abcd" for case in "12"]
    >>> sorted(cases[place][0] for place in spread(cases)[:4])
    ['a', 'b', 'c', 'd']
    """
    row = sorted(
        range(len(names)),
        key=lambda place: (digest("labelled", names[place][0]), digest("labelled", names[place])),
    )
    bits = max(len(row) - 1, 1).bit_length()
    return [row[at] for at in sorted(range(len(row)), key=lambda at: f"{at:0{bits}b}"[::-1])]


def _known(report: Report, labels: Sequence[Label]) -> "_Known":
    by_case: dict[str, list[Label]] = {}
    for label in labels:
        by_case.setdefault(label.case_id, []).append(label)
    return _Known(_answers(report), by_case)


def _answers(report: Report) -> dict[str, list[ReportedResult]]:
    """The answers to each case that are no errors, by its id."""
    found: dict[str, list[ReportedResult]] = {}
    for result in report.results:
        if result.error is None:
            found.setdefault(report.cases[result.case].id, []).append(result)
    return found


def _order(report: Report) -> list[int]:
    return spread([(case.contract, case.id) for case in report.cases])


def _of(results: Sequence[ReportedResult], models: Collection[str]) -> list[ReportedResult]:
    return [result for result in results if result.model in models]


def _texts(results: Sequence[ReportedResult]) -> dict[tuple[str, ...], list[ReportedResult]]:
    """Answers by their words."""
    found: dict[tuple[str, ...], list[ReportedResult]] = {}
    for result in results:
        found.setdefault(tuple(result.answer.split()), []).append(result)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """Answers by case, and what people have said of them."""

    answers: Mapping[str, Sequence[ReportedResult]]
    labels: Mapping[str, Sequence[Label]]

    def said(self, result: ReportedResult, case: ReportedCase) -> list[Label]:
        """The labels of an answer."""
        known = self.labels.get(case.id, ())
        return [label for label in known if label.is_of(result.model, result.answer)]

    def of(self, result: ReportedResult, case: ReportedCase) -> list[Label]:
        """Those of them that were drawn at random: another is returned with its score."""
        return [label for label in self.said(result, case) if label.drawn != TIED]

    def open(self, case: ReportedCase) -> bool:
        """Whether an answer has no label."""
        return not all(self.of(result, case) for result in self.answers.get(case.id, ()))

    def drawn_where_they_differ(self, case: ReportedCase) -> bool:
        """Whether its labels count for differences alone, as they were drawn."""
        known = [label for each in self.answers.get(case.id, ()) for label in self.of(each, case)]
        return bool(known) and all(label.drawn == DIFFERING for label in known)

    def rows(self, case: ReportedCase, drawn: str) -> Iterator[ToLabel]:
        """One for each answer to score, in an order that tells nothing of the models."""
        whole = not self.open(case)
        texts = _texts(self.answers.get(case.id, ()))
        for words, group in sorted(texts.items(), key=lambda each: digest("shown", each[0])):
            text = " ".join(words)
            shared = len(group) > 1 and bool(text) and text not in MISSING
            left = [each for each in group if whole or not self.of(each, case)]
            for result in left[:1] if shared else left:
                scores = [label.score for label in self.said(result, case)]
                yield ToLabel(
                    case_id=case.id,
                    contract=case.contract,
                    question=case.question,
                    expected=tuple(span.text for span in case.expected),
                    answer=result.answer,
                    model="" if shared else result.model,
                    drawn=drawn,
                    score=f"{sum(scores) / len(scores):g}" if scores else "",
                )
