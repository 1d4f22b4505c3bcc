"""What the reference judge is worth, and what each of its parts is worth alone."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from common.errors import UserError
from common.files import read_jsonl
from evals.judges.pairs import SHIPPED, Pair
from evals.judges.reference.examples import Examples, fitted
from evals.judges.reference.features import DIRECTIONS, FAMILIES
from evals.judges.reference.judge import by_rule
from evals.metrics.overlap import rouge_l
from evals.metrics.text import token_f1
from models.chat import Answer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers: TypeAlias = npt.NDArray[np.float64]
    Chosen: TypeAlias = npt.NDArray[np.bool_]


FOLDS = 6
TRAPS = ("wrong_number", "wrong_date", "wrong_party", "negation_flipped", "contradiction_inside")
"""Kinds in which one word of a good answer was made wrong, which overlap cannot see."""

DRAWS = 1000

BEGIN, END = (
    "<!-- figures: written by python -m evals.judges.reference.fit -->",
    "<!-- end of figures -->",
)

HEAD = "| {} | pairs | Spearman | 95 % interval | MAE | kappa |\n|---|---|---|---|---|---|"


def folds(rows: Examples) -> Iterator[tuple["Chosen", "Chosen"]]:
    """Rows to fit and rows to predict: no contract in both, and nothing held out in either."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    usable = np.flatnonzero(~rows.held_out)
    split = GroupKFold(FOLDS, shuffle=True, random_state=0).split(
        usable, groups=rows.contracts[usable]
    )
    for learn, test in split:
        masks = np.zeros((2, len(rows.pairs)), dtype=bool)
        masks[0, usable[learn]] = masks[1, usable[test]] = True
        yield masks[0], masks[1] & ~rows.borrowed


def by_writer(rows: Examples) -> Iterator[tuple["Chosen", "Chosen"]]:
    """Rows of all writers but one, and of this one: each file had another writer."""
    import numpy as np

    files = {}
    for path in sorted(SHIPPED.glob("*.jsonl")):
        for _, row in read_jsonl(path):
            files[row["contract"]] = path.name
    names = np.array([files[contract] for contract in rows.contracts])
    for name in sorted(set(names)):
        yield names != name, (names == name) & ~rows.borrowed


def predicted(
    rows: Examples,
    splits: "Iterator[tuple[Chosen, Chosen]]",
    columns: Sequence[str] = tuple(DIRECTIONS),
) -> "Numbers":
    """Predictions of models that did not see the row's contract; NaN where there is none."""
    import numpy as np

    places = [list(DIRECTIONS).index(name) for name in columns]
    found = np.full(len(rows.pairs), np.nan)
    for learn, test in splits:
        model = fitted(rows, learn, columns)
        found[test] = np.clip(model.predict(rows.features[test][:, places]), 0, 1)
    return found


