"""Categories in which averages buy nothing: floors and margins of their own.

A model that got better elsewhere and lost the clauses on liability is refused. The mean over all
cases does not see that: of 41 categories one may be lost whole and cost less than the margin.

Answers and abstentions are held apart, since whoever declines always would buy the answerable cases
of a category with its many unanswerable ones.

A difference within a category rests on few cases. It is drawn toward the difference of all
categories by at most 0.15 standard errors (`reports/statistics/shrinkage.py`); the interval keeps
its own width. docs/statistics.md says what that costs, and what it gains.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from evals.gate import Critical, CriticalRule, Gate, MetricGate
from evals.metrics.table import METRICS
from evals.results import Result
from fixtures.cases import Case, slugify
from reports.report import Check, Opponent
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.paired import compare_means
from reports.statistics.shrinkage import moved, shifts
from reports.verdict.bars import Bars, Reasoned, unfit
from reports.verdict.floors import floor_checks
from reports.verdict.pairs import Pairs, is_asked, pair
from reports.verdict.planning import what_it_takes
from reports.verdict.prospects import Demand

APART = " in "
"""Between metric and category in what a check is called: `token_f1 in Uncapped Liability`."""


def critical_floors(gate: Gate, model: str, results: Sequence[Result], bars: Bars) -> list[Check]:
    """One check for every critical category and metric that has a floor.

    N/A where the exam has fewer such cases than `minimum_cases`: floors are to be shown by exams
    that can show them. What was lost counts as a case, so that losing answers lifts no floor.
    """
    found = []
    for category, metric, rule in _rules(gate.critical):
        if rule.floor is None:
            continue
        own = _of(results, category)
        asked = sum(is_asked(result, metric) for result in own)
        name = f"{metric}{APART}{category}"
        if asked < gate.critical.minimum_cases:
            reason = f"{name}: {_too_few(asked, gate)}, so that its floor is not asked for"
            found.append(Check(name, "floor", "N/A", reason))
            continue
        (check,) = floor_checks(_alone(gate, metric, rule), model, own, bars)
        found.append(replace(check, metric=name, reason=f"{category}: {check.reason}"))
    return found


def critical_comparisons(
    gate: Gate,
    model: str,
    candidate: Sequence[Result],
    other: Sequence[Result],
    opponent: Opponent,
    bars: Bars,
) -> list[Check]:
    """One check for every critical category and metric that has a margin, against one opponent.

    Few cases are INCONCLUSIVE: a candidate does not take the champion's place on an exam that
    cannot tell what becomes of its critical categories. N/A where the exam has no such case.
    """
    found = []
    drawn: dict[str, Mapping[str, float]] = {}
    for category, metric, rule in _rules(gate.critical):
        if rule.margin is None:
            continue
        if metric not in drawn:
            drawn[metric] = _shifts(metric, candidate, other)
        name = f"{metric}{APART}{category}"
        pairs = pair(metric, _of(candidate, category), _of(other, category))
        if not pairs.contracts and not pairs.gaps:
            reason = f"{name} does not apply: the exam has no such case"
            found.append(Check(name, opponent.words, "N/A", reason))
            continue
        shift = drawn[metric].get(slugify(category), 0.0)
        check = _compared(gate, name, metric, rule.margin, pairs, shift, opponent)
        if barred := bars.of(metric, model, opponent.name):
            check = replace(check, outcome=barred[0], reason=f"{category}: {barred[1]}")
        found.append(check)
    return found


def _compared(
    gate: Gate,
    name: str,
    metric: str,
    margin: float,
    pairs: Pairs,
    shift: float,
    opponent: Opponent,
) -> Check:
    """PASS if it is one with the worst for what was lost, FAIL if it is one with the best."""
    ends = METRICS[metric].worst_and_best
    complete, worst, best = (
        difference(metric, each, shift, gate.alpha)
        for each in (pairs, pairs.filled(*ends), pairs.filled(*ends[::-1]))
    )
    check = Check(name, opponent.words, "INCONCLUSIVE", "", _shown(metric, complete))
    if pairs.gaps:
        check = replace(check, worst=_shown(metric, worst), best=_shown(metric, best))
    short = _short(gate, name, complete, pairs.lost)
    outcome, reason = short or _judged(gate, margin, complete, worst, best)
    if short is None:
        drawn = f", drawn by {METRICS[metric].gain(shift):+z.3f} toward all categories"
        reason = f"{name} {check.estimate:+.3f} against {opponent.words}{drawn}; {reason}"
    return replace(check, outcome=outcome, reason=reason)


def difference(metric: str, pairs: Pairs, shift: float, alpha: float) -> Estimate | None:
    """The gain, drawn toward that of all categories."""
    if not pairs.contracts:
        return None
    gain = METRICS[metric].gain
    first, second = ([gain(score) for score in side] for side in (pairs.candidate, pairs.other))
    return moved(compare_means(first, second, pairs.contracts, alpha=alpha).difference, shift)


def _shown(metric: str, found: Estimate | None) -> Estimate | None:
    return found and METRICS[metric].gain(found)


def _short(gate: Gate, name: str, found: Estimate | None, lost: float) -> Reasoned | None:
    few = found.n if found else 0
    if few < gate.critical.minimum_cases:
        return "INCONCLUSIVE", f"{name}: {_too_few(few, gate)}"
    return unfit(name, found, lost, _lenient(gate))


def _judged(
    gate: Gate,
    margin: float,
    complete: Estimate | None,
    worst: Estimate | None,
    best: Estimate | None,
) -> Reasoned:
    def side(found: Estimate | None) -> Outcome:
        return found.against(-margin) if found else "INCONCLUSIVE"

    outcome = side(complete)
    turned = {"PASS": worst, "FAIL": best}.get(outcome, complete)
    if side(turned) != outcome:
        return "INCONCLUSIVE", f"margin {margin:g}: missing values could turn it"
    if outcome != "INCONCLUSIVE":
        return outcome, f"margin {margin:g}: {'not worse' if outcome == 'PASS' else 'worse'}"
    more = what_it_takes(complete, -margin, gate) if complete else ""
    more = more.replace(" would settle", " with such a case would settle")
    return outcome, f"margin {margin:g}: inconclusive{f'; {more}' if more else ''}"


def _shifts(metric: str, candidate: Sequence[Result], other: Sequence[Result]) -> dict[str, float]:
    """Of every category by its slug, on a scale where more is better."""
    mine, theirs = _by_category(candidate), _by_category(other)
    gain = METRICS[metric].gain
    groups = {}
    for category, results in mine.items():
        pairs = pair(metric, results, theirs.get(category, ()))
        if pairs.contracts:
            both = zip(pairs.candidate, pairs.other, strict=True)
            groups[category] = [gain(one - two) for one, two in both]
    return shifts(groups)


def critical_demands(gate: Gate, cases: Sequence[Case]) -> Iterator[Demand]:
    """What is asked of critical categories, to be foreseen; none of those without a case."""
    contracts = len({case.contract.id for case in cases})
    for category, metric, rule in _rules(gate.critical):
        clusters = tuple(
            case.contract.id
            for case in cases
            if slugify(case.category) == slugify(category) and METRICS[metric].is_of(case)
        )
        if clusters:
            name = f"{metric}{APART}{category}"
            least = gate.critical.minimum_cases
            yield Demand(name, metric, rule.floor, rule.margin, contracts, clusters, least)


def unknown(gate: Gate, cases: Iterable[Case]) -> str | None:
    """Critical categories of which a data set has no case; None where it has all."""
    known = {slugify(case.category) for case in cases}
    missing = [each for each in gate.critical.categories if slugify(each) not in known]
    if not missing:
        return None
    return f"no case of the data set is of these critical categories: {', '.join(missing)}"


def _rules(critical: Critical) -> Iterator[tuple[str, str, CriticalRule]]:
    for category in critical.categories:
        for metric, rule in critical.metrics.items():
            yield category, metric, rule


def _of(results: Iterable[Result], category: str) -> list[Result]:
    return [each for each in results if slugify(each.case.category) == slugify(category)]


def _by_category(results: Iterable[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(slugify(result.case.category), []).append(result)
    return groups


def _too_few(cases: int, gate: Gate) -> str:
    rest = f"{cases} such case{'' if cases == 1 else 's'}"
    return f"the exam has {rest}, and {gate.critical.minimum_cases} are the least"


def _alone(gate: Gate, metric: str, rule: CriticalRule) -> Gate:
    """A gate that asks one thing of the cases of one category."""
    floor = MetricGate(role="guard", floor=rule.floor)
    return _lenient(gate).model_copy(update={"metrics": {metric: floor}})


def _lenient(gate: Gate) -> Gate:
    """The gate with the least number of such cases; what was lost of them is held at its worst."""
    least = gate.critical.minimum_cases
    return gate.model_copy(update={"minimum_cases": least, "attrition": 1.0})
