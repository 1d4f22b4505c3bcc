"""Whether two texts say yes to the same things, and whether an answer declines to say."""

import re
from functools import lru_cache

from evals.judges.reference.names import ROLES
from evals.judges.reference.words import STOP, stem
from evals.language.declining import TYPOGRAPHY, is_silent, is_yes_no

STANCE = re.compile(r"(?:^|[,:;.!?\-]\s*|\banswer is |\bis )\W*(yes|no)(?=\s*(?:[,:;.!?\-]|$))")

NEGATORS = frozenset(
    {"not", "no", "never", "neither", "nor", "without", "none", "cannot", "nobody"}
)

FORBIDDING = re.compile(r"prohibit|forbid|barred|refrain|preclud")
CLAUSE_END = re.compile(r"[.;:!?\n]|, (?=but|and|provided|except|save|unless)|\b(?:but|unless)\b")
TOKEN = re.compile(r"[a-z]+(?:['-][a-z]+)*")

PREFIX = re.compile(
    r"(?:non-|(?:un|ir|in|im)(?=(?:limit|restrict|revoc|condition|transfer|cap|related|direct|"
    r"defin|divid|insur|affect|assign|enforce|exclus)))"
)

MAY = re.compile(
    r"\W*(?:may|can|could)\b|\b(?:allowed|permitted|free|entitled|able|(?:has|have) the right) to\b"
)

WHO = frozenset({stem("party"), *map(stem, ROLES)})
REACH = 8
"""Words that a negation governs."""

SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@lru_cache(maxsize=512)
def stance(text: str) -> int:
    """1 where the beginning says yes, -1 where it says no, 0 where it says neither."""
    head = " ".join(text[:240].translate(TYPOGRAPHY).lower().split())
    match = STANCE.search(head)
    return 0 if match is None else 1 if match[1] == "yes" else -1


@lru_cache(maxsize=512)
def signs(text: str) -> dict[str, frozenset[bool]]:
    """Content stems, each with whether it stands under a negation, or has one as its prefix."""
    found: dict[str, set[bool]] = {}
    for clause in CLAUSE_END.split(text.translate(TYPOGRAPHY).lower()):
        left = 0
        for word in TOKEN.findall(clause):
            if word in NEGATORS or word.endswith("n't") or FORBIDDING.match(word):
                left = REACH
                continue
            prefix = PREFIX.match(word)
            bare = word[prefix.end() :] if prefix else word
            if bare not in STOP:
                found.setdefault(stem(bare), set()).add((left > 0) != bool(prefix))
            left -= 1
    return {word: frozenset(seen) for word, seen in found.items()}


def flips(gold: str, said: str) -> int:
    """How many stems of both texts are negated in only one of the two."""
    one, two = signs(gold), signs(said)
    return sum(one[word].isdisjoint(two[word]) for word in one.keys() & two.keys())


def expected(question: str, gold: str) -> int:
    """1 where the gold text says yes to a question of yes or no, -1 where no, 0 to other questions.

    A clause says yes to whether there is one, and no to whether one may do what it forbids: the
    first of its parts that speaks of what was asked tells.
    """
    if not is_yes_no(question):
        return 0
    if MAY.search(question.lower()):
        asked = {word for word, signs_of in signs(question).items() if True not in signs_of} - WHO
        for part in CLAUSE_END.split(gold.translate(TYPOGRAPHY).lower()):
            told = signs(part)
            if shared := asked & told.keys():
                return -1 if any(told[word] == {True} for word in shared) else 1
    return 1


def sentences(text: str) -> list[str]:
    """Sentences, clauses after a semicolon and lines; the text itself where there are none."""
    return [part for part in SENTENCE.split(text) if part.strip(" -*#>|\t")] or [text]


@lru_cache(maxsize=512)
def silences(text: str) -> tuple[bool, ...]:
    """Of each sentence, whether it says that the contract is silent."""
    return tuple(is_silent(sentence) for sentence in sentences(text))


def silent_share(text: str) -> float:
    """Share of the sentences that say that the contract is silent."""
    said = silences(text)
    return sum(said) / len(said)


def silent_start(text: str) -> bool:
    """Whether the answer begins by declining."""
    return silences(text)[0]
