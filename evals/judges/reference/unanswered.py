"""What speaks for and against an answer where the contract does not answer: does it say so?"""

import math
import re

from evals.judges.reference import facts, polarity, words
from evals.judges.reference.sections import sections
from evals.language.declining import is_yes_no, reading
from evals.language.words import normalise
from fixtures.layout import as_question

USUAL = re.compile(
    r"\b(?:likely|probably|typically|usual(?:ly)?|generally|possib(?:le|ly)|presumably|may well|"
    r"might|could be|often|sometimes|one may assume|industry practice|would (?:simply|normally)|"
    r"commonly|customar(?:y|ily)|standard)\b"
)

TURN = re.compile(
    r"\b(?:but|however|nevertheless|nonetheless|although|though|yet|even so|that said|therefore|"
    r"does (?:state|provide|say))\b"
)

TURNED = re.compile(
    r"^\W*(?:but|however|nevertheless|nonetheless|that said|even so|therefore)\b|"
    r"\bdoes (?:state|provide|say)\b"
)
"""How a sentence turns away from the one that said that the contract is silent."""
SAME = 0.5
"""Share of the question's words from which a sentence is on what was asked."""

RULE = re.compile(r"\b(?:shall|must|may not|will|is (?:required|entitled|obliged)|has the right)\b")
NO = re.compile(r"\W*(?:answer:?\W*)?(?:no|none|nothing|neither)\b", re.IGNORECASE)

DIRECTIONS = {
    "declines": 1, "hedge": 0, "no": 1, "says_yes": -1, "yes_no": 0, "silent_first": 1,
    "silent_share": 1, "silent": 1, "rules_elsewhere": -1, "turns": -1, "usual": 0,
    "particulars": -1, "particulars_after": -1, "sections": 0, "quoted": -1, "length": 0,
}  # fmt: skip
"""Every feature; 1 where more of it may only raise the score, -1 where only lower it."""


def values(question: str, said: str) -> list[float]:
    """Every feature, in the order of `DIRECTIONS`."""
    asked = as_question(question)
    read = reading(said, "", ())
    parts, silent = polarity.sentences(said), polarity.silences(said)
    others = " ".join(part for part, is_silent in zip(parts, silent, strict=True) if not is_silent)
    after = facts.dispute("", others, asked).alien
    found = {
        "declines": read == "abstention",
        "hedge": read == "hedge",
        "no": NO.match(said) is not None,
        "says_yes": polarity.stance(said) == 1,
        "yes_no": is_yes_no(asked),
        "silent_first": silent[0],
        "silent_share": polarity.silent_share(said),
        "silent": any(silent),
        "rules_elsewhere": min(len(RULE.findall(others.lower())), 4),
        "turns": min(len(TURN.findall(said.lower())), 3),
        "usual": min(len(USUAL.findall(said.lower())), 3),
        "particulars": min(len(facts.dispute("", said, asked).alien), 4),
        "particulars_after": min(len(after), 4),
        "sections": min(len(sections(said)), 4),
        "quoted": min(said.count('"') + said.count("“"), 4),
        "length": math.log(len(normalise(said).split()) + 1),
    }
    return [round(float(found[name]), 4) for name in DIRECTIONS]


def all_the_same(question: str, said: str) -> bool:
    """Whether an answer says that the contract is silent, and says all the same what it holds.

    It turns away from the silence, or gives a particular in half of the question's words. A guess
    at what is usual is none, nor what stands there on other matters.
    """
    asked = as_question(question)
    parts, silent = polarity.sentences(said), polarity.silences(said)
    if True not in silent:
        return False
    after = [
        part.lower()
        for part, is_silent in zip(parts, silent, strict=True)
        if not is_silent and not USUAL.search(part.lower())
    ]
    wanted = words.content(asked)

    def answers(part: str) -> bool:
        turned = TURNED.search(part) is not None
        if turned and RULE.search(part):
            return True
        on = turned or (wanted and words.covered(wanted, words.content(part)) >= SAME)
        return bool(on and facts.dispute("", part, asked).alien)

    return any(map(answers, after))


def reason(question: str, said: str) -> str:
    """What speaks against the answer, in words."""
    value = dict(zip(DIRECTIONS, values(question, said), strict=True))
    if not value["silent"] and not value["no"] and not value["declines"]:
        return "answers what the contract does not answer"
    if value["turns"] or value["hedge"]:
        return "says that it is not there, and more"
    if value["usual"]:
        return "abstains and speculates"
    return "does not plainly say that the contract is silent"
