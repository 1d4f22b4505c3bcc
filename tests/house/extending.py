"""A repository of a user: the blocks of docs/extending.md, and what they are asked about."""

import re
from pathlib import Path

from tests.seams import ROOT

PAGE = ROOT / "docs" / "extending.md"
TEXTS = {
    "lease": ("Ann lets a house to Bob. The lease runs for two years. Rent is due in May.",
              "Ann lets Bob a house for two years."),
    "loan": ("Carl lends Dora 500 euros. She returns them in a year. There is no interest.",
             "Carl lends Dora 500 euros for a year."),
}  # fmt: skip


def blocks() -> dict[str, str]:
    """Every block of the page that names its file in its first line."""
    found = re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    files: dict[str, str] = {}
    for name, text in found:
        assert name not in files, f"two blocks of {name}"
        files[name] = text
    return files


def repository(folder: Path) -> Path:
    """The example, beside packages of the user's own that have the names of our rooms."""
    example(folder)
    for room in ("common", "fixtures", "models", "evals", "reports", "training"):
        (folder / room).mkdir(exist_ok=True)
        (folder / room / "__init__.py").write_text("MINE = True\n")
    metrics = folder / "house" / "metrics.py"
    theirs = "import evals, models, reports\n\nassert evals.MINE and models.MINE and reports.MINE\n"
    metrics.write_text(theirs + metrics.read_text("utf-8"), "utf-8")
    return folder


def example(folder: Path) -> Path:
    """The files of the page, and the texts that its importer reads."""
    for name, text in blocks().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / "texts").mkdir()
    for name, (text, summary) in TEXTS.items():
        (folder / "texts" / f"{name}.txt").write_text(text, "utf-8")
        (folder / "texts" / f"{name}.summary.txt").write_text(summary, "utf-8")
    return folder
