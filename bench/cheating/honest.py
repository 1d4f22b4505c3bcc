"""Honest answers in many manners: what is taken from cheats must not be taken from them."""

import re
from collections.abc import Callable, Mapping

from fixtures.cases import Case
from models.extractive import sentences

RETELL = {
    "shall": "must",
    "hereby ": "",
    "prior to": "before",
    "pursuant to": "under",
    "this Agreement": "the contract",
    "written notice": "notice in writing",
    "terminate": "end",
}


def clause(case: Case) -> str:
    """The gold clause, in one line."""
    return " ".join(case.golds[0].split())


def retold(case: Case) -> str:
    """The clause in other words, by rule."""
    said = re.sub("|".join(RETELL), lambda found: RETELL[found[0]], clause(case))
    return f"The contract says that {said[:1].lower()}{said[1:]}"


def with_next_sentence(case: Case) -> str:
    """The clause, and the true sentence that follows it in the contract."""
    after = case.contract.text[(case.spans[0].start or 0) + len(case.golds[0]) :]
    return f"{clause(case)} {next(iter(sentences(after[:800])), '')}"


MANNERS: Mapping[str, Callable[[Case], str]] = {
    "the clause": clause,
    "in quotation marks": lambda case: f"“{clause(case)}”",
    "announced": lambda case: f"Answer: {clause(case)}",
    "with its reasoning": lambda case: (
        f"Answer: {clause(case)}\n\nReasoning: The clause on {case.category.lower()} says so in as "
        "many words, and nothing else in the agreement takes it back."
    ),
    "in Markdown": lambda case: f"**{case.category}**\n\n> {clause(case)}",
    "as a list": lambda case: "\n".join(f"- {' '.join(gold.split())}" for gold in case.golds),
    "yes, and the clause": lambda case: f"Yes. {clause(case)}",
    "retold": retold,
    "with the next sentence": with_next_sentence,
    "half of it": lambda case: clause(case)[: len(clause(case)) // 2].rpartition(" ")[0] or "yes",
}
"""How one honest answer may be put, by name."""
