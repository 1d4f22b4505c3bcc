"""`python -m models.clean`: what commands left in your AWS account, shown, and removed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.aws.clients import Prefix, open_client
from common.command import Parser, run
from common.errors import UserError
from models.local.entry import LocalEntry
from models.registry import SHIPPED, entry_names, read_entry
from models.storage.left import Left, gone, list_path, read_left
from models.storage.removal import remove


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """What is shown, and whether it goes.

    Attributes:
        what: beginnings of addresses or names; none takes all.
        remove: whether it is to go, after a question.
        yes: whether it is to go without one.
        registry: whose entries may name what lies in S3.
    """

    what: tuple[str, ...]
    remove: bool
    yes: bool
    registry: Path


def read_options(typed: Sequence[str]) -> CleanOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood.
    """
    parser = Parser(prog="python -m models.clean", description="Show what commands left in AWS.")
    add = parser.add_argument
    add("what", nargs="*", metavar="WHAT", help="what begins so: s3://BUCKET/PREFIX, or a job")
    add("--remove", action="store_true", help="remove it, after a question")
    add("--yes", action="store_true", help="remove it without a question")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="whose models stay")
    given = vars(parser.parse_args(typed))
    return CleanOptions(tuple(given.pop("what")), **given)


def clean(options: CleanOptions) -> int:
    """Show the list, and remove what is to go; 1 where something that is to go stays.

    Raises:
        UserError: the list cannot be read or written, or the answer is not the one asked for.
    """
    listed = read_left()
    wanted = [each for each in listed if not options.what or each.place.startswith(options.what)]
    used = _used(options.registry)
    for left in wanted:
        name = _user(left, used)
        stays = f" (stays: the entry {name} names it)" if name else ""
        print(f"{left.when[:16].replace('T', ' ')}  {left.kind}  {left.place}  by {left.by}{stays}")
    going = [left for left in wanted if not _user(left, used)]
    if not wanted:
        print(f"nothing is left in your account, as {list_path()} knows")
    elif not (options.remove or options.yes):
        print(f"{len(going)} can go: type the same line with --remove")
    elif going:
        if not options.yes:
            _ask(len(going))
        return _remove_all(going)
    return 0


def _ask(count: int) -> None:
    """Have the number of things typed.

    Raises:
        UserError: it was not.
    """
    print(f"Type {count} to remove them, which nothing undoes: ", end="", flush=True)
    if sys.stdin.readline().strip() != str(count):
        raise UserError(f"{count} was not typed, and nothing was removed")


def _remove_all(going: Sequence[Left]) -> int:
    """Jobs first, since one that runs writes; then what was made last, as an index is."""
    stay: dict[str, str] = {}
    jobs = [each for each in going if each.kind == "training job"]
    for left in (*jobs, *(each for each in reversed(going) if each not in jobs)):
        why = f"{stay[left.by]} stays" if left.by in stay else remove(left, open_client)
        if why is None:
            gone(left)
            print(f"gone: {left.kind} {left.place}")
        else:
            print(f"stays: {left.kind} {left.place}: {why}")
            if left.kind == "training job":
                stay[left.by] = left.place
    left_over = {each.identity for each in read_left()} & {each.identity for each in going}
    return 1 if left_over else 0


def _used(registry: Path) -> dict[str, str]:
    """Address in S3 -> the model whose entry names it."""
    found = {}
    for name in entry_names(registry):
        entry = read_entry(name, registry)
        if isinstance(entry, LocalEntry) and isinstance(entry.adapter, Prefix):
            found[entry.adapter.uri()] = name
    return found


def _user(left: Left, used: dict[str, str]) -> str | None:
    """The model whose adapter this is, or holds; its reports are not its adapter."""
    for uri, name in used.items():
        below = left.place.removeprefix(f"{uri}/")
        if below != left.place and not below.startswith("reports/"):
            return name
        if left.place.endswith("/") and f"{uri}/".startswith(left.place):
            return name
    return None


def main(argv: list[str] | None = None) -> int:
    """Show or remove: 0 done, 1 something stays, 4 a usage mistake."""
    return run(read_options, clean, argv, stopped="stopped; what is gone is off the list")


if __name__ == "__main__":
    sys.exit(main())
