"""`python -m models.promote NAME`: put a model into service, if its last exam says so."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.command import Parser, one_line, run
from common.doors import as_typed
from common.errors import UserError
from common.files import write_whole
from common.redaction import outward
from models.promotion.actions import RUNS, Place, change_anchor, promote, roll_back
from models.promotion.evidence import Reading
from models.promotion.ledger import read_ledger
from models.promotion.ledger_entry import Begun, Entry
from models.promotion.policy import SHIPPED as SHIPPED_POLICY
from models.promotion.record import Record, RefusedError, read_records
from models.promotion.tries import judged_before
from models.promotion.verification import verify
from models.published.following import follow, tell
from models.registry import SHIPPED as SHIPPED_REGISTRY
from reports.evidence.last_exam import find_evidence
from reports.evidence.opened import opened_evidence
from reports.evidence.verdict import judged_again
from training.data.lineage import sent_with

if TYPE_CHECKING:
    from rich.table import Table


LONGEST_REASON = 1000
"""Characters of a reason that is recorded."""


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """One thing to do (`name`, `rollback`, `history`, ...), and what goes with it.

    Attributes:
        name: the model to promote.
        anchor: the earlier champion to hold against, with the `reason`.
        report: of `name`; None takes its last.
        dataset: where the data set of its exam lies now; None is where the exam found it.
        override: why `name` is promoted though its exam broke lines of the policy.
        sign: the private key to sign with.
        key: the public key to check signatures with.
        place: where record, registry and reports lie.
    """

    name: str | None
    rollback: bool
    history: bool
    verify: bool
    exams: bool
    anchor: str | None
    write_policy: bool
    reason: str | None
    override: str | None
    report: Path | None
    dataset: str | None
    sign: Path | None
    key: Path | None
    place: Place


def read_options(typed: Sequence[str]) -> PromoteOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood, or asks for nothing, or for more than one thing.
    """
    given = vars(_parser().parse_args(typed))
    folder, registry, runs = given.pop("folder"), given.pop("registry"), given.pop("runs")
    for option in ("reason", "override"):
        given[option] = _one_reason(f"--{option}", given[option])
    place = Place(folder or registry.parent, registry, runs, given.pop("ledger"))
    options = PromoteOptions(**given, place=place)
    _check(options)
    return options


def _parser() -> Parser:
    parser = Parser(prog="python -m models.promote", description="Put a model into service.")
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="promote this model")
    add("--rollback", action="store_true", help="return to the champion before")
    add("--history", action="store_true", help="show every promotion")
    add("--verify", action="store_true", help="check the record, and mend what a crash left")
    add("--exams", action="store_true", help="show every exam that the ledger knows")
    add("--anchor", metavar="NAME", help="make this earlier champion the one to hold against")
    add("--reason", action="append", metavar="TEXT", help="why the anchor is changed; recorded")
    add(
        "--override",
        action="append",
        metavar="REASON",
        help="promote NAME though its exam broke lines of the policy; recorded for ever",
    )
    add("--write-policy", action="store_true", help="write a policy to start from")
    add("--report", type=Path, metavar="PATH", help="report.json (default: the last of NAME)")
    add("--dataset", metavar="PATH", help="the exam's data set, where it lies elsewhere now")
    add("--sign", type=Path, metavar="KEY", help="sign with this private key (PEM)")
    add("--key", type=Path, metavar="PUBLIC", help="check signatures with this public key (PEM)")
    add("--registry", type=Path, default=SHIPPED_REGISTRY, metavar="DIR", help="NAME.toml files")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of reports")
    add("--ledger", type=Path, metavar="DIR", help="where exams are noted (beside the registry)")
    add(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where the record lies, and not the policy (beside the registry)",
    )
    return parser


def _one_reason(option: str, given: Sequence[str] | None) -> str | None:
    """A reason as it is recorded: one line, without secrets.

    Raises:
        UserError: it says nothing or too much, or there are several.
    """
    if given is None:
        return None
    if len(given) > 1:
        raise UserError(f"{option} was given {len(given)} times; give one reason")
    reason = " ".join(outward(given[0]).split())
    if not any(char.isalnum() for char in given[0]):
        raise UserError(f"{option} gives no reason; say why, in words that others will read")
    if len(reason) > LONGEST_REASON:
        raise UserError(f"{option} has {len(reason)} characters; say it in {LONGEST_REASON}")
    return reason


def _check(options: PromoteOptions) -> None:
    changes = bool(options.name) or options.rollback or bool(options.anchor)
    shows = (options.history, options.verify, options.exams, options.write_policy)
    chosen = [options.name, options.rollback, options.anchor, *shows]
    wrong = None
    if sum(map(bool, chosen)) != 1:
        wrong = (
            "give one of NAME, --rollback, --history, --verify, --exams, --anchor NAME and "
            "--write-policy"
        )
    elif bool(options.anchor) != bool(options.reason):
        wrong = "--anchor NAME and --reason TEXT go together"
    elif (options.report or options.dataset or options.override) and not options.name:
        wrong = "--report, --dataset and --override go with NAME"
    elif options.sign and not changes:
        wrong = "--sign goes with NAME, --rollback or --anchor"
    elif options.key and not options.verify:
        wrong = "--key goes with --verify"
    if wrong:
        raise UserError(f"{wrong}; see python -m models.promote --help")


