"""What the reference judge is worth, and what each of its parts is worth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from evals.judges.pairs import Pair
from evals.judges.reference.examples import Examples, fitted
from evals.judges.reference.features import DIRECTIONS, FAMILIES
from evals.judges.reference.judge import by_rule
from evals.metrics.text import token_f1
from models.chat import Answer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

FOLDS = 6
STYLE_FOLDS = 3
DRAWS = 1000
LEAST = 20
"""Answers of a system, or of a kind, below which its mean is not shown."""

BEGIN, END = (
    "<!-- figures: written by python -m evals.judges.reference.fit -->",
    "<!-- end of figures -->",
)
HEAD = (
    "| {} | pairs | Spearman | 95 % interval | token F1's | MAE | kappa |\n"
    "|---|---|---|---|---|---|---|"
)

Which = Callable[[Pair], bool]
Split = tuple[Which, Which]
"""What is fitted on, and what is predicted."""


@dataclass(frozen=True)
class Judged:
    """Labelled pairs, and what the judge, which had not seen them, gives each."""

    pairs: tuple[Pair, ...]
    said: tuple[float, ...]

    def where(self, which: Which) -> "Judged":
        """Some of them."""
        kept = [each for each in zip(self.pairs, self.said, strict=True) if which(each[0])]
        return Judged(tuple(pair for pair, _ in kept), tuple(said for _, said in kept))


def figures(pairs: Sequence[Pair], rows: Examples, silences: Examples) -> str:
    """All tables, in Markdown."""

    def judged(splits: Sequence[Split], which: Which) -> Judged:
        found = {**predicted(rows, splits), **predicted(silences, splits)}
        return _whole([pair for pair in pairs if which(pair)], found)

    folds = by_contract(pairs, FOLDS)
    across = judged(folds, lambda pair: not pair.held_out)
    once = judged([(lambda p: not p.held_out, lambda p: p.held_out)], lambda p: p.held_out)
    return "\n".join(
        [
            HEAD.format("The whole judge"),
            f"| cross-validated | {agreement(across)}",
            f"| held out | {agreement(once)}",
            *_by(across, "cross-validated, ", lambda pair: pair.origin),
            "",
            HEAD.format("A style never seen, in contracts never seen"),
            *_unseen_styles(pairs, judged),
            "",
            HEAD.format("A writer never seen"),
            *_unseen_writers(pairs, judged),
            "",
            *_kinds(across),
            "",
            *_order(across),
            "",
            HEAD.format("Where features decide, cross-validated"),
            *_parts(pairs, rows, folds),
        ]
    )


def by_contract(pairs: Sequence[Pair], folds: int) -> list[Split]:
    """Splits of the contracts that are not held out; what is of other contracts is fitted on."""
    from sklearn.model_selection import GroupKFold

    usable = [pair.contract for pair in pairs if not pair.held_out]
    split = GroupKFold(folds, shuffle=True, random_state=0).split(usable, groups=usable)
    tested = [frozenset(usable[place] for place in test) for _, test in split]
    return [
        (
            lambda pair, test=test: not pair.held_out and pair.contract not in test,  # type: ignore[misc]
            lambda pair, test=test: pair.contract in test,  # type: ignore[misc]
        )
        for test in tested
    ]


def predicted(
    rows: Examples, splits: Sequence[Split], columns: Sequence[int] | None = None
) -> dict[int, float]:
    """Scores, by the `id` of the pair, of models that did not see it."""
    import numpy as np

    places = list(range(rows.features.shape[1]) if columns is None else columns)
    found: dict[int, float] = {}
    for learn, test in splits:
        chosen = np.array([learn(pair) for pair in rows.pairs])
        model = fitted(rows, chosen, places)
        for pair, values in zip(rows.pairs, rows.features, strict=True):
            if pair.origin != "template" and test(pair):
                found[id(pair)] = model.value(values[places].tolist())
    return found


def agreement(judged: Judged) -> str:
    """Cells of one row: Spearman's interval is a bootstrap of whole contracts.

    Kappa has quadratic weights over quarters of the scale.
    """
    import numpy as np
    from scipy.stats import spearmanr
    from sklearn.metrics import cohen_kappa_score

    gold = np.array([pair.label for pair in judged.pairs])
    said = np.array(judged.said)
    contracts = np.array([pair.contract for pair in judged.pairs])
    places = [np.flatnonzero(contracts == name) for name in sorted(set(contracts))]
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        sample = np.concatenate([places[i] for i in random.integers(len(places), size=len(places))])
        drawn.append(spearmanr(said[sample], gold[sample]).statistic)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    kappa = cohen_kappa_score(
        np.rint(said * 4).astype(int), np.rint(gold * 4).astype(int), weights="quadratic"
    )
    rank = spearmanr(said, gold).statistic
    plain = spearmanr([_f1(pair) for pair in judged.pairs], gold).statistic
    error = np.abs(said - gold).mean()
    return (
        f"{len(gold)} | {rank:.3f} | {low:.3f} to {high:.3f} | {plain:.3f} | {error:.3f} | "
        f"{kappa:.3f} |"
    )


def _whole(pairs: Sequence[Pair], found: dict[int, float]) -> Judged:
    """Each pair's score, by rule or else as found."""
    said = []
    for pair in pairs:
        score = by_rule(pair.question, pair.expected, pair.answer)
        said.append(found[id(pair)] if score is None or score.value is None else score.value)
    return Judged(tuple(pairs), tuple(said))


