"""The unit that is compared: a contract, with up to four questions about it, of exam or service."""

from dataclasses import dataclass, field, replace

from common.identity import digest
from reports.drift.signals import MEANS

DRAWN = max(MEANS)


@dataclass(frozen=True, slots=True)
class Unit:
    """One contract, once, with one request about it.

    Attributes:
        contract: its title.
        day: on which it was first asked about in service (UTC, ISO); empty of an exam.
        id: of the request, or of the case.
        question: what was asked.
        category: of it; empty where nobody said.
        passages: the texts that were shown, the best first.
        answer: what was answered.
        error: why there is no answer; empty where there is one.
        further: requests with other questions about it, of the same day, in the order drawn.
    """

    contract: str
    day: str
    id: str
    question: str
    category: str
    passages: tuple[str, ...]
    answer: str
    error: str
    further: tuple["Unit", ...] = ()


@dataclass
class Draw:
    """The requests about one contract, of which up to four with different questions are drawn.

    By digests of exam, contract, question and id alone, so that the draw says nothing of what was
    asked, is the same in whatever order the requests come, and holds four of them.
    """

    exam: str
    _drawn: dict[str, tuple[str, Unit]] = field(default_factory=dict)

    def add(self, unit: Unit) -> None:
        """One more request about the contract."""
        title = titled(unit.contract)
        lot = digest("drift", self.exam, title, unit.question)
        own = digest("drift", self.exam, title, unit.id)
        if lot not in self._drawn or own < self._drawn[lot][0]:
            self._drawn[lot] = (own, unit)
        if len(self._drawn) > DRAWN:
            del self._drawn[max(self._drawn)]

    @property
    def unit(self) -> Unit:
        """The contract with what was drawn; one request or more was added."""
        first, *others = (self._drawn[lot][1] for lot in sorted(self._drawn))
        return replace(first, further=tuple(others))


def titled(title: str) -> str:
    """What a contract is known by: letter case and white space do not count.

    >>> titled(" ACME  MSA") == titled("Acme msa")
    True
    """
    return " ".join(title.casefold().split())
