"""`python -m models.push NAME s3://BUCKET/PREFIX`: a model's files and last report, into S3."""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.aws.clients import Prefix, explained, open_client, read_prefix
from common.command import Parser, Say, run
from models.egress import Egress, Sent, bucket_url
from models.promotion.admission.evidence import SEAL
from models.promotion.place import RUNS
from models.registry import SHIPPED
from models.storage.candidate import candidate_files
from models.storage.folders import push_folder
from models.storage.layout import REPORTS
from models.storage.left import notes
from reports.archive import by_model, kept_reports, read_overview
from training.data.lineage import sent_with


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What goes where.

    Attributes:
        name: of the model.
        to: the place of all models, which gets a folder of this name.
        registry: where its entry lies.
        runs: folder of reports.
        report: whether the last one goes too.
        region: of the bucket; None takes what the AWS profile says.
    """

    name: str
    to: Prefix
    registry: Path
    runs: Path
    report: bool
    region: str | None


def read_options(typed: Sequence[str]) -> PushOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood.
    """
    parser = Parser(prog="python -m models.push", description="Put a model's files into S3.")
    add = parser.add_argument
    add("name", metavar="NAME", help="of the registry")
    add("to", metavar="S3", help="s3://BUCKET/PREFIX; the model is put below it, under its name")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="NAME.toml files")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of reports")
    add("--no-report", dest="report", action="store_false", help="leave its last report here")
    add("--region", metavar="NAME", help="of the bucket (as your AWS profile says)")
    given = vars(parser.parse_args(typed))
    return PushOptions(**{**given, "to": read_prefix(given["to"])})


def push(options: PushOptions) -> None:
    """Push the model, and then the report of its last exam.

    Raises:
        UserError: it is no model with files, the policy does not let it go there, or AWS refuses.
    """
    name, bucket = options.name, options.to.bucket
    place = Prefix(bucket, options.to.key(name))
    with tempfile.TemporaryDirectory() as work:
        files = candidate_files(name, options.registry, Path(work))
        report = _last_report(name, options.runs) if options.report else None
        with explained("AWS cannot be used"):
            client = open_client("s3", options.region)
        url = bucket_url(bucket, client.meta.endpoint_url)
        egress = Egress(
            options.registry, (*sent_with(options.name, options.registry), *_shown_in(report))
        )
        egress.check(url, f"s3://{bucket}", os.environ)
        note = notes(client, f"models.push {name}")
        index = push_folder(client, place, files, note)
    if report:
        _push_report(client, place, report, note)
    print(f"{place.uri()}: {len(index.files)} files, {index.size:,} bytes")
    print(f'an entry may name it: adapter = "{place.uri()}"')
    print(f'                      digest = "{index.digest}"')


def _shown_in(report: Path | None) -> list[Sent]:
    """The data set of an exam, whose questions and passages its report holds."""
    if report is None:
        return []
    dataset = read_overview(report).header.dataset
    return [Sent(dataset.source or dataset.name, dataset.identity)]


def _last_report(name: str, runs: Path) -> Path | None:
    found = by_model(kept_reports(runs)).get(name, [])
    if not found:
        print(f"{name} was not examined: there is no report of it in {runs}")
        return None
    return found[0]


def _push_report(client: Any, place: Prefix, report: Path, note: Say) -> None:
    seal = report.with_name(SEAL)
    files = {path.name: path for path in (report, seal) if path.is_file()}
    push_folder(client, Prefix(place.bucket, place.key(REPORTS, report.parent.name)), files, note)


def main(argv: list[str] | None = None) -> int:
    """Push a model; the same line goes on where one stopped."""
    again = "stopped; the same line goes on, and what is there is not sent again"
    return run(read_options, push, argv, stopped=again)


if __name__ == "__main__":
    sys.exit(main())
