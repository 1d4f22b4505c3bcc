"""The command line that a data file's meta keeps."""

import shlex
from collections.abc import Sequence

HERE = ("--cuad-dir", "--registry", "--store")
"""Options that say where things lie on this machine, and not what is made of them."""


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
    return shlex.join(["python", "-m", module, *kept])
