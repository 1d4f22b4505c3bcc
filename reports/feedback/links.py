"""Which case a row of feedback is about, and whose answer it is, where kept reports tell.

A row is about the case of the same question and contract, by title or by a passage that was shown.
Who answered is known where one model alone gave that answer to that case. Letter case and white
space do not count. Nothing but digests is held of the reports.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from common.identity import digest
from common.redaction import outward
from reports.feedback.kept import Kept
from reports.feedback.rows import Feedback
from reports.report import Report


@dataclass(frozen=True, slots=True)
class Known:
    """What the reports hold; of what two of them hold the first counts."""

    contracts: dict[str, str] = field(default_factory=dict)
    """Digest of the title, by the digest of a passage."""

    cases: dict[str, str] = field(default_factory=dict)
    """Identity, by the digest of title and question."""

    answers: dict[str, frozenset[str]] = field(default_factory=dict)
    """Who gave it, by the digest of case and answer."""


def known(reports: Iterable[Report]) -> Known:
    """What to link by. The newest report comes first."""
    found = Known()
    for report in reports:
        for passage in report.passages:
            found.contracts.setdefault(_said(passage.text), _said(passage.contract))
        for case in report.cases:
            found.cases.setdefault(_asked(_said(case.contract), case.question), case.identity)
        for result in report.results:
            if result.error is None:
                key = digest(report.cases[result.case].identity, _said(result.answer))
                found.answers[key] = found.answers.get(key, frozenset()) | {result.model}
    return found


def link(kept: Kept, by: Known) -> int:
    """Link the rows that are not yet; returns how many more of them now have a case."""
    made, last = 0, ""
    while batch := kept.unlinked(last):
        links = [
            (case, model_of(each, case, by), key)
            for key, each in batch
            if (case := case_of(each, by))
        ]
        kept.link(links)
        made += len(links)
        last = batch[-1][0]
    return made


def case_of(feedback: Feedback, by: Known) -> str | None:
    """The identity of the case that a row is about."""
    titles = [_said(feedback.contract)] if feedback.contract else []
    titles += [by.contracts[s] for s in map(_said, feedback.passages) if s in by.contracts]
    cases = (by.cases.get(_asked(title, feedback.question)) for title in titles)
    return next((case for case in cases if case), None)


def model_of(feedback: Feedback, case: str, by: Known) -> str | None:
    """Who gave the answer: None where the row says, nobody did, or several did."""
    givers = by.answers.get(digest(case, _said(feedback.answer)), frozenset())
    return None if feedback.model or len(givers) != 1 else next(iter(givers))


def _said(text: str) -> str:
    """A digest of what a text says."""
    return digest(" ".join(outward(text).casefold().split()))


def _asked(title: str, question: str) -> str:
    return digest(title, _said(question))