def agreement(pairs: Sequence[Pair], said: "Numbers") -> str:
    """Cells of one row: pairs, Spearman with its cluster-bootstrap interval, MAE, weighted kappa.

    Whole contracts are drawn. Kappa has quadratic weights over quarters of the scale.
    """
    import numpy as np
    from scipy.stats import spearmanr
    from sklearn.metrics import cohen_kappa_score

    gold = np.array([pair.score for pair in pairs])
    contracts = np.array([pair.contract for pair in pairs])
    places = [np.flatnonzero(contracts == name) for name in sorted(set(contracts))]
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        sample = np.concatenate([places[i] for i in random.integers(len(places), size=len(places))])
        drawn.append(spearmanr(said[sample], gold[sample]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    kappa = cohen_kappa_score(
        np.rint(said * 4).astype(int), np.rint(gold * 4).astype(int), weights="quadratic"
    )
    rank = spearmanr(said, gold).statistic
    error = np.abs(said - gold).mean()
    return f"{len(gold)} | {rank:.3f} | {low:.3f} to {high:.3f} | {error:.3f} | {kappa:.3f} |"


def figures(pairs: Sequence[Pair], rows: Examples) -> str:
    """Both tables, in Markdown."""
    return "\n".join([*_whole(pairs, rows), "", *_parts(rows)])


def _whole(pairs: Sequence[Pair], rows: Examples) -> Iterator[str]:
    """All pairs, those included that rules decide."""
    import numpy as np

    def row(name: str, by_trees: "Numbers", chosen: Callable[[Pair], bool]) -> str:
        trees = {id(pair): value for pair, value in zip(rows.pairs, by_trees, strict=True)}
        kept = [pair for pair in pairs if chosen(pair)]
        scores = [by_rule(pair.question, pair.expected, pair.answer) for pair in kept]
        said = [
            score.value if score is not None else trees[id(pair)]
            for pair, score in zip(kept, scores, strict=True)
        ]
        return f"| {name} | {agreement(kept, np.array(said, dtype=float))}"

    yield HEAD.format("The whole judge")
    yield row("cross-validated", predicted(rows, folds(rows)), lambda pair: not pair.held_out)
    once = iter([(~rows.held_out, rows.held_out)])
    yield row("held out", predicted(rows, once), lambda pair: pair.held_out)
    for learn, test in by_writer(rows):
        seen = {pair.contract for pair, is_test in zip(rows.pairs, test, strict=True) if is_test}
        yield row(
            "a writer never seen",
            predicted(rows, iter([(learn, test)])),
            lambda pair, seen=seen: pair.contract in seen,  # type: ignore[misc]
        )


def _parts(rows: Examples) -> Iterator[str]:
    """The pairs that the trees weigh: all features, all but a family, one family alone."""
    import numpy as np

    usable = ~rows.held_out & ~rows.borrowed
    pairs = [pair for pair, use in zip(rows.pairs, usable, strict=True) if use]

    def row(name: str, columns: Sequence[str]) -> str:
        return f"| {name} | {agreement(pairs, predicted(rows, folds(rows), columns)[usable])}"

    whole = predicted(rows, folds(rows))[usable]
    yield HEAD.format("Where the trees decide, cross-validated")
    yield f"| all features | {agreement(pairs, whole)}"
    for family, members in FAMILIES.items():
        yield row(f"without {family}", [name for name in DIRECTIONS if name not in members])
    for family, members in FAMILIES.items():
        yield row(f"{family} alone", list(members))
    plain = list(_plain(pairs))
    for name, said in plain:
        yield f"| {name}, unfitted | {agreement(pairs, said)}"
    kept = np.array([pair.kind not in TRAPS for pair in pairs])
    fair = [pair for pair in pairs if pair.kind not in TRAPS]
    yield ""
    yield HEAD.format("The same without single planted faults")
    for name, said in [("all features", whole), *plain]:
        yield f"| {name} | {agreement(fair, said[kept])}"


def _plain(pairs: Sequence[Pair]) -> Iterator[tuple[str, "Numbers"]]:
    """Well-known measures as they are."""
    import numpy as np

    from fixtures.retrieval.embedder import load_embedder

    for name, rule in (("token F1", token_f1), ("ROUGE-L", rouge_l)):
        scores = [rule(pair.case, Answer(pair.answer)).value or 0.0 for pair in pairs]
        yield name, np.array(scores)
    embedder = load_embedder()
    said = embedder.embed([pair.answer for pair in pairs])
    golds = [embedder.embed(pair.expected) for pair in pairs]
    near = [float((gold @ one).max()) for gold, one in zip(golds, said, strict=True)]
    yield "cosine of the embedded texts", np.clip(np.array(near), 0, 1)


def insert(page: Path, shown: str) -> None:
    """Put the tables between the markers of a page.

    Raises:
        UserError: the page has no markers.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{page}: no place for the figures; put these lines in: {BEGIN} {END}")
    page.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}", encoding="utf-8")