def _f1(pair: Pair) -> float:
    return token_f1(pair.case, Answer(pair.answer)).value or 0.0


def _by(judged: Judged, before: str, key: Callable[[Pair], str]) -> Iterator[str]:
    for name in sorted({key(pair) for pair in judged.pairs}):
        yield f"| {before}{name} | {agreement(judged.where(lambda p, n=name: key(p) == n))}"  # type: ignore[misc]


def _unseen_styles(
    pairs: Sequence[Pair], judged: Callable[[Sequence[Split], Which], Judged]
) -> Iterator[str]:
    folds = by_contract(pairs, STYLE_FOLDS)
    kept: list[Judged] = []
    for style in sorted({pair.style for pair in pairs if pair.style}):

        def of(pair: Pair, style: str = style) -> bool:
            return pair.style == style and pair.origin != "template" and not pair.held_out

        splits: list[Split] = [
            (
                lambda p, learn=learn, style=style: learn(p) and p.style != style,  # type: ignore[misc]
                lambda p, test=test, of=of: test(p) and of(p),  # type: ignore[misc]
            )
            for learn, test in folds
        ]
        kept.append(judged(splits, of))
        yield f"| {style} | {agreement(kept[-1])}"
    whole = Judged(
        tuple(pair for each in kept for pair in each.pairs),
        tuple(said for each in kept for said in each.said),
    )
    yield f"| all of them | {agreement(whole)}"


def _unseen_writers(
    pairs: Sequence[Pair], judged: Callable[[Sequence[Split], Which], Judged]
) -> Iterator[str]:
    """A writer's contracts begin with the letter of the writer; those of the exam with i."""
    for writer in sorted({pair.contract[0] for pair in pairs}):

        def of(pair: Pair, writer: str = writer) -> bool:
            return pair.contract.startswith(f"{writer}-")

        yield f"| {writer} | {agreement(judged([(lambda p, of=of: not of(p), of)], of))}"  # type: ignore[misc]


def _kinds(judged: Judged) -> Iterator[str]:
    """Of each kind of right or wrong answer, what its labels say and what the judge says."""
    import numpy as np

    yield "| kind | answers | labels | judge | MAE |\n|---|---|---|---|---|"
    for kind in sorted({pair.kind for pair in judged.pairs}):
        own = judged.where(lambda pair, kind=kind: pair.kind == kind)  # type: ignore[misc]
        if len(own.pairs) >= LEAST:
            labels, said = np.array([pair.label for pair in own.pairs]), np.array(own.said)
            means = (labels.mean(), said.mean(), np.abs(labels - said).mean())
            shown = " | ".join(f"{mean:.3f}" for mean in means)
            yield f"| {kind} | {len(said)} | {shown} |"


def _order(judged: Judged) -> Iterator[str]:
    """Means of systems, and whether they come in the order of their labels."""
    from scipy.stats import kendalltau

    yield "| A system's mean | answers | labels | judge | token F1 |\n|---|---|---|---|---|"
    means = []
    for name in sorted({_system(pair) for pair in judged.pairs if pair.system}):
        own = judged.where(lambda pair, name=name: _system(pair) == name)  # type: ignore[misc]
        if len(own.pairs) >= LEAST:
            cells = (
                _mean([pair.label for pair in own.pairs]),
                _mean(own.said),
                _mean([_f1(pair) for pair in own.pairs]),
            )
            means.append(cells)
            shown = " | ".join(f"{cell:.3f}" for cell in cells)
            yield f"| {name} | {len(own.pairs)} | {shown} |"
    labels, said, plain = zip(*means, strict=True)
    order, f1_order = (kendalltau(labels, each).statistic for each in (said, plain))
    yield f"| Kendall's tau with the labels | | | {order:.2f} | {f1_order:.2f} |"


def _system(pair: Pair) -> str:
    return pair.system.partition("/")[0]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _parts(pairs: Sequence[Pair], rows: Examples, folds: Sequence[Split]) -> Iterator[str]:
    """The pairs that features weigh: all features, and all but a family."""
    weighed = {id(pair) for pair in rows.pairs}
    usable = [pair for pair in pairs if id(pair) in weighed and not pair.held_out]

    def row(name: str, columns: Sequence[int] | None) -> str:
        found = predicted(rows, folds, columns)
        return f"| {name} | {agreement(Judged(tuple(usable), tuple(found[id(p)] for p in usable)))}"

    yield row("all features", None)
    for family, members in FAMILIES.items():
        yield row(
            f"without {family}", [at for at, name in enumerate(DIRECTIONS) if name not in members]
        )


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
