"""A case asked several times, of a model that draws its answers: its score is the mean.

The unit of the statistics stays the case: the mean over its repeats has less of the variance that
drawing adds, and the spread between cases and contracts, from which intervals are made, holds what
is left of it beside the variance of the cases themselves.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evals.results import Result, Score
from models.chat import Decoding, Model
from models.price import summed


def draws(model: Model, repeats: int) -> tuple[Model, ...]:
    """The model once for each repeat, each with a seed of its own; once where it draws nothing.

    The first is the model as it is, so that more repeats ask the further ones alone. Seeds count on
    from the model's own: they tell the draws apart also where a server takes none.
    """
    recorded: tuple[Model, ...] | None = getattr(model, "further", None)
    if recorded is not None:  # asked before, as often as a log says
        return (model, *recorded[: repeats - 1])
    decoding: Decoding | None = getattr(model, "decoding", None)
    if decoding is None or not decoding.temperature:
        return (model,)
    seeds = range((decoding.seed or 0) + 1, (decoding.seed or 0) + repeats)
    further = (model.drawn(decoding.temperature, seed) for seed in seeds)
    return (model, *(each for each in further if each is not None))


def merged(results: Sequence[Result]) -> Result:
    """What a model made of a case, in all repeats: the first answer, and the means of the scores.

    A case of which any repeat failed is lost as a whole, and counts as attrition: a mean over the
    repeats that came would leave out what failed, and may have failed for what it was.

    >>> from fixtures.cases import Case, Contract
    >>> from models.chat import Answer
    >>> case = Case("1", "1", Contract("A", "Two years."), "Term", "How long?", ())
    >>> twice = [Result("m", case, Answer("x"), {"f": Score(v)}, True) for v in (0.0, 0.5)]
    >>> merged(twice).scores["f"].value
    0.25
    """
    first = results[0]
    if len(results) == 1:
        return first
    asked = any(each.asked for each in results)
    for number, each in enumerate(results, start=1):
        if each.answer.error is not None:
            error = f"{each.answer.error} (repeat {number} of {len(results)})"
            answer = replace(each.answer, error=error)
            return replace(each, answer=answer, asked=asked, repeat=0, repeats=len(results))
    scores = {
        metric: _mean([each.scores[metric] for each in results if metric in each.scores])
        for metric in first.scores
    }
    further = tuple(each.answer for each in results[1:])
    return replace(first, scores=scores, asked=asked, repeats=len(results), further=further)


def _mean(scores: Sequence[Score]) -> Score:
    votes = tuple(
        (vote[0][0], _mean_value([value for _, value in vote]))
        for vote in zip(*(score.votes for score in scores), strict=True)
    )
    cost = summed(score.cost for score in scores)
    value = _mean_value([score.value for score in scores])
    if value is None:
        lost = next(score for score in scores if score.value is None)
        return replace(lost, votes=votes, cost=cost)
    reasons = dict.fromkeys(score.reason for score in scores if score.reason)
    return Score(value, "; ".join(reasons), votes, cost)


def _mean_value(values: Sequence[float | None]) -> float | None:
    """None where one of them is."""
    there = [value for value in values if value is not None]
    whole = len(there) == len(values)
    return math.fsum(value / len(there) for value in there) if whole else None


def format_draws(models: Sequence[Model], cases: int, repeats: int) -> Iterator[str]:
    """What repeats cost, and of whom they ask nothing more; nothing without repeats."""
    for model in models if repeats > 1 else ():
        times = len(draws(model, repeats))
        yield (
            f"{model.name} draws its answers: each of {cases:,} cases is asked {times} times, "
            f"{times * cases:,} answers; a case's score is their mean, and its first is shown"
            if times > 1
            else f"{model.name} always says the same (temperature 0): each case is asked once"
        )
