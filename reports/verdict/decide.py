"""Where the gate is decided: what the gate file asks of a candidate, and what came of it.

    opponents      whom the candidate is measured against
    prospects      what the exam can prove, said before it begins
    planning       what it will cost, and what it would take where it does not conclude
    leakage        whether the candidate was trained on what it is examined on
    preconditions  further checks that do not come from scores: a whole exam, few faults
    bars           why a gated metric decides nothing: judge, kind of model, too few cases
    pairs, means   scores case by case with what was lost, and their means with intervals
    floors         each gated metric against its floor
    margins        each gated metric against each opponent
    critical       both again in categories that must hold by themselves
    guards         suites beside the metrics that the gate file makes guards
    decide         `gate_checks` gathers both, `decide` makes one verdict of all checks
    categories     where the candidate differs: reported, never gated
    misses         which cases the opponents missed, likewise
    conclude       all of it, into the report

Every entry gives one check against its floor, and one against each opponent that it is held
against, whatever is missing. What cannot be established is INCONCLUSIVE. No entry is passed over,
so that nothing which is lost, a judge, a metric, an answer, can take a guard away.

Every check must pass for PROMOTE, and one that fails is enough for REJECT: an intersection-union
test, which needs no correction for the number of guards (Berger 1982). Only superiority on
primary metrics is corrected, by Holm's method, since each is a claim of its own.
"""

from collections.abc import Iterable, Mapping, Sequence

from evals.gate import Gate
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Check, Decision, Opponent, Verdict
from reports.statistics.estimates import Outcome
from reports.verdict.bars import Bars
from reports.verdict.critical import critical_comparisons, critical_floors
from reports.verdict.floors import floor_checks
from reports.verdict.margins import opponent_checks


def who_may_pass(models: Iterable[str], opponents: Sequence[Opponent]) -> tuple[str, ...]:
    """Those of several models that may pass; one that is the champion, or the baseline, cannot."""
    others = {each.name for each in opponents if each.role != "anchor"}
    return tuple(dict.fromkeys(name for name in models if name not in others))


def shared(gate: Gate, candidates: Sequence[str]) -> Gate:
    """The gate at the risk that each of several candidates may run: alpha over their number.

    Then the risk that any of them passes by luck is alpha at most (Bonferroni). Its identity is
    not that of the file.
    """
    return gate.model_copy(update={"alpha": gate.alpha / max(len(candidates), 1)})


def gate_checks(
    gate: Gate,
    model: str,
    of_model: Mapping[str, Sequence[Result]],
    opponents: Sequence[Opponent],
    bars: Bars,
) -> list[Check]:
    """What the gate file asks of one candidate.

    Args:
        gate: the gate file, whole.
        model: the candidate.
        of_model: results of the candidate and of its opponents, by model.
        opponents: the candidate itself is not measured against itself.
        bars: what keeps metrics from speaking.
    """
    results = of_model.get(model, ())
    checks = floor_checks(gate, model, results, bars)
    checks += critical_floors(gate, model, results, bars)
    for opponent in opponents:
        if opponent.name != model:
            other = of_model.get(opponent.name, ())
            at = gate.model_copy(update={"alpha": risk(gate.alpha, opponent)})
            checks += opponent_checks(at, model, results, other, opponent, bars)
            checks += critical_comparisons(at, model, results, other, opponent, bars)
    return checks


def risk(alpha: float, opponent: Opponent) -> float:
    """The risk of each bound against an opponent.

    Against the anchor a stream of candidates on the same contracts shares one risk: the k-th is
    held to alpha / k. Otherwise each would have a chance of its own to fall a margin behind, and
    sooner or later one would.

    >>> risk(0.05, Opponent("anchor", "first", "", tries=5))
    0.01
    """
    return alpha / opponent.tries


def decide(
    model: str,
    checks: Sequence[Check],
    champion: Opponent | None = None,
    anchor: Opponent | None = None,
) -> Verdict:
    """Combine checks into a verdict; the reasons are those of the checks that did not pass."""
    outcomes = {check.outcome for check in checks}
    outcome: Decision = "PROMOTE"
    if "FAIL" in outcomes:
        outcome = "REJECT"
    elif "INCONCLUSIVE" in outcomes or not any(check.speaks for check in checks):
        outcome = "INCONCLUSIVE"
    worst: Outcome = "FAIL" if outcome == "REJECT" else "INCONCLUSIVE"
    reasons = tuple(c.reason for c in checks if c.outcome == worst)
    if outcome == "INCONCLUSIVE" and not reasons:
        reasons = (
            "the gate file asks nothing of the answers; give a metric that reads them a floor or "
            "a margin",
        )
    best = anchor or champion
    compared = [c for c in checks if best and c.against == best.words and c.metric in METRICS]
    gains = [_is_gain(check) for check in compared if check.outcome != "N/A"]
    improves = all(gains) if gains else best is None or best.name == model
    return Verdict(model, outcome, reasons, tuple(checks), champion, anchor, improves)


def _is_gain(check: Check) -> bool:
    """Whether the interval of a difference lies where the candidate is better."""
    found = check.estimate
    if found is None:
        return False
    return METRICS[check.metric].gain(found).against(0.0, "lower") == "FAIL"
