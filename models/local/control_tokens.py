"""Control tokens, and text in which none is left: a contract may not end a turn.

The tokenizer itself is asked what it would read, since marks may be matched in normalised text,
with the blanks around them, and inside one another.
"""

import re
from collections.abc import Collection
from typing import Any

ROUNDS = 8
"""After so many a mark that a blank does not break is taken out."""


def control_ids(tokenizer: Any) -> frozenset[int]:
    """Ids that are no text: special tokens, and what else the chat template marks turns with."""
    added = tokenizer.added_tokens_decoder
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
    frame: list[int] = []
    for said in (turns, turns[:1]):
        try:
            frame += tokenizer.apply_chat_template(
                said, add_generation_prompt=len(said) == 1, return_dict=False
            )
        except Exception:  # a template may refuse the turns of the assistant; the exam has none
            continue
    special = {number for number, token in added.items() if token.special}
    marks = {number for number in frame if number in added and added[number].content.strip()}
    return frozenset(special | marks | set(tokenizer.all_special_ids))


def defused(tokenizer: Any, control: Collection[int], text: str) -> tuple[str, list[int]]:
    """(text, its ids): `text` with a blank in every mark that would be read as a control token."""
    for turn in range(len(text) + ROUNDS):
        ids, places = _read(tokenizer, control, text)
        if not places:
            return text, ids
        for start, end in reversed(places):
            mark = text[start:end]
            lead = len(mark) - len(mark.lstrip()) + 1  # the blanks around a mark may be its own
            broken = f"{mark[:lead]} {mark[lead:]}" if turn < ROUNDS else ""
            text = text[:start] + (broken if mark.strip()[1:] else "") + text[end:]
    return text, ids


def _read(
    tokenizer: Any, control: Collection[int], text: str
) -> tuple[list[int], list[tuple[int, int]]]:
    """The ids of a text, and where in it control tokens stand."""
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=tokenizer.is_fast)
    ids: list[int] = found["input_ids"]
    if control.isdisjoint(ids):  # type: ignore[attr-defined]
        return ids, []
    if not tokenizer.is_fast:
        marks = sorted((tokenizer.convert_ids_to_tokens(n) for n in control), key=len, reverse=True)
        return ids, [m.span() for m in re.finditer("|".join(map(re.escape, marks)), text)]
    unknown = tokenizer.unk_token_id  # what a word without a token is, and rarely a mark
    return ids, [
        (start, end)
        for number, (start, end) in zip(ids, found["offset_mapping"], strict=True)
        if number in control
        and start < end
        and (number != unknown or text[start:end].strip() == tokenizer.unk_token)
    ]
