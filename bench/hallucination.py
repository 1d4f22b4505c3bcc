"""How well each embedded detector tells what a contract says from what it does not."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.results import Finding
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.embedded.claim_support import ClaimSupport
from evals.judges.embedded.embedding import Embeddings
from evals.judges.embedded.selfcheck import by_embedding, ngram_scores
from evals.judges.embedded.sentences import claims
from evals.judges.judge import Submission
from evals.judges.pairs import Pair, read_pairs
from evals.judges.planted import FALSE, LEAST_WORDS, SAMPLES, SHOWN, TRUE, plant
from evals.metrics.grounding import grounded_quote
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer

RIGHT = ("exact", "paraphrase", "date_or_number_format", "truncated_quote")
WRONG = ("wrong_number", "wrong_date", "wrong_party", "negation_flipped")


def measure(folder: Path) -> Finding:
    """AUROC of every embedded detector on the planted answers of the sample's test contracts."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> Finding:
    data = load_dataset("sample")
    planted = [each for each in plant(data.cases) if each.case.contract.id in data.test_contracts]
    pairs = [pair for pair in read_pairs() if pair.kind in RIGHT + WRONG and _long(pair.expected)]
    submissions = [
        *(Submission(p.case, Answer(p.text, passages=p.passages)) for p in planted),
        *(Submission(p.case, Answer(p.answer, passages=_gold(p))) for p in pairs),
    ]
    embeddings = Embeddings()
    parts = [(claims(each.text), each.samples) for each in planted]
    near = await asyncio.gather(*(by_embedding(*each, embeddings) for each in parts))
    scores = {
        "grounded_quote": [grounded_quote(s.case, s.answer).value for s in submissions],
        "claim_support": await _supports(submissions, folder, embeddings),
        "selfcheck_ngram": [_lowness(ngram_scores(*each)) for each in parts],
        "selfcheck_embedding": [_lowness(each) for each in near],
    }
    return Finding(
        "planted hallucinations, AUROC",
        f"{len(planted)} answers to the sample's four test contracts, "
        f"{sum(each.made_up for each in planted)} of them made up, {SHOWN} passages shown; "
        "thresholds and rules were chosen on the train contracts. Planted answers keep to the "
        "contract's words, which flatters detectors that compare words. Beside them "
        f"{len(pairs)} labelled answers of `evals/judges/data`, the expected answer as the "
        "passage; some of these were read while the rules were written. SelfCheckGPT's "
        f"{SAMPLES} samples are simulated. Where a detector gives no score, it is taken as 0.5.",
        table=_table(scores, [each.kind for each in planted], [pair.kind for pair in pairs]),
    )


def _table(
    scores: Mapping[str, Sequence[float | None]], kinds: Sequence[str], labelled: Sequence[str]
) -> str:
    """A row a detector; `scores` are of the planted answers first, then of the labelled ones."""
    rows = [
        "| detector | all | " + " | ".join(FALSE) + " | labelled answers | unscored |",
        "|---" * (len(FALSE) + 4) + "|",
    ]
    for name, values in scores.items():
        ours, theirs = values[: len(kinds)], values[len(kinds) :]
        columns = [_auroc(kinds, ours, made_up) for made_up in (FALSE, *((k,) for k in FALSE))]
        columns.append(_auroc(labelled, theirs, WRONG) if theirs else "")
        unscored = sum(value is None for value in ours) / len(ours)
        rows.append(f"| {name} | {' | '.join(columns)} | {unscored:.0%} |")
    return "\n".join(rows)


async def _supports(
    submissions: Sequence[Submission], folder: Path, embeddings: Embeddings
) -> list[float | None]:
    store = Store(str(folder / "store.sqlite"))
    judge = ClaimSupport(embeddings)
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget())
        scores = await asyncio.gather(*(judge.judge(each, calls) for each in submissions))
    return [score.value for score in scores]


def _long(expected: Sequence[str]) -> bool:
    """Whether there is a sentence to hold an answer against."""
    return sum(len(text.split()) for text in expected) >= LEAST_WORDS


def _gold(pair: Pair) -> tuple[Passage, ...]:
    return tuple(Passage(f"{n}", 0, len(text), text) for n, text in enumerate(pair.expected))


def _lowness(scores: Sequence[float]) -> float | None:
    """One less the mean of scores of which high ones are bad."""
    return 1 - sum(scores) / len(scores) if scores else None


def _auroc(kinds: Sequence[str], values: Sequence[float | None], false: Sequence[str]) -> str:
    """Chance that a true answer scores higher than one made up in these ways, ties counted half."""
    from sklearn.metrics import roc_auc_score

    kept = [
        (kind not in false, 0.5 if value is None else value)
        for kind, value in zip(kinds, values, strict=True)
        if kind in false or kind in TRUE + RIGHT
    ]
    return f"{roc_auc_score([true for true, _ in kept], [value for _, value in kept]):.3f}"