def history(records: Sequence[Record]) -> "Table":
    """The records as a table, oldest first, with the metrics that the gate checked."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "when, who", "what", "verdict", "numbers", "anchor")
    for record in records:
        cells = (
            str(record.number),
            f"{record.when[:16].replace('T', ' ')}\n{record.who}",
            f"{record.kind}\n{record.model} {record.identity[:8]}",
            record.verdict or "",
            _said(record),
            record.anchor.model,
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def exams(entries: Sequence[Entry]) -> "Table":
    """The ledger as a table, oldest first: what was tried on what, and what came of it."""
    from rich.table import Table
    from rich.text import Text

    table = Table("when", "candidates", "data", "asked", "came to")
    for entry in entries:
        begun = entry.begun
        part = ", sealed" if begun.chosen.sealed else ", a part" if begun.chosen.part else ""
        outcomes = [entry.judged(each.identity) or "" for each in begun.candidates]
        cells = (
            begun.when[:16].replace("T", " "),
            "\n".join(f"{each.name} {each.identity[:8]}" for each in begun.candidates),
            f"{begun.dataset.name} {begun.dataset.identity[:8]}\n{begun.dataset.split}",
            f"{begun.cases} cases of {begun.contracts} contracts{part}",
            "\n".join(outcomes),
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def _print_exams(entries: Sequence[Entry]) -> None:
    """The table, and under it how often each set of contracts has judged."""
    from rich.console import Console

    console = Console()
    console.print(exams(entries) if entries else "no exam yet")
    for words in dict.fromkeys(_contracts_words(entries, entry.begun) for entry in entries):
        console.print(words, soft_wrap=True, highlight=False)


def _contracts_words(entries: Sequence[Entry], begun: Begun) -> str:
    data, found = begun.dataset, judged_before(entries, begun)
    which = "sealed" if begun.chosen.sealed else data.split
    return f"{data.name} {data.identity[:8]}, {which}: {found.words}"


def _said(record: Record) -> str:
    """Why a line stands there: the reason of an override or a new anchor, and the numbers."""
    passed = [f"override: {record.override.reason}"] if record.override else []
    return "\n".join([*passed, record.reason or _numbers(record)])


def _numbers(record: Record) -> str:
    """As in "token_f1 0.612 [0.58, 0.64]", a line a metric."""
    statistics = record.statistics or {"estimates": {}, "checks": []}
    checked = dict.fromkeys(check.get("metric") for check in statistics["checks"])
    lines = []
    for metric, estimate in statistics["estimates"].items():
        if metric in checked and estimate.get("mean") is not None:
            low, high = estimate.get("low"), estimate.get("high")
            interval = f" [{low:.2f}, {high:.2f}]" if None not in (low, high) else ""
            lines.append(f"{metric} {estimate['mean']:.3f}{interval}")
    return "\n".join(lines)


def _changed(options: PromoteOptions) -> Record:
    if options.name:
        judge = partial(judged_again, dataset=options.dataset)
        reading = Reading(find_evidence, judge, opened_evidence)
        place, override = options.place, options.override
        return promote(options.name, place, reading, options.report, options.sign, override)
    if options.anchor:
        return change_anchor(options.anchor, options.reason or "", options.place, options.sign)
    return roll_back(options.place, options.sign)


def _write_policy(path: Path) -> Path:
    if path.exists() or path.is_symlink():
        raise UserError(f"{path} is there already; edit it, or move it first")
    write_whole(path, as_typed(SHIPPED_POLICY.read_text("utf-8")))
    return path


def main(argv: list[str] | None = None) -> int:
    """Promote, return, show or verify.

    Returns 0 done, 1 refused or not as recorded, 3 done but a model registry outside lags behind, 4
    a usage mistake.
    """
    unsure = "stopped; type `python -m models.promote --verify`"
    return run(read_options, _act, argv, stopped=unsure, code=130)


def _act(options: PromoteOptions) -> int:
    try:
        if options.history:
            from rich.console import Console

            records = read_records(options.place.folder)
            Console().print(history(records) if records else "no promotion yet")
        elif options.exams:
            _print_exams(read_ledger(options.place.exams))
        elif options.verify:
            verify(options.place, options.key)
            return tell(follow(options.place, sent_with))
        elif options.write_policy:
            print(f"{_write_policy(options.place.policy)}: read it, and commit it")
        else:
            done = _changed(options)
            what = f"{done.kind} {done.number}, {done.identity[:12]}"
            print(f"champion: {done.model} ({what}); anchor: {done.anchor.model}")
            return tell(follow(options.place, sent_with))
    except RefusedError as error:
        print(f"REFUSED: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
