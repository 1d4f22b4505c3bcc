"""What a model wrote, as an Answer: the one place where text of a model becomes one.

Servers, local bases and recordings all come through `answered`, so that what a model writes for
itself before it answers is never shown, scored or read as its answer, whoever ran the model.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from common.redaction import outward
from common.visible import visible
from models.chat import Answer

LONGEST = 200_000
"""Characters of an answer or of its reasoning that are kept; answers have some hundred."""

PROMPT_END = 24
"""Tokens at the end of a prompt among which a template may have begun to reason."""
DECLINED = ("refusal", "content_filter")
"""Why a model says nothing, or little, of its own will or its server's: answers that decline."""

WORD = (
    r"(?:\w+:)?(?:ant|inner_)?(?:think(?:ing)?(?:_process)?|thoughts?|thought_process|reasoning|"
    r"reflection|analysis|scratchpad|chain_of_thought|monologue)"
)
# fmt: off
MARK = re.compile(
    rf"""
    (?P<frames> <{WORD}\s*/> | <\|(?:begin|end)_of_solution\|> | <\|return\|> )
  | (?P<opens> <{WORD}(?:\s[^<>]{{0,200}})?> | \[{WORD}\] | ◁{WORD}▷
      | <\|(?:{WORD}|(?:begin|start)_of_(?:thought|thinking|reasoning))\|>
      | <\|channel\|>\s*(?:analysis|commentary)[^<>]{{0,200}}<\|message\|> )
  | (?P<closes> </\s*{WORD}\s*> | \[/{WORD}\] | ◁/{WORD}▷
      | <\|(?:/{WORD}|end_of_(?:thought|thinking|reasoning))\|>
      | (?:<\|end\|>\s*)?(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*final\s*<\|message\|> )
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Where reasoning begins and ends, in the spellings of the models that write it."""
# fmt: on


def spoken(text: str, *, inside: bool = False) -> tuple[str, str]:
    r"""The answer in a reply, and the reasoning that was written before or between.

    A block that is not closed reaches to the end; one that was not opened, because the prompt did
    that, begins at the start; `inside` says that it did. Text without a mark is returned as it is.

    >>> spoken("<think>Nevada or Texas? Nevada.</think>\n\nNevada")
    ('Nevada', 'Nevada or Texas? Nevada.')
    >>> spoken("Nevada, surely.</think>Nevada <think>or")
    ('Nevada', 'Nevada, surely.\n\nor')
    """
    said: list[str] = []
    thought: list[str] = []
    place = 0
    for mark in MARK.finditer(text):
        (thought if inside else said).append(text[place : mark.start()])
        place = mark.end()
        if mark["closes"] and not inside:
            thought, said = [*thought, *said], []
        inside = bool(mark["opens"]) or (inside and not mark["closes"])
    if not place and not inside:
        return text, ""
    (thought if inside else said).append(text[place:])
    return "".join(said).strip(), "\n\n".join(part.strip() for part in thought if part.strip())


def answered(
    text: str,
    *,
    reasoning: str = "",
    finish_reason: str = "stop",
    inside: bool = False,
    **facts: Any,
) -> Answer:
    """The Answer in what a model wrote, or the error of a reply that holds none.

    Args:
        text: the whole reply, as it came.
        reasoning: what came beside it, where a server tells them apart.
        finish_reason: `stop`, `length` or what the server says.
        inside: whether the prompt had begun to reason already.
        facts: other fields of the Answer.
    """
    said, within = spoken(outward(text), inside=inside)
    thought = "\n\n".join(each for each in (outward(reasoning).strip(), within) if each)
    error = None
    if len(said) > LONGEST:
        error = f"an answer of {len(said):,} characters, of which {LONGEST:,} are kept at most"
    elif not said.strip() and finish_reason == "length":
        error = "cut off before an answer began: max_tokens is too small for this model"
    elif not said.strip() and thought and finish_reason == "stop":
        error = "no answer after the reasoning"
    elif not said.strip() and finish_reason not in ("stop", *DECLINED):
        error = f"no text in the reply (finish reason {finish_reason})"
    return Answer(
        "" if error else said,
        finish_reason=finish_reason,
        error=error,
        reasoning=thought[:LONGEST],
        **facts,
    )


def scorable(answer: Answer) -> Answer:
    """The answer as whoever scores or judges it reads it.

    A refusal is silence, in any words, and what cannot be seen is not said.
    """
    said = "" if answer.finish_reason in DECLINED else visible(answer.text)
    return answer if said == answer.text else replace(answer, text=said)


def begun(tokenizer: Any, prompt: Sequence[int]) -> bool:
    """Whether a prompt ends where reasoning begins, as some chat templates let it."""
    end = tokenizer.decode(prompt[-PROMPT_END:], clean_up_tokenization_spaces=False)
    marks = list(MARK.finditer(tail := end.rstrip()))
    return bool(marks) and marks[-1]["opens"] is not None and marks[-1].end() == len(tail)


def decoded(tokenizer: Any, ids: Sequence[int], stops: Sequence[str] = ()) -> str:
    """What a local model wrote before the first of the stops.

    Of the special tokens only the marks of reasoning are left.
    """
    kept: set[int] = {
        token
        for token in tokenizer.all_special_ids
        if MARK.fullmatch(tokenizer.convert_ids_to_tokens(token) or "")
    }
    if not kept.isdisjoint(ids):
        skipped = set(tokenizer.all_special_ids) - kept
        ids = [token for token in ids if token not in skipped]
    text: str = tokenizer.decode(
        ids, skip_special_tokens=kept.isdisjoint(ids), clean_up_tokenization_spaces=False
    )
    end = min((place for stop in stops if (place := text.find(stop)) >= 0), default=None)
    return text[:end].strip()
