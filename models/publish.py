"""`python -m models.publish NAME --to mlflow`: a model into the model registry of your team."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, choice, one_line, run
from common.errors import UserError
from common.locks import locked
from models.promotion.place import Place, add_place, take_place
from models.promotion.refused import RefusedError
from models.published.following import LOCK, check_egress, follow, registries, tell
from models.published.release import Grounds, RemoteRegistry, grounds_of, release_of
from models.published.settings import Published, read_published, settings_path
from reports.archive import by_model, kept_reports
from reports.evidence.last_exam import evidence_of
from training.data.lineage import sent_with

EXAMPLES = {
    "mlflow": '[mlflow] with uri = "http://HOST:PORT" and model = "contract-qa"',
    "sagemaker": '[sagemaker] with group = "contract-qa", to = "s3://BUCKET/PATH" and image = ""',
}
KINDS = tuple(EXAMPLES)


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """What goes where.

    Attributes:
        name: of the model; None makes every registry follow the record.
        to: which table of `publish.toml`.
        place: where record, registry and reports lie.
    """

    name: str | None
    to: str | None
    place: Place


def read_options(typed: Sequence[str]) -> PublishOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood.
    """
    parser = Parser(
        prog="python -m models.publish", description="Put a model into your team's model registry."
    )
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="of the registry")
    add("--to", type=choice(*KINDS), metavar="KIND", help="mlflow or sagemaker")
    add("--sync", action="store_true", help="make them say who is champion, as the record has it")
    add_place(parser, ledger=False)
    given = parser.parse_args(typed)
    if bool(given.name) == given.sync or bool(given.name) != bool(given.to):
        raise UserError(f"give NAME --to KIND, or --sync; see {parser.prog} --help")
    return PublishOptions(given.name, given.to, take_place(vars(given)))


def publish(options: PublishOptions) -> int:
    """Put one model there, or make all follow: 0 done, 1 not what was recorded, 3 something lags.

    Raises:
        UserError: nothing says where, the policy does not let it go there, or it cannot be asked.
    """
    place = options.place
    try:
        if options.name is None:
            _named(place.registry, None)
            return tell(follow(place, sent_with))
        remote = _named(place.registry, options.to)
        check_egress(remote, options.name, place.registry, sent_with)
        with locked(place.folder / LOCK), tempfile.TemporaryDirectory() as work:
            grounds = _grounds(options.name, place.runs)
            release = release_of(options.name, place.registry, Path(work), grounds)
            print(f"{remote.title}: {options.name} is version {remote.put(release)}")
    except RefusedError as error:
        print(f"REFUSED: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _named(registry: Path, kind: str | None) -> RemoteRegistry:
    """The registry of a kind, or any for None.

    Raises:
        UserError: `publish.toml` does not name it.
    """
    path, published = settings_path(registry), read_published(registry)
    only = published.model_copy(update={each: None for each in KINDS if kind and each != kind})
    found = next(registries(Published() if not path.exists() else only), None)
    if found is None:
        raise UserError(f"{path} names no registry; write there {EXAMPLES[kind or 'mlflow']}")
    return found


def _grounds(name: str, runs: Path) -> Grounds:
    """What the last exam of a model said."""
    for report in by_model(kept_reports(runs)).get(name, []):
        try:
            exam = evidence_of(report, name)
        except RefusedError:
            continue  # it was the baseline there
        return grounds_of(exam.estimates, exam.verdict.outcome, exam.source)
    print(f"{name} was not examined: there is no report that judges it in {runs}")
    return Grounds()


def main(argv: list[str] | None = None) -> int:
    """Publish a model; the same line goes on where one stopped."""
    again = "stopped; the same line goes on, and what is there is not sent again"
    return run(read_options, publish, argv, stopped=again)


if __name__ == "__main__":
    sys.exit(main())
