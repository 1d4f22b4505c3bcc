"""A user's own rubric and judge prompt: files named in the gate file, read as text."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.reading import check_texts, file_text
from common.settings import nearest

LONGEST = 20_000
"""Characters of such a file; what a judge has to read is not left room by more."""

RUBRIC = "rubric"
SHIPPED = Path(__file__).parent / "data" / "rubric.md"
"""What the labelled pairs are scored by."""

SHOWN = ("question", "ground_truth", "answer")
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """What LLM judges of correctness are told in place of our own words; empty is ours.

    `rubric` says what earns which score. `prompt` is all of the instructions; the rubric, the
    user's or ours, stands where it has `{rubric}`.
    """

    rubric: str = ""
    prompt: str = ""


OURS = Wording()


def rubric_digest(wording: Wording = OURS) -> str:
    """The first 16 hex digits of the SHA-256 of the rules that scores go by; ours where none is.

    They are of the file as it is: `sha256sum rubric.md` begins with them.
    """
    text = wording.rubric or SHIPPED.read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_wording(gate: Path, rubric: str | None, prompt: str | None) -> Wording:
    """The texts of the files that a gate file names.

    Args:
        gate: the gate file; paths in it begin at its folder.
        rubric: path of the rubric's file, None for ours.
        prompt: path of the prompt's file, None for ours.

    Raises:
        UserError: a file is missing, empty, no text or too long, or the prompt has a placeholder
            that nothing fills, or none for the rubric that is given.
    """
    said = Wording(_named(gate, RUBRIC, rubric), _named(gate, "prompt", prompt))
    found = PLACEHOLDER.findall(said.prompt)
    for name in found:
        if name in SHOWN:
            raise UserError(
                f"{gate}: [judge] prompt = {prompt!r}: {{{name}}} is shown to the judge below the "
                "prompt, in a fence; take the placeholder out and write the word"
            )
        if name != RUBRIC:
            hint = nearest(name, (RUBRIC,), otherwise="{rubric} is the one there is")
            raise UserError(
                f"{gate}: [judge] prompt = {prompt!r}: no placeholder {{{name}}}; {hint}"
            )
    if said.rubric and said.prompt and not found:
        raise UserError(
            f"{gate}: [judge] prompt = {prompt!r} has no {{rubric}}, so that the judge would not "
            "see the rubric; write {rubric} where it shall stand, or take the line rubric out"
        )
    return said


def read_text(where: str, path: Path, what: str) -> str:
    """The text of a rubric or a prompt.

    Args:
        where: what names the file, as an error begins.
        path: of the file.
        what: it is.

    Raises:
        UserError: it is missing, empty, no text or too long.
    """
    if not path.is_file():
        raise UserError(f"{where}: no such file")
    text = file_text(path)
    check_texts(str(path), text)
    if not text.strip():
        raise UserError(f"{where}: the file is empty; write the {what} into it")
    if len(text) > LONGEST:
        raise UserError(
            f"{where}: {len(text):,} characters leave a judge no room for the answer; "
            f"give {LONGEST:,} or fewer"
        )
    return text


def _named(gate: Path, key: str, name: str | None) -> str:
    if name is None:
        return ""
    where = f"{gate}: [judge] {key} = {name!r}"
    if not name.strip():
        raise UserError(f"{where}: name a file, or take the line out")
    path = gate.parent / Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"{where}: no such file; paths begin at the gate file's folder")
    return read_text(where, path, key)
