"""How a terminal is written to: its width, and whether it takes colours and links."""

import re
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"})
"""Values of TERM_PROGRAM."""

TERMINALS = re.compile(r"xterm-(kitty|ghostty)|alacritty.*|foot.*|wezterm|contour.*")
"""Values of TERM."""

FIRST_VTE = 5000
"""GNOME's terminals before 0.50 crash on some links."""

IN_A_LOG = 110
"""Cells of a line where nobody says how wide it is."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a terminal is written to.

    Attributes:
        width: its cells in a line.
        colour: whether it takes colours.
        links: whether it takes links (OSC 8), which are noise where they are not known.
        encoding: that it reads.
    """

    width: int = IN_A_LOG
    colour: bool = False
    links: bool = False
    encoding: str = "utf-8"


def look_of(environ: Mapping[str, str], *, colour: bool) -> Look:
    """The look of standard output; `colour` is what pytest found of it, `--color` and NO_COLOR."""
    return Look(
        shutil.get_terminal_size((IN_A_LOG, 24)).columns,
        colour,
        colour and sys.stdout.isatty() and shows_links(environ),
        sys.stdout.encoding or "utf-8",
    )


def shows_links(environ: Mapping[str, str]) -> bool:
    """Whether the terminal that is described is known to show links; `FORCE_HYPERLINK` decides.

    A multiplexer between passes on what its own terminal may not know.

    >>> shows_links({"TERM": "xterm-256color"}), shows_links({"TERM": "xterm-kitty"})
    (False, True)
    """
    forced = environ.get("FORCE_HYPERLINK")
    if forced is not None:
        return forced not in ("", "0")
    term = environ.get("TERM", "")
    if term.startswith(("dumb", "screen", "tmux")) or "TMUX" in environ or "STY" in environ:
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        environ.get("TERM_PROGRAM") in PROGRAMS
        or "WT_SESSION" in environ
        or bool(TERMINALS.fullmatch(term))
        or (vte.isdecimal() and int(vte) >= FIRST_VTE)
    )


def file_url(path: Path) -> str:
    """A file's URL with the name of this machine: behind ssh, it is not the user's."""
    return f"file://{quote(socket.gethostname())}{quote(str(path.absolute()))}"
