"""`python -m reports.compare --served PATH`: from logged requests to the tables."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.settings import nearest
from fixtures.served import read_served
from reports.compare.served.measures import measures
from reports.compare.served.shown import show
from reports.compare.served.trials import trials_of
from reports.feedback.kept import FOLDER, Kept, is_kept

if TYPE_CHECKING:
    from rich.console import Console


def compare_served(
    paths: Sequence[str], feedback: Path | None, metrics: Sequence[str], console: "Console"
) -> None:
    """Print what logged requests say of champion and candidate.

    Args:
        paths: of the log: files, folders or `s3://` addresses.
        feedback: folder of imported feedback; None takes the usual one, where there is one.
        metrics: names of those to judge; none takes all.
        console: where.

    Raises:
        UserError: a file cannot be read, a metric is unknown, or rows cannot be compared.
    """
    known = measures(_scores(feedback))
    for name in metrics:
        if name not in known:
            raise UserError(f"--metric {name}: no such metric; {nearest(name, known)}")
    chosen = [known[name] for name in metrics] or [*known.values()]
    show(trials_of(read_served(paths), chosen), chosen, console)


def _scores(folder: Path | None) -> dict[str, float]:
    """What people said, by the id of the row; nothing where nothing was imported."""
    if not is_kept(folder or FOLDER):
        if folder:
            raise UserError(
                f"no feedback was imported into {folder}; type `python -m reports.feedback import "
                f"FILE --kept {folder}`, and give that folder"
            )
        return {}
    with closing(Kept(folder or FOLDER)) as kept:
        return kept.by_event()
