"""`python -m models.approve NAME`: what another person says of a promotion, before it is made."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.command import Parser, one_line, run
from common.errors import UserError
from common.redaction import outward
from common.visible import visible
from models.promotion.approval.standing import Standing
from models.promotion.approving import Words, approve, status, withdraw
from models.promotion.place import Place, add_place, take_place
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import private_fingerprint, public_fingerprint
from reports.evidence.last_exam import find_evidence

LONGEST = {"--by": 100, "--condition": 1000, "--reject": 1000}
"""Characters that are recorded."""

CODES = {"approved": 0, "waits": 3, "expired": 1, "refused": 1}


@dataclass(frozen=True, slots=True)
class ApproveOptions:
    """One thing to do (approve, `reject`, `withdraw`, `status`, `fingerprint`), with its options.

    Attributes:
        name: the model.
        by: in whose name.
        json: whether the status is one JSON object.
        fingerprint: a key, whose line for the policy is printed.
        sign: the private key to sign with.
        report: of `name`; None takes its last.
        place: where record, registry and reports lie.
    """

    name: str | None
    by: str | None
    days: int | None
    condition: tuple[str, ...]
    reject: str | None
    withdraw: bool
    status: bool
    json: bool
    fingerprint: Path | None
    sign: Path | None
    report: Path | None
    place: Place


def read_options(typed: Sequence[str]) -> ApproveOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood, or asks for nothing, or for more than one thing.
    """
    given = vars(_parser().parse_args(typed))
    place = take_place(given)
    for option in ("by", "reject"):
        if given[option] is not None:
            given[option] = _text(f"--{option}", given[option])
    given["condition"] = tuple(
        dict.fromkeys(_text("--condition", each) for each in given["condition"])
    )
    options = ApproveOptions(**given, place=place)
    _check(options)
    return options


def _parser() -> Parser:
    parser = Parser(prog="python -m models.approve", description="Approve of a promotion.")
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="the model whose last exam is approved")
    add("--by", metavar="PERSON", help="in whose name; another than whoever examined")
    add("--days", type=int, metavar="N", help="that it holds (default, and most: the policy's)")
    add(
        "--condition",
        action="append",
        default=[],
        metavar="TEXT",
        help="on which it is given; whoever promotes confirms it. May be repeated",
    )
    add("--reject", metavar="REASON", help="say no instead: nothing promotes the model then")
    add("--withdraw", action="store_true", help="take back what PERSON said last")
    add("--status", action="store_true", help="show how it stands: exit 0, 3 (waits) or 1")
    add("--json", action="store_true", help="the status as one JSON object")
    add("--fingerprint", type=Path, metavar="KEY", help="the digest of a key, for the policy")
    add("--sign", type=Path, metavar="KEY", help="sign with this private key (PEM)")
    add("--report", type=Path, metavar="PATH", help="report.json (default: the last of NAME)")
    add_place(parser)
    return parser


def _text(option: str, given: str) -> str:
    """A text as it is recorded: one line, without secrets; of a name what a reader sees.

    Raises:
        UserError: it says nothing or too much.
    """
    text = one_line(UserError(outward(visible(given) if option == "--by" else given)))
    if not any(char.isalnum() for char in visible(given)):
        raise UserError(f"{option} says nothing; say it in words that others will read")
    if len(text) > LONGEST[option]:
        raise UserError(f"{option} has {len(text)} characters; say it in {LONGEST[option]}")
    return text


def _check(options: ApproveOptions) -> None:
    says = bool(options.condition or options.days is not None)
    ways = (options.reject is not None, options.withdraw, options.status)
    wrong = None
    if bool(options.name) == bool(options.fingerprint):
        wrong = "give one of NAME and --fingerprint KEY"
    elif options.fingerprint and (any(ways) or says or options.by or options.sign):
        wrong = "--fingerprint KEY stands alone"
    elif sum(ways) > 1:
        wrong = "give one of --reject, --withdraw and --status"
    elif options.json and not options.status:
        wrong = "--json goes with --status"
    elif options.status and (options.by or options.sign or says):
        wrong = "--status takes no --by, --sign, --days and --condition"
    elif options.name and not options.status and not options.by:
        wrong = "say in whose name: --by PERSON"
    elif says and any(ways):
        wrong = "--days and --condition go with an approval"
    elif options.withdraw and options.report:
        wrong = "--withdraw takes back what was said last, and takes no --report"
    elif options.days is not None and options.days < 1:
        wrong = "--days is 1 or more"
    if wrong:
        raise UserError(f"{wrong}; see python -m models.approve --help")


