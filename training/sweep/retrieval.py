"""Retrieval alone: which passages are found, without a call of any model."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from common.command import Say
from fixtures.cases import Case
from fixtures.retrieval.fitting import fit
from fixtures.retrieval.log_odds import Priors
from fixtures.retrieval.passages import Chunker, Passage
from fixtures.retrieval.retrieval import RetrieverOptions
from models.egress import Egress
from models.retrieval.opening import open_retriever
from training.sweep.tried import Tried

UNIT = "characters shown"


def priors_without(train: Sequence[Case], held: Sequence[Case]) -> Priors:
    """Priors fitted as the shipped ones are, on the contracts of the train split that are not held.

    The shipped ones have seen them all: on these contracts they would look better than they are.
    """
    validating = {case.contract.digest for case in held}
    rest = [case for case in train if case.contract.digest not in validating]
    return Priors(fit(rest) if rest else {}, {"sweep": "validation contracts left out"})


def try_retrieval(
    cases: Sequence[Case],
    settings: Sequence[RetrieverOptions],
    ks: Sequence[int],
    dataset: str,
    folder: Path,
    egress: Egress,
    priors: Priors,
    say: Say,
) -> Iterator[Tried]:
    """Hit@k of every setting at every k, one ranking for all of them.

    Args:
        cases: with gold answers that have a place in their contract.
        settings: their k is not looked at.
        ks: how many passages are shown.
        dataset: its name, for the index.
        folder: of the index.
        egress: what is sent, and the registry.
        priors: of contracts that are not asked.
        say: is told what is being done.
    """
    for options in settings:
        say(f"now: {typed(options)}")
        retriever = open_retriever(options, dataset, folder, egress, priors=priors)
        ranked = retriever.retrieve(cases)
        for k in ks:
            shown = [passages[:k] for passages in ranked]
            yield Tried(
                f"{typed(options)} --k {k}",
                typed(options),
                tuple(map(_hit, cases, shown)),
                fmean(sum(len(each.text) for each in passages) for passages in shown),
            )


def grid(
    kinds: Sequence[str], sizes: Sequence[int], overlaps: Sequence[int], most: int, embedder: str
) -> list[RetrieverOptions]:
    """Every retriever with every chunker; an overlap of more than half a passage is left out.

    Raises:
        UserError: a value is not possible.
    """
    chunkers = [
        Chunker(size, overlap) for size in sizes for overlap in overlaps if 2 * overlap <= size
    ]
    return [
        RetrieverOptions(kind, most, chunker, embedder=embedder)
        for kind in kinds
        for chunker in chunkers
    ]


def typed(options: RetrieverOptions) -> str:
    """The options as `pytest evals` takes them, without k."""
    chunker = options.chunker
    return (
        f"--retriever {options.kind} --chunk-size {chunker.size} --chunk-overlap {chunker.overlap}"
    )


def _hit(case: Case, shown: Sequence[Passage]) -> float:
    """Whether a gold answer starts in a passage that is shown."""
    starts = [span.start for span in case.spans if span.start is not None]
    return float(any(each.start <= start < each.end for start in starts for each in shown))
