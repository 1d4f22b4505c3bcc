"""The command line of `python -m training.loop`, read into one typed object."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, output_file
from common.errors import UserError
from common.storable import presentable, storable
from training.loop.journal import STATE

POLICY = Path("loop.toml")


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """One thing to do.

    Attributes:
        command: run, status, plan, lineage, sift or demo.
        policy: the loop.toml.
        state: folder of the journals.
        cuad_dir: where CUAD lies; None looks where it is usually.
        json: whether one JSON object is printed.
        dry_run: whether `run` prints the plan and does nothing.
        start: why a round starts whatever the policy says; None asks the policy.
        abandon: why the open round is ended; None goes on with it.
        model: whose lineage is printed; `mermaid` is its form.
        files, dataset, output: of `sift`.
        work: folder of the demonstration; `small` is a small one.
        page: a page that its figures are put into; None prints them.
        notebook: a file that its lines are put into; None writes none.
    """

    command: str
    policy: Path = POLICY
    state: Path = STATE
    cuad_dir: Path | None = None
    json: bool = False
    dry_run: bool = False
    start: str | None = None
    abandon: str | None = None
    model: str = ""
    mermaid: bool = False
    files: tuple[Path, ...] = ()
    dataset: str = ""
    output: Path = Path("feedback.jsonl")
    work: Path = Path("demo")
    small: bool = False
    page: Path | None = None
    notebook: Path | None = None


def read_options(typed: Sequence[str]) -> LoopOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood.
    """
    given = vars(_parser().parse_args(typed))
    if "files" in given:
        given["files"] = tuple(given["files"])
    for name in ("start", "abandon"):
        if given.get(name) is not None and not any(map(str.isalnum, given[name])):
            raise UserError(f"--{name} says nothing; say why")
    state = str(given.get("state", ""))
    if state != storable(state):
        raise UserError(f"--state {presentable(state)} is no UTF-8; give another folder")
    return LoopOptions(**given)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.loop",
        description="From what is in service to the next champion, and round again.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="go on with the round, or begin one if something asks")
    _common(run)
    run.add_argument("--dry-run", action="store_true", help="print the plan and why; do nothing")
    run.add_argument("--start", metavar="REASON", help="begin a round whatever the policy says")
    run.add_argument("--abandon", metavar="REASON", help="end the open round; the champion stays")
    status = commands.add_parser("status", help="where it stands, what it would do next, and why")
    _common(status)
    status.add_argument("--json", action="store_true", help="as one JSON object")
    plan = commands.add_parser("plan", help="the lines that a round types")
    _common(plan)
    plan.add_argument("--json", action="store_true", help="as one JSON object")
    lineage = commands.add_parser("lineage", help="what a model comes of")
    lineage.add_argument("model", metavar="NAME", help="a model of the registry")
    _common(lineage)
    lineage.add_argument("--mermaid", action="store_true", help="as a Mermaid flowchart")
    _sift(commands.add_parser("sift", help="the feedback that a round may use"))
    _demo(commands.add_parser("demo", help="the whole loop once, on CUAD, in a folder of its own"))
    return parser


def _common(parser: Parser) -> None:
    add = parser.add_argument
    add("policy", nargs="?", type=Path, default=POLICY, metavar="FILE", help=f"({POLICY})")
    add("--state", type=Path, default=STATE, metavar="DIR", help=f"of the journals ({STATE})")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")


def _sift(parser: Parser) -> None:
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="JSON lines, or folders of them")
    add("--dataset", required=True, metavar="NAME", help="whose test contracts are refused")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--output", type=output_file, required=True, metavar="FILE", help="what may be used")


def _demo(parser: Parser) -> None:
    add = parser.add_argument
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--work", type=Path, required=True, metavar="DIR", help="its folder; goes on where it was")
    add("--small", action="store_true", help="few steps and cases: it shows that all goes through")
    add("--page", type=output_file, metavar="FILE", help="put the figures between its markers")
    add("--notebook", type=output_file, metavar="FILE", help="write the lines and their output")
