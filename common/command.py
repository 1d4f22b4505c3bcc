"""What every command line of the product shares: its parser, its exit codes, how it is kept."""

import argparse
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from common.doors import as_typed
from common.errors import UserError, of_path

Given = TypeVar("Given")

Say = Callable[[str], None]
"""Shows a line to whoever typed the command: `print`, or one that a test reads."""

HERE = ("--cuad-dir", "--registry", "--store")
"""Options that say where things lie on this machine, and not what is made of them."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line as every other mistake of the user: one line, exit code 4."""

    def __init__(self, prog: str | None = None, **settings: Any) -> None:
        super().__init__(prog=as_typed(prog) if prog else None, **settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; an option that does not exist is named before anything else that is wrong.

        Where commands follow, each knows its own.

        Raises:
            UserError: the command line cannot be understood.
        """
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers:
            return super().parse_known_args(words, namespace)
        known = [each for each in self._option_string_actions if each.startswith("--")]
        for word in words[: words.index("--") if "--" in words else None]:
            option = word.partition("=")[0]
            long = len(option) > 2 and option.startswith("--")
            if long and not any(each.startswith(option) for each in known):
                self.error(f"unrecognized arguments: {option}; {_nearest(option, known)}")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise UserError with argparse's own words."""
        said = message.removeprefix("argument ")
        end = "" if said.endswith("?") else ";"
        raise UserError(f"{said}{end} see {self.prog} --help")


def _nearest(name: str, known: Sequence[str]) -> str:
    from common.settings import nearest

    return nearest(name, known)


def choice(*known: str) -> Callable[[str], str]:
    """One of a few words, for argparse's `type`; the nearest is named for another."""

    def chosen(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r}; {_nearest(text, known)}")
        return text

    return chosen


def output_file(text: str) -> Path:
    """The path of a file, for argparse's `type`; an empty variable is none."""
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"{text!r} names no file")
    return Path(text)


def run(
    read: Callable[[Sequence[str]], Given],
    work: Callable[[Given], int | None],
    argv: Sequence[str] | None,
    *,
    stopped: str = "stopped; type the same line again",
    code: int = 2,
) -> int:
    """Read what was typed, and do it. The body of every `main`; returns the exit code.

    Whatever is printed is made printable, and a reader that goes away (`| head`) is no fault.

    Args:
        read: makes the options of the words that were typed: a parser's `parse_args`, or a
            function that checks what it parsed.
        work: is given the options; returns its exit code or None.
        argv: the words; None takes the process's.
        stopped: the line after Ctrl-C.
        code: the exit code after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        done = work(read(sys.argv[1:] if argv is None else argv)) or 0
        sys.stdout.flush()
    except UserError as error:
        print(f"ERROR: {one_line(error)}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"ERROR: {one_line(of_path(error))}", file=sys.stderr)
        return 4
    return done


def one_line(error: BaseException) -> str:
    """What an error says, on one line, without what a terminal would obey.

    >>> one_line(ValueError("a" + chr(10) + "  b" + chr(27) + "[31m"))
    'a b�[31m'
    """
    line = " ".join(str(error).split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


def typed_command(module: str, argv: Sequence[str]) -> str:
    """What was typed, without the options `HERE`, however they were shortened.

    >>> typed_command("training.data", ["--n", "8", "--cuad-dir", "/x", "--output", "a b.jsonl"])
    "python -m training.data --n 8 --output 'a b.jsonl'"
    """
    kept, skip = [], False
    for word in argv:
        option = word.partition("=")[0]
        here = len(option) > 2 and any(each.startswith(option) for each in HERE)
        if not (skip or here):
            kept.append(word)
        skip = here and "=" not in word
    return as_typed(shlex.join(["python", "-m", module, *kept]))
