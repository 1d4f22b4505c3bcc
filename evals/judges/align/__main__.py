"""`python -m evals.judges.align`: the reference judge, aligned with your own people's scores.

Exit codes: 0 written, 1 not shown to be better and so not written, 4 a usage mistake.
"""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, run
from common.errors import UserError
from common.files import write_whole
from common.identity import digest, file_digest
from evals.judges.align.judge import Alignment
from evals.judges.align.labelled import check_enough, read_labelled
from evals.judges.align.monotone import KNOTS, Monotone, crossed, fitted
from evals.judges.pairs import Pair
from evals.judges.reference.judge import ReferenceJudge
from evals.judges.wording import Wording, read_text, rubric_digest
from evals.options import ALIGNED
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.spoken import scorable
from reports.statistics.agreement import Agreement, Measured, agreement
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

ALPHA = 0.05
HELD_OUT_FROM, HELD_OUT_CONTRACTS, HELD_OUT_OF = 100, 10, 5
"""Labels and contracts from which on a fifth of the contracts is kept for the judge's exam."""

LEAST_GAIN = 0.01
"""Of mean absolute error."""

SPELT = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class Tried:
    """A map, and what every label says of one that was fitted without its contract.

    `pairs`, the reference judge's scores `before` and those `after` are of shape (n,); `change` is
    of the mean absolute error, after less before.
    """

    pairs: tuple[Pair, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    map: Monotone
    held_out: frozenset[str]
    change: Estimate

    @property
    def better(self) -> bool:
        """Whether the error falls, by the worse end of its interval over contracts, and by enough.

        A smaller fall is luck as often as not, and not worth a judge of one's own.
        """
        high = self.change.high
        return high is not None and high < 0 and self.change.mean <= -LEAST_GAIN


def tried(pairs: Sequence[Pair], scores: Sequence[float]) -> Tried:
    """Align, and hold it against labels that nothing was fitted on.

    Args:
        pairs: shape (n,), of questions that the contracts answer.
        scores: shape (n,), the reference judge's.
    """
    import numpy as np

    contracts = [pair.contract for pair in pairs]
    held_out = kept_apart(contracts)
    before, labels = np.asarray(scores), np.asarray([pair.score for pair in pairs])
    seen = np.asarray([contract not in held_out for contract in contracts])
    names = [contract for contract in contracts if contract not in held_out]
    found = fitted(before[seen], labels[seen], names)
    after = np.asarray([found.of(score) for score in scores])
    after[seen] = crossed(before[seen], labels[seen], names)
    gains = np.abs(after - labels) - np.abs(before - labels)
    change = cluster_mean(gains.tolist(), contracts, ALPHA, "amount")
    return Tried(tuple(pairs), tuple(scores), tuple(after.tolist()), found, held_out, change)


def kept_apart(contracts: Sequence[str]) -> frozenset[str]:
    """The contracts on which the aligned judge is examined later; none where labels are few.

    About a fifth, by the digest of their names: the same ones whoever aligns.
    """
    names = sorted(set(contracts), key=lambda name: digest("held out of alignment", name))
    if len(contracts) < HELD_OUT_FROM or len(names) < HELD_OUT_CONTRACTS:
        return frozenset()
    return frozenset(names[: len(names) // HELD_OUT_OF])


def main(argv: list[str] | None = None) -> int:
    """Align the reference judge with people's scores; 1 where that is not shown to be better."""
    parser = Parser(prog="python -m evals.judges.align", description=main.__doc__)
    add = parser.add_argument
    add("--labels", type=Path, required=True, metavar="FILE", help="CSV or JSONL: contract, "
        "question, expected, answer, score; or case_id, answer, score of --dataset")  # fmt: skip
    add("--name", required=True, help="of the aligned judge, and of its file")
    add("--folder", type=Path, default=Path("judges"), help="where its file is written (judges)")
    add("--rubric", type=Path, metavar="FILE", help="what your people score by, if not our rubric")
    add("--dataset", metavar="NAME", help="sample, cuad or a path: whose cases case_id names")
    add("--cuad-dir", type=Path, help="folder that holds CUAD_v1.json")
    return run(parser.parse_args, _align, argv)


def _align(options: argparse.Namespace) -> int:
    if not SPELT.fullmatch(options.name):
        raise UserError(f"--name {options.name}: give letters, digits, points and dashes")
    path: Path = options.folder / f"{options.name}.json"
    if path.exists():
        raise UserError(f"{path} is there already; give another --name, or remove it")
    own = options.rubric
    rubric = rubric_digest(Wording(read_text(f"--rubric {own}", own, "rubric") if own else ""))
    cases = load_dataset(options.dataset, options.cuad_dir).cases if options.dataset else ()
    judge = ReferenceJudge()
    pairs = read_labelled(options.labels, cases, rubric)
    answered = [pair for pair in pairs if pair.case.answerable]
    check_enough(options.labels, answered)
    scores = [_score(judge, pair) for pair in answered]
    scored = [(p, s) for p, s in zip(answered, scores, strict=True) if s is not None]
    check_enough(options.labels, [pair for pair, _ in scored])
    found = tried([pair for pair, _ in scored], [score for _, score in scored])
    sides = _sides(found)
    print(_table(found, sides, len(pairs) - len(answered), len(answered) - len(scored)))
    if not _rises(sides[0]):
        print(
            "not written: the reference judge's scores are not shown to rise with these labels, "
            "and no alignment changes their order: it would give every answer about the same; see "
            "that each score stands beside its answer, or examine another judge",
            file=sys.stderr,
        )
        return 1
    if not found.better:
        print(
            "not written: on contracts that it was not aligned by, the aligned judge's mean "
            f"absolute error changes by {found.change:+.3f}, which is not shown to be a gain of "
            f"{LEAST_GAIN:g} or more; keep --judge reference, or align by more labels",
            file=sys.stderr,
        )
        return 1
    held_out = tuple(pair for pair in found.pairs if pair.contract in found.held_out)
    alignment = Alignment(
        reference=judge.identity,
        rubric=rubric,
        labels=file_digest(options.labels),
        values=found.map.values,
        held_out=held_out,
    )
    write_whole(path, json.dumps(alignment.model_dump(mode="json"), indent=1) + "\n")
    print(f"written: {path}; type: pytest evals --judge {shlex.quote(f'{ALIGNED}{path}')}")
    return 0


def _score(judge: ReferenceJudge, pair: Pair) -> float | None:
    """The reference judge's score, as an exam gives it; None where it gives none."""
    answer = scorable(Answer(pair.answer))
    return None if answer.error else judge.score(pair.case, answer.text).value


def _sides(found: Tried) -> tuple[Agreement, Agreement]:
    """How the reference judge agrees with the labels, and how the aligned one does."""
    contracts = [pair.contract for pair in found.pairs]
    labels = [pair.score for pair in found.pairs]
    before, after = (
        agreement(scores, labels, contracts, ALPHA) for scores in (found.before, found.after)
    )
    return before, after


def _rises(found: Agreement) -> bool:
    """Whether scores are higher where labels are, by the worse end of the correlation's interval.

    A constant has the smaller error of labels that the scores say nothing of, and is no judge.
    """
    ranks = found.spearman.estimate
    return ranks is not None and (ranks.mean if ranks.low is None else ranks.low) > 0


def _table(
    found: Tried, agreements: tuple[Agreement, Agreement], unanswerable: int, unscored: int
) -> str:
    """Before and after, on labels that the map at hand was not fitted on."""
    contracts = [pair.contract for pair in found.pairs]
    labels = [pair.score for pair in found.pairs]
    sides = [
        _side(each, scores, labels, contracts)
        for each, scores in zip(agreements, (found.before, found.after), strict=True)
    ]
    notes = f", {unscored} more are unscored" if unscored else ""
    notes += f", {unanswerable} more ask what no contract answers" if unanswerable else ""
    kept = (
        f"{len(found.held_out)} of the contracts are kept for its exam. " if found.held_out else ""
    )
    steps = (f"{knot:g}: {value:.2f}" for knot, value in zip(KNOTS, found.map.values, strict=True))
    return "\n".join(
        [
            f"{len(labels)} labels of {len(set(contracts))} contracts, each held against a judge "
            f"that was aligned without its contract{notes}",
            f"{'':28}{'reference':24}aligned",
            *(f"{what:28}{sides[0][what]:24}{sides[1][what]}" for what in sides[0]),
            f"{kept}Its scores in place of the reference judge's: {', '.join(steps)}",
        ]
    )


def _side(
    found: Agreement, scores: Sequence[float], labels: Sequence[float], contracts: Sequence[str]
) -> dict[str, str]:
    over = [score - label for score, label in zip(scores, labels, strict=True)]
    return {
        "mean absolute error": _shown(found.mean_absolute_error),
        "mean score less mean label": f"{cluster_mean(over, contracts, ALPHA, 'difference'):+.3f}",
        "Spearman": _shown(found.spearman),
        "kappa": _shown(found.kappa),
    }


def _shown(measured: Measured) -> str:
    return f"{measured.estimate}" if measured.estimate else measured.reason


if __name__ == "__main__":
    sys.exit(main())
