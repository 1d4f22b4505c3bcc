"""How often contracts have judged, as the ledger tells it: what every later try has to pay for.

A try is a set of answers that the gate has seen, or may have. The same candidate with the answers
that were kept is no new one; the same candidate, asked again until it is lucky, is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.promotion.ledger.entry import Begun, Entry
from models.promotion.record.line import Named


@dataclass(frozen=True, slots=True)
class Judged:
    """How often contracts were used to judge: exams, and distinct candidates in them."""

    exams: int
    candidates: int

    @property
    def words(self) -> str:
        """As in "3 candidates in 5 exams"."""
        models = "1 candidate" if self.candidates == 1 else f"{self.candidates} candidates"
        return f"{models} in {'1 exam' if self.exams == 1 else f'{self.exams} exams'}"

    @property
    def sentence(self) -> str:
        """As a report says it."""
        if not self.exams:
            return "these contracts have judged no candidate before, as far as the ledger knows"
        return f"these contracts have judged {self.words} before (docs/promotion.md, The ledger)"


def judged_before(entries: Iterable[Entry], begun: Begun) -> Judged:
    """How often the contracts of an exam have judged, unfinished exams included."""
    known = [entry.begun for entry in entries if share_contracts(entry.begun, begun)]
    identities = {each.identity for other in known for each in other.candidates}
    return Judged(len(known), len(identities))


def tries_against(entries: Iterable[Entry], opponent: Named, begun: Begun) -> int:
    """How many tries share the risk against an opponent on an exam's contracts.

    Every candidate that these contracts were asked of is one at least, whatever the exam was: one
    that did not end, a part, one without a baseline may have been looked at. It is as many as it
    gave different answers to the same choice of cases. The opponent itself is no try, as it was
    recorded or as the exam found it; and those at hand count as one, that with the most answers:
    the risk is divided among them already.

    Args:
        entries: the ledger, or what an exam could know of it.
        opponent: the champion or anchor, as it was promoted.
        begun: the exam.
    """
    tries = _tries([entry for entry in entries if share_contracts(entry.begun, begun)])
    now = {each.identity for each in begun.candidates}
    own = {each.identity for each in begun.opponents if each.model == opponent.model}
    spared = {opponent.identity, *own, *now}
    others = sum(number for each, number in tries.items() if each not in spared)
    return others + max([tries.get(each, 1) for each in now], default=1)


def _tries(entries: Iterable[Entry]) -> dict[str, int]:
    """By identity, the most sets of answers that it gave to one choice of cases; one at least."""
    found = defaultdict[str, defaultdict[object, set[str]]](lambda: defaultdict(set))
    for entry in entries:
        said = {each.model: each.answers for each in entry.ended.verdicts} if entry.ended else {}
        for each in entry.begun.candidates:
            answers = found[each.identity][entry.begun.chosen, entry.begun.cases]
            answers.update(filter(None, [said.get(each.name)]))
    return {
        identity: max(1, *(len(answers) for answers in choices.values()))
        for identity, choices in found.items()
    }


def share_contracts(one: Begun, other: Begun) -> bool:
    """Whether two exams asked about a contract both, as its text tells.

    Of an early entry, which does not say the texts, the data set tells.
    """
    if one.texts and other.texts:
        return not set(one.texts).isdisjoint(other.texts)
    return same_contracts(one, other)


def same_contracts(one: Begun, other: Begun) -> bool:
    """Whether two exams drew on the same data set, split, sealed or not."""
    return (one.dataset.identity, one.dataset.split, one.chosen.sealed) == (
        other.dataset.identity,
        other.dataset.split,
        other.chosen.sealed,
    )


def known_by(entries: Iterable[Entry], entry: Entry) -> Iterator[Entry]:
    """What could have been known when an exam ended: it, and those that had begun.

    Those that its first line rests on, and by the clock those of other branches and at once.
    """
    by_name = {each.name: each for each in entries}
    open_, before = [entry.name], set[str]()
    while open_:
        for name in by_name[open_.pop()].begun.before or {}:
            if name not in before:
                before.add(name)
                open_.append(name)
    until = entry.ended.when if entry.ended else entry.begun.when
    for each in by_name.values():
        if each.name in before or each.name == entry.name or each.begun.when <= until:
            yield each
