"""How the turns of a chat are laid out by a model's chat template."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.loading import first_line
from models.chat import Message
from models.turns import without_system

RULES, ASKED = "Rules-of-the-exam", "Question-of-the-exam"


def takes_system(tokenizer: Any, folder: Path) -> bool:
    """Whether the template shows a system turn; one that drops or refuses it does not.

    Raises:
        UserError: it does not show the user's turn either.
    """
    turns = (Message("system", RULES), Message("user", ASKED))
    if _lost(tokenizer, turns) is None:
        return True
    reason = _lost(tokenizer, without_system(turns))
    if reason is not None:
        raise UserError(f"{folder}: its chat template cannot ask a question: {reason}")
    return False


def _lost(tokenizer: Any, turns: Sequence[Message]) -> str | None:
    """Why the template does not show these turns; None where it does."""
    said = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        shown = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # a template is a program, and fails as it pleases
        return first_line(error)
    return None if RULES in shown and ASKED in shown else "it leaves out what the user says"


def after_reply(tokenizer: Any) -> list[int]:
    """What a chat template puts after a reply; nothing where it refuses the assistant's turn."""
    mark = "REPLY"
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": mark}]
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    except Exception:  # a template is a program, and fails as it pleases; the exam has no such turn
        return []
    ids: list[int] = tokenizer(text.rpartition(mark)[2], add_special_tokens=False)["input_ids"]
    return ids
