"""Whether an answer says that the contract does not answer.

Contract clauses are full of negation ("Neither party may assign ..."), so a negative word proves
nothing. An answer abstains when its first sentence, freed of its preamble, has the shape of a
denial; at most `HEAD` characters are read.
"""

import re
from functools import lru_cache

from evals.metrics.denials import CUE, denial, preamble
from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer

HEAD = 400
TYPOGRAPHY = str.maketrans("‘’“”‐‑–—", "''\"\"----", "*_`#>")
SENTENCE_END = re.compile(r"(?<!\b\w)[.!?]\s")
BLANK = re.compile(r"\[[\s*_•●]+\]|_{3}|\*{3}")
EDGES = " \t\r\n\f\v\"'-[](){}<>.!?:;,"


@lru_cache(maxsize=32)  # two metrics ask of the same answer in a row
def abstains(text: str) -> bool:
    """Whether the gist of `text` is "not found"; silence is, a quoted blank or redaction is not.

    >>> abstains("The contract does not specify a renewal term."), abstains("")
    (True, True)
    >>> abstains("Neither party may assign this Agreement without consent.")
    False
    """
    head = text.lstrip()[:HEAD].translate(TYPOGRAPHY).lower().strip(EDGES)
    line = head.partition("\n")[0]
    if not head:
        return BLANK.search(text) is None
    if not CUE.search(head):
        return False
    return denies(" ".join(head.split())) or (line != head and denies(" ".join(line.split())))


def denies(head: str) -> bool:
    """Whether the first sentence of `head` (lower case, single spaces) is an abstention."""
    while before := preamble().match(head):
        head = head[before.end() :]
    sentence = SENTENCE_END.split(head, maxsplit=1)[0].strip(EDGES)
    return denial().match(sentence) is not None


def abstention(case: Case, answer: Answer) -> Score:
    """1.0 when an answer to a question that the contract does not answer says so."""
    return Score(float(abstains(answer.text)))


def laziness(case: Case, answer: Answer) -> Score:
    """1.0 when an answer refuses a question that the contract answers; lower is better.

    Source: ContractEval (Liu et al. 2025), "laziness" of a model that says "no related clause".
    """
    return Score(float(abstains(answer.text)))