def main(argv: list[str] | None = None) -> int:
    """Say it, or show how it stands: 0 done or approved, 1 refused, 3 waits, 4 a usage mistake."""
    unsure = "stopped; type `python -m models.promote --verify`"
    return run(read_options, _act, argv, stopped=unsure, code=130)


def _act(options: ApproveOptions) -> int:
    try:
        if options.fingerprint:
            print(_fingerprint(options.fingerprint))
            return 0
        if options.status:
            return _show(options)
        said = _say(options)
        print(f"{_what(said)}, line {said.number} of the record; commit it")
    except RefusedError as error:
        print(f"REFUSED: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _fingerprint(key: Path) -> str:
    """Of a public key, or of the public half of a private one."""
    try:
        return public_fingerprint(key)
    except UserError as error:
        try:
            return private_fingerprint(key)
        except UserError:
            raise error from None


def _say(options: ApproveOptions) -> Statement:
    name, by = options.name or "", options.by or ""
    if options.withdraw:
        return withdraw(name, by, options.place, options.sign)
    words = Words(by, options.days, options.condition, options.reject)
    return approve(name, words, options.place, find_evidence, options.report, options.sign)


def _what(said: Statement) -> str:
    """As in "approval of dpo-x (28d5c160aba1) by ada, until 2026-01-31T12:00:00Z"."""
    until = f", until {said.expires}" if said.expires else ""
    on = "".join(f", on condition: {text}" for text in said.conditions)
    return f"{said.kind} of {said.model} ({said.identity[:12]}) by {said.by}{until}{on}"


def _show(options: ApproveOptions) -> int:
    """The status, in words or as JSON; returns its exit code."""
    quiet = partial(print, file=sys.stderr)
    name = options.name or ""
    try:
        found, promoted = status(name, options.place, find_evidence, options.report, quiet)
    except RefusedError as error:
        if not options.json:
            raise
        print(json.dumps({"model": name, "state": "refused", "reason": one_line(error)}))
        return 1
    if options.json:
        print(json.dumps(_as_json(found, promoted)))
    else:
        for line in _lines(found, promoted):
            print(line)
    return CODES[found.state]


def _lines(found: Standing, promoted: int | None) -> list[str]:
    asked = found.question
    where = f"; promoted by line {promoted} of the record" if promoted else ""
    lines = [
        f"{asked.subject.model} ({asked.subject.identity[:12]}), exam {asked.subject.run}: "
        f"{found.state}, {found.approving} of {asked.needed} approvals{where}"
    ]
    lines += [f"  {_what(each)}" for each in found.approvals]
    lines += [f"  expired: {_what(each)}" for each in found.expired]
    lines += [f"  {_what(each)}: {each.reason}" for each in found.rejections]
    examined = ", ".join(each.words for each in asked.examined_by)
    if found.state in ("waits", "expired"):
        lines.append(
            f"  another person than {examined} types: "
            f"python -m models.approve {asked.subject.model} --by NAME"
        )
    return lines


def _as_json(found: Standing, promoted: int | None) -> dict[str, Any]:
    asked = found.question
    return {
        "model": asked.subject.model,
        "identity": asked.subject.identity,
        "run": asked.subject.run,
        "report": asked.subject.report,
        "state": found.state,
        "needed": asked.needed,
        "approving": found.approving,
        "approvals": [_said(each) for each in found.approvals],
        "expired": [_said(each) for each in found.expired],
        "rejections": [_said(each) for each in found.rejections],
        "conditions": list(found.conditions),
        "examined_by": [each.words for each in asked.examined_by],
        "people": sorted(asked.people),
        "promoted": promoted,
    }


def _said(said: Statement) -> dict[str, Any]:
    shown = ("by", "when", "expires", "conditions", "reason", "signed_by", "number")
    return {name: getattr(said, name) for name in shown} | {"who": said.who.words}


if __name__ == "__main__":
    sys.exit(main())
