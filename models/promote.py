"""`python -m models.promote NAME`: put a model into service, if its last exam says so."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.command import Parser, one_line, run
from common.doors import as_typed
from common.errors import UserError
from common.files import write_whole
from common.redaction import outward
from common.visible import visible
from models.promotion.actions import change_anchor, promote, roll_back
from models.promotion.admission.evidence import Reading
from models.promotion.admission.policy import SHIPPED as SHIPPED_POLICY
from models.promotion.approval.consent import Consent
from models.promotion.ledger.files import read_ledger
from models.promotion.place import Place, add_place, take_place
from models.promotion.record.file import read_lines
from models.promotion.record.line import Record
from models.promotion.refused import RefusedError
from models.promotion.shown import history, print_exams
from models.promotion.signatures.ledger import sign_ledger
from models.promotion.verification import verify
from models.published.following import follow, tell
from reports.evidence.last_exam import find_evidence
from reports.evidence.opened import opened_evidence
from reports.evidence.verdict import judged_again
from training.data.lineage import sent_with

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
        break_glass: why `name` is promoted though others did not approve of it.
        conditions_met: whether the conditions of those who did are met.
        sign_ledger: the private key to sign the ledger's files with.
        sign: the private key to sign with.
        key: the public keys to check signatures with.
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
    break_glass: str | None
    conditions_met: bool
    report: Path | None
    dataset: str | None
    sign_ledger: Path | None
    sign: Path | None
    key: tuple[Path, ...]
    place: Place


def read_options(typed: Sequence[str]) -> PromoteOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood, or asks for nothing, or for more than one thing.
    """
    given = vars(_parser().parse_args(typed))
    place = take_place(given)
    for option in ("reason", "override", "break_glass"):
        given[option] = _one_reason(f"--{option.replace('_', '-')}", given[option])
    given["key"] = tuple(given["key"])
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
    add(
        "--break-glass",
        action="append",
        metavar="REASON",
        help="promote NAME though others did not approve of it; recorded for ever",
    )
    add("--conditions-met", action="store_true", help="confirm those of approvals; recorded")
    add("--write-policy", action="store_true", help="write a policy to start from")
    add("--report", type=Path, metavar="PATH", help="report.json (default: the last of NAME)")
    add("--dataset", metavar="PATH", help="the exam's data set, where it lies elsewhere now")
    add("--sign", type=Path, metavar="KEY", help="sign with this private key (PEM)")
    add("--sign-ledger", type=Path, metavar="KEY", help="sign every exam that ended with this key")
    add(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="PUBLIC",
        help="check signatures with this public key (PEM); may be repeated",
    )
    add_place(parser)
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
    if not any(char.isalnum() for char in visible(given[0])):
        raise UserError(f"{option} gives no reason; say why, in words that others will read")
    if len(reason) > LONGEST_REASON:
        raise UserError(f"{option} has {len(reason)} characters; say it in {LONGEST_REASON}")
    return reason


def _check(options: PromoteOptions) -> None:
    changes = bool(options.name) or options.rollback or bool(options.anchor)
    shows = (options.history, options.verify, options.exams, options.write_policy)
    of_name = (options.report, options.dataset, options.override, options.break_glass)
    chosen = [options.name, options.rollback, options.anchor, options.sign_ledger, *shows]
    wrong = None
    if sum(map(bool, chosen)) != 1:
        wrong = (
            "give one of NAME, --rollback, --history, --verify, --exams, --anchor NAME, "
            "--sign-ledger KEY and --write-policy"
        )
    elif bool(options.anchor) != bool(options.reason):
        wrong = "--anchor NAME and --reason TEXT go together"
    elif (any(of_name) or options.conditions_met) and not options.name:
        wrong = (
            "--report, --dataset and --override go with NAME, and so do --break-glass and "
            "--conditions-met"
        )
    elif options.sign and not changes:
        wrong = "--sign goes with NAME, --rollback or --anchor"
    elif options.key and not options.verify:
        wrong = "--key goes with --verify"
    if wrong:
        raise UserError(f"{wrong}; see python -m models.promote --help")


def _changed(options: PromoteOptions) -> Record:
    if options.name:
        judge = partial(judged_again, dataset=options.dataset)
        reading = Reading(find_evidence, judge, opened_evidence)
        return promote(
            options.name,
            options.place,
            reading,
            options.report,
            options.sign,
            options.override,
            consent=Consent(options.conditions_met, options.break_glass),
        )
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

            lines = read_lines(options.place.folder)
            Console().print(history(lines) if lines else "no promotion yet")
        elif options.exams:
            print_exams(read_ledger(options.place.exams))
        elif options.sign_ledger:
            signed = sign_ledger(read_ledger(options.place.exams), options.sign_ledger)
            print(f"signed: {len(signed)} files of {options.place.exams}; commit their signatures")
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
