"""`bar-exam init`: what a repository needs to examine its own models."""

import os
import sys
import tomllib
from pathlib import Path

from common.command import Parser, run
from common.doors import PROGRAM, as_typed
from common.errors import UserError
from common.files import write_whole
from common.project import read_table
from evals.gate import SHIPPED as SHIPPED_GATE
from models.promotion.admission.policy import SHIPPED as SHIPPED_POLICY
from models.registry import SHIPPED as SHIPPED_REGISTRY

TEMPLATES = Path(__file__).parent / "templates"
WRITTEN = {
    "registry/baseline.toml": TEMPLATES / "baseline.toml",
    "registry/smollm2.toml": SHIPPED_REGISTRY / "smollm2.toml",
    "questions.csv": TEMPLATES / "questions.csv",
    "gate.toml": SHIPPED_GATE,
    "policy.toml": SHIPPED_POLICY,
    ".github/workflows/exam.yml": TEMPLATES / "exam.yml",
}
JOINED = {"pyproject.toml": TEMPLATES / "project.toml", ".gitignore": TEMPLATES / "gitignore"}
"""What is put at the end of a file that is there already."""

FILES = WRITTEN | JOINED


def begin(folder: Path) -> list[Path]:
    """Write every file of a new project; returns their paths.

    Raises:
        UserError: one of them is there already; nothing is written then.
    """
    pyproject = folder / "pyproject.toml"
    if pyproject.is_file() and read_table(folder) is not None:
        raise UserError(f"{pyproject} has a [tool.bar-exam] already; nothing was written")
    there = [str(folder / name) for name in WRITTEN if os.path.lexists(folder / name)]
    if there:
        raise UserError(f"{', '.join(there)}: there already; move it, nothing was written")
    texts = {folder / name: _joined(folder / name, template) for name, template in FILES.items()}
    try:
        tomllib.loads(texts[pyproject])
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{pyproject} cannot take a table [tool.bar-exam] ({error}); nothing was written"
        ) from error
    for path, text in texts.items():
        write_whole(path, text)
    return list(texts)


def _joined(path: Path, template: Path) -> str:
    """The text of a template, behind what its file holds already."""
    added = as_typed(template.read_text("utf-8"))
    if not os.path.lexists(path):
        return added
    try:
        return f"{path.read_text('utf-8').rstrip()}\n\n{added}"
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8; nothing was written") from error


def main(argv: list[str] | None = None) -> int:
    """Write registry, gate, policy, questions, workflow and [tool.bar-exam]; overwrite nothing."""
    parser = Parser(prog="python -m bar_exam.init", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="(.)")
    return run(lambda typed: parser.parse_args(typed).folder, _begin, argv)


def _begin(folder: Path) -> None:
    print("\n".join(map(str, begin(folder))))
    print(f"next: {PROGRAM} exam --model baseline")
    print("then your own in place of the four questions of questions.csv, which decide nothing")


if __name__ == "__main__":
    sys.exit(main())
