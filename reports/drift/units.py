"""The unit that is compared: a contract, with one request about it, of the exam or of service."""

from dataclasses import dataclass

from common.identity import digest


@dataclass(frozen=True, slots=True)
class Unit:
    """One contract, once.

    Attributes:
        contract: its title.
        day: on which it was first asked about in service (UTC, ISO); empty of an exam.
        id: of the request, or of the case.
        question: what was asked.
        category: of it; empty where nobody said.
        passages: the texts that were shown, the best first.
        answer: what was answered.
        error: why there is no answer; empty where there is one.
    """

    contract: str
    day: str
    id: str
    question: str
    category: str
    passages: tuple[str, ...]
    answer: str
    error: str


def titled(title: str) -> str:
    """What a contract is known by: letter case and white space do not count.

    >>> titled(" ACME  MSA") == titled("Acme msa")
    True
    """
    return " ".join(title.casefold().split())


def lot(exam: str, contract: str, request: str) -> str:
    """Of the requests about a contract the one with the smallest lot is its unit.

    It depends on names alone, so that it says nothing of what was asked, and is the same whenever
    it is drawn.
    """
    return digest("drift", exam, contract, request)
