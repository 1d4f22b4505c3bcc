"""`python -m models.evidence NAME`: one archive of all that a promotion stands on, to be checked.

`--verify FILE` checks it: without a repository, a data set or a network.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.command import Parser, one_line, output_file, run
from common.errors import UserError
from common.files import write_whole
from models.promotion.place import Place, add_place, take_place
from models.promotion.refused import RefusedError
from models.promotion.signatures.envelope import envelope
from reports.dossier.checked import SIGNED, checked
from reports.dossier.contents import Contents, contents
from reports.dossier.layout import STATEMENT, STATEMENT_SIGNED, SUMS
from reports.dossier.pack import Checked, packed, sums, unpacked

PACKS = Path(".exam/evidence")
"""Where a pack lies that no `--out` names: out of git's sight, since it quotes contracts."""

MEND = "nothing was written: restore that file, or examine and promote the model again"
TEXTS = "it holds questions, passages and answers of its exam: give it to who may read those"


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """What is made, or checked.

    Attributes:
        name: of the model whose promotion the pack is of.
        verify: the pack to check instead.
        out: where the pack goes; None is a place of its own.
        report: report.json, where it does not lie among the reports.
        sign: the private key to sign with.
        key: public keys, by one of which whatever is signed must be signed.
        adapter: the folder of the weights, to be held against the statement.
        place: where record, registry, reports and ledger lie.
    """

    name: str | None
    verify: Path | None
    out: Path | None
    report: Path | None
    sign: Path | None
    key: list[Path]
    adapter: Path | None
    place: Place


def read_options(typed: Sequence[str]) -> EvidenceOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood, or asks for nothing, or for two things.
    """
    parser = Parser(
        prog="python -m models.evidence", description="Pack what a promotion stands on."
    )
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="of the model, as it was promoted last")
    add("--verify", type=Path, metavar="FILE", help="check this pack instead")
    add("--out", type=output_file, metavar="FILE", help=f"the pack ({PACKS}/NAME-LINE.zip)")
    add("--report", type=Path, metavar="PATH", help="report.json, where it is not under --runs")
    add("--sign", type=Path, metavar="KEY", help="sign with this private key (PEM)")
    about = "whose signature it must have (PEM); may be repeated"
    add("--key", type=Path, action="append", default=[], metavar="PUBLIC", help=about)
    add("--adapter", type=Path, metavar="DIR", help="hold these weights against the pack")
    add_place(parser)
    given = vars(parser.parse_args(typed))
    place = take_place(given)
    options = EvidenceOptions(**given, place=place)
    _check(options)
    return options


def _check(options: EvidenceOptions) -> None:
    wrong = None
    if (options.name is None) == (options.verify is None):
        wrong = "give one of NAME and --verify FILE"
    elif (options.key or options.adapter) and not options.verify:
        wrong = "--key and --adapter go with --verify FILE"
    elif (options.sign or options.out or options.report) and not options.name:
        wrong = "--sign, --out and --report go with NAME"
    if wrong:
        raise UserError(f"{wrong}; see python -m models.evidence --help")


def _make(name: str, options: EvidenceOptions) -> None:
    """Write the pack, once it is seen that whoever gets it will find that it holds."""
    found = contents(name, options.place, options.report)
    data = packed(_signed(found, options.sign))
    out = options.out or PACKS / f"{name}-{found.record.number}.zip"
    with tempfile.TemporaryDirectory() as work:
        draft, folder = Path(work, out.name), Path(work, "files")
        draft.write_bytes(data)
        pack = replace(unpacked(draft, folder), file=out, mend=MEND)
        for each in checked(pack, (), found.weights):
            if each.holds:
                print(f"  {each.line}")
    write_whole(out, data, private=True)
    print(f"{out}: {len(data):,} bytes; {TEXTS}")
    print(f"check it anywhere: `python -m models.evidence --verify {out}`")


def _signed(found: Contents, key: Path | None) -> dict[str, bytes]:
    """The files, their list, and with a key the envelopes of list and statement."""
    files = dict(found.files)
    if key:
        files[STATEMENT_SIGNED] = envelope(files[STATEMENT], SIGNED[STATEMENT][1], key)
    files[SUMS] = sums(files)
    if key:
        name, kind = SIGNED[SUMS]
        files[name] = envelope(files[SUMS], kind, key)
    return files


def _verify(options: EvidenceOptions, file: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        pack = unpacked(file, Path(work))
        said: list[Checked] = []
        for each in checked(pack, options.key, options.adapter):
            said.append(each)
            print(f"{'holds' if each.holds else 'NOT CHECKED'}: {each.line}")
    left = sum(not each.holds for each in said)
    print(f"{file}: {len(said) - left} checks hold, {left} not made")


def main(argv: list[str] | None = None) -> int:
    """Make or check a pack: 0 done, 1 refused or not as it was made, 4 a usage mistake."""
    return run(read_options, _act, argv, code=130)


def _act(options: EvidenceOptions) -> int:
    try:
        if options.verify:
            _verify(options, options.verify)
        elif options.name:
            _make(options.name, options)
    except RefusedError as error:
        print(f"REFUSED: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
