"""From scores to checks: what the gate file asks, and what came of it.

Every entry gives one check against its floor, and one against each opponent that it is held
against, whatever is missing. What cannot be established is INCONCLUSIVE. No entry is passed over,
so that nothing which is lost, a judge, a metric, an answer, can take a guard away.
"""

from collections.abc import Mapping, Sequence

from evals.gate import Gate
from evals.plan import Result
from reports.bars import Bars
from reports.comparing import opponent_checks
from reports.floors import floor_checks
from reports.verdict import Check, Opponent


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
    for opponent in opponents:
        if opponent.name != model:
            other = of_model.get(opponent.name, ())
            checks += opponent_checks(gate, model, results, other, opponent, bars)
    return checks
