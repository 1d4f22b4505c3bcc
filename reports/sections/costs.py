"""What an exam cost: its answers and judgements, whoever paid for them, and what this run paid."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from evals.gate import Gate
from evals.results import Result, Spending
from models.price import NOTHING, dollars
from reports.report import Finding, Opponent, Section
from reports.sections.loss import Rule, right_by

NAME = "costs"


@dataclass(frozen=True, slots=True)
class Bill:
    """Costs of several things, of which `unknown` have none that anybody knows."""

    total: Decimal
    known: int
    unknown: int

    @property
    def remark(self) -> str:
        """What a reader must know of the total; empty where it is whole."""
        return f"; of {self.unknown:,} more nobody knows what they cost" if self.unknown else ""


def bill(costs: Iterable[Decimal | None]) -> Bill:
    """Add up what is known, exactly."""
    every = list(costs)
    known = [each for each in every if each is not None]
    return Bill(sum(known, NOTHING), len(known), len(every) - len(known))


def costs_section(
    of_model: Mapping[str, Sequence[Result]],
    gate: Gate,
    spending: Spending,
    opponents: Sequence[Opponent],
) -> Section:
    """One finding a model on its answers and one on their judgements, and one a verdict.

    Without findings where nobody was paid for anything.
    """
    answers = {model: bill(_answers(rows)) for model, rows in of_model.items()}
    judged = {model: bill(_judgements(rows)) for model, rows in of_model.items()}
    findings: list[Finding] = []
    paid = any(each.total for each in (*answers.values(), *judged.values())) or spending.cost
    for model, rows in of_model.items() if paid else ():
        findings.append(Finding(model, "answers", None, _of_answers(answers[model], rows, gate)))
        if judged[model].total or judged[model].unknown:
            said = f"{dollars(judged[model].total)} for judgements of its answers"
            findings.append(Finding(model, "judgements", None, said + judged[model].remark))
    others = {each.name for each in opponents}
    for model in of_model if paid else ():
        if model not in others:
            whole = {model, *others & set(of_model)}
            total = sum((answers[each].total + judged[each].total for each in whole), NOTHING)
            unknown = any(answers[each].unknown or judged[each].unknown for each in whole)
            remark = " or more" if unknown else ""
            said = (
                f"{dollars(total)}{remark}: its answers, {_opponents(whole)}all judgements of them"
            )
            findings.append(Finding(model, "verdict", None, said))
    note = (
        "US dollars, by the price in the registry on the day when each answer was paid for. What "
        f"the store held cost this run nothing: it paid {dollars(spending.cost)}, of which "
        f"{dollars(spending.judging)} for judgements, and {dollars(spending.embedding)} for "
        "embedding, which is no part of an answer's cost. Without a price nobody knows a cost."
    )
    return Section(NAME, "What it cost", note, tuple(findings))


def _opponents(whole: set[str]) -> str:
    return "those of its opponents, " if len(whole) > 1 else ""


def _answers(results: Sequence[Result]) -> Iterator[Decimal | None]:
    """Of each answer that came, in every repeat, and of those that were paid for in vain."""
    for result in results:
        for answer in (result.answer, *result.further):
            if answer.error is None or answer.cost:
                yield answer.cost


def _judgements(results: Sequence[Result]) -> Iterator[Decimal | None]:
    for result in results:
        yield from (score.cost for score in result.scores.values())


def _of_answers(found: Bill, results: Sequence[Result], gate: Gate) -> str:
    """What they cost together, each, and for each that is right."""
    if not found.known:
        return "nobody knows what its answers cost: its entry names no price"
    said = f"{dollars(found.total)} for {found.known:,} answers"
    if not found.total:
        return f"{said}: nobody is paid for them by the token{found.remark}"
    said += f", {dollars(found.total / found.known)} each"
    right = sum(_is_right(each, gate) for each in results)
    if right and not found.unknown:
        said += f", {dollars(found.total / right)} for each of {right:,} that are right"
    return said + found.remark


def _is_right(result: Result, gate: Gate) -> bool:
    rule = right_by(gate) if result.case.answerable else Rule("abstention", 1.0)
    return bool(rule.holds(result))


def cost_lines(section: Section) -> Iterator[str]:
    """The findings, in a line each."""
    for each in section.findings if section.name == NAME else ():
        yield f"{each.subject}, {each.measure}: {each.reason}"
