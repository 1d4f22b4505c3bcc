"""Whether an answer answers, declines, or does both: one definition for all rooms.

Contract clauses are full of negation ("Neither party may assign ..."), so a negative word proves
nothing. An answer declines when its first sentence, freed of markup and preamble, has the shape of
a denial. Where whatever else it says asserts nothing it is an abstention, else a hedge: it says
"not found" and gives an answer all the same, or says both yes and no. A hedge is right about
nothing: no abstention where the contract does not answer, and worth nothing where it does.

What has the shape of a denial is an answer all the same where it is (nearly) a gold answer, where
the gold answers themselves read like a denial, and where a question that wants yes or no gets "No".
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

from common.visible import visible
from evals.language.denials import (
    CUE,
    RULE,
    SILENT,
    SOURCE,
    SPEAKS,
    about_source,
    beside,
    both_ways,
    denial,
    links,
    plain_denial,
    preamble,
    yes_no,
)
from evals.language.words import f1, normalise

Reading = Literal["answer", "abstention", "hedge"]

HEAD = 400
"""Characters of a sentence that are matched: some shapes take quadratic time."""
READ = 2000
"""Characters of an answer that are read; what declines at greater length asserts something."""
TYPOGRAPHY = str.maketrans("‘’“”‐‑–—", "''\"\"----", "*_`#>")
PLAIN = TYPOGRAPHY | str.maketrans(
    {"_": " ", "‛": "'", "„": '"', "‟": '"', "«": '"', "»": '"', "‒": "-", "―": "-", "。": ". "}
)
ATTRIBUTE = r"(?: [\w:-]{1,40}=(?:\"[^\"<>]{0,80}\"|'[^'<>]{0,80}'|[^\s<>\"']{1,80}))*"
TAG = re.compile(  # and marks that cite a passage
    rf"</?[A-Za-z][\w:-]{{0,40}}{ATTRIBUTE} ?/?>|<\|[^<>|]{{1,40}}\|>|"
    r"\\(?:boxed|text(?:bf|it)?)\b|"
    r"[\[(](?:passage|excerpt|source)s? ?[0-9]{1,2}(?:(?:-|, ?| to | and )[0-9]{1,2})*[\])]",
    re.IGNORECASE,
)
SPACES = re.compile(r"[^\S\n]+")
WRAP = re.compile(r" ?\n ?(?=[a-z])")
WRAPPED = "\f"
SENTENCE_END = re.compile(r"(?<!\b\w)[.!?]\s")
SENTENCES = re.compile(r"(?<!\b[a-z])[.!?]+(?=[\s\"')\]}]|$)|[;\n]")
STOPS = re.compile(r"[.!?]+(?=[\s\"')\]}]|$)|[;\n()\[\]]")
OBJECT_END = re.compile(
    r"[:!?]| - |\"(?=[^\"]{30})|\((?=.{30})|"
    r",? \b(?:but|however|although|though|whereas|yet|except)\b"
)
BLANK = re.compile(r"\[[\s*_•●]+\]|_{3}|\*{3}")
EDGES = " \t\r\n\f\v\"'-[](){}<>.!?:;,"
OUTSIDE = re.compile(r"^[\W_]+|[\W_]+$")
PARTICULAR = re.compile(r"[0-9:]|\"[^\"]{30}|\b(?:shall|must|hereby|hereof|herein|hereunder)\b")
BARE = frozenset({"yes", "no"})
NEGATIVE = re.compile(
    r"\b(?:no|not|non|none|nothing|never|neither|nor|without|cannot|nil|unlimited)\b|n't\b|n/a"
)
LOOKING = re.compile(
    r"(?:found|find|locat|specif|mention|stated?|address|indicat|disclos|identif|discuss|describ|"
    r"determin|answer|know|says?|tells?|silent|passages?|excerpts?|context|text|document|"
    r"information|clause|provision)"
)
NEAR = 0.5
SAYS_NO = re.compile(r"\W*(?:no\W*(?:$|[,.;:!-])|there (?:is|are|was|were|shall be|will be) no\b)")


def reading(text: str, question: str = "", golds: Sequence[str] = ()) -> Reading:
    """What an answer does, with the question and the gold answers in view.

    Args:
        text: of the answer; silence is an abstention, a quoted blank or redaction is not.
        question: that was asked; empty where it is not known.
        golds: every gold answer; none where the contract does not answer.

    >>> reading("The contract does not specify a renewal term."), reading("")
    ('abstention', 'abstention')
    >>> reading("Not found. The term is two years.")
    'hedge'
    >>> reading("No.", "May the Licensee sublicense?", ["The Licensee shall not sublicense."])
    'answer'
    """
    shape = _shape(text)
    if shape == "answer" or not text.strip():
        return shape
    return "answer" if _answers(text, question, golds) else shape


def abstains(text: str, question: str = "", golds: Sequence[str] = ()) -> bool:
    """Whether an answer says "not found", and nothing beside it.

    >>> abstains("Not found."), abstains("Not found. The term is two years.")
    (True, False)
    """
    return reading(text, question, golds) == "abstention"


def declines(text: str, question: str = "", golds: Sequence[str] = ()) -> bool:
    """Whether an answer says "not found", whatever it says beside it.

    >>> declines("Not found. The term is two years."), declines("The term is two years.")
    (True, False)
    """
    return reading(text, question, golds) != "answer"


def says_both(text: str) -> bool:
    """Whether an answer says yes and no at once.

    >>> says_both("Yes and no."), says_both("No.")
    (True, False)
    """
    return both_ways().match(plain(text)) is not None


def is_yes_no(question: str) -> bool:
    """Whether the question wants yes or no.

    >>> is_yes_no("May the Licensee sublicense?"), is_yes_no("What is the term?")
    (True, False)
    """
    return yes_no().match(question.lower()) is not None


def is_silent(sentence: str) -> bool:
    """Whether a sentence amid others says that the contract is silent.

    Looser than `declines`, for whoever knows that the answer is one to a question: "... but says
    nothing on the fee".

    >>> is_silent("but the agreement says nothing on the fee"), is_silent("the fee is $5")
    (True, False)
    """
    flat = plain(sentence)
    if flat in BARE:
        return False
    return declines(sentence) or _speaks_of_nothing(flat)


def _speaks_of_nothing(flat: str) -> bool:
    negation = SILENT.search(flat)
    if negation is None or RULE.search(flat[: negation.start()].rpartition(",")[2]):
        return False
    after = flat[negation.start() : negation.end() + 90]
    return bool((SPEAKS.search(after) or SPEAKS.search(flat)) and SOURCE.search(flat))


@lru_cache(maxsize=256)  # several metrics ask of the same answer in a row
def _shape(text: str) -> Reading:
    """What an answer does as far as its words alone tell."""
    said = plain(text)
    if not said:
        return "answer" if BLANK.search(text) else "abstention"
    if not CUE.search(said):
        return "answer"
    if both_ways().match(said):
        return "hedge"
    for first, rest in _beginnings(said):
        left = _beside_denial(first)
        if left is not None:
            asserts = len(said) > READ or _asserts(left) or _asserts(rest)
            return "hedge" if asserts else "abstention"
    whole = (OUTSIDE.sub("", each) for each in STOPS.split(said))
    return "hedge" if any(plain_denial().match(each) for each in whole) else "answer"


def plain(text: str) -> str:
    """Lower case, without markup, with plain letters, quotes, dashes and single spaces.

    At most `READ` characters and one. Before a line that begins in lower case the line end is
    `WRAPPED`: a sentence may go on there.

    >>> plain("**Not**  found—“the term”.")
    'not found-"the term'
    """
    text = SPACES.sub(" ", text.replace("\\n", "\n")).strip()[: 2 * READ]
    bare = unicodedata.normalize("NFKC", TAG.sub(" ", html.unescape(text)))
    lines = SPACES.sub(" ", visible(bare).translate(PLAIN)).strip().split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    return OUTSIDE.sub("", WRAP.sub(WRAPPED, "\n".join(lines)).lower())[: READ + 1]


def _beginnings(said: str) -> Iterator[tuple[str, str]]:
    """What may be the first sentence, and what follows it: a line end may be a sentence's."""
    for text in (
        said.replace(WRAPPED, " "),
        said.replace(WRAPPED, "\n"),
        said.replace(WRAPPED, " ").replace("\n", " "),
    ):
        left = _without_preamble(text)
        end = SENTENCES.search(left)
        at = end.start() if end else len(left)
        yield left[:at], left[at:]


def _without_preamble(text: str) -> str:
    while before := preamble().match(text):
        text = text[before.end() :]
    return text


def _beside_denial(sentence: str) -> str | None:
    """What a sentence says beside the denial that it begins with; None where it does not."""
    sentence = _without_preamble(OUTSIDE.sub("", sentence)[:HEAD])
    found = denial().match(sentence)
    if found is None:
        return None
    left = sentence[found.end() :]
    if left[:1].isalnum() or left[:2].strip()[:1].isalnum():  # the denial has an object
        end = OBJECT_END.search(left)
        left = left[end.start() :] if end else ""
    return left


def _asserts(text: str) -> bool:
    """Whether any sentence says something of the contract, and does not deny."""
    return any(_is_claim(sentence) for sentence in SENTENCES.split(text))


def _is_claim(sentence: str) -> bool:
    said = OUTSIDE.sub("", sentence)
    tied = links().match(said)
    said = said[tied.end() :] if tied else said
    if not said:
        return False
    left = _beside_denial(said)
    if left is not None:
        return _is_claim(left)
    if PARTICULAR.search(said):
        return True
    silent = _speaks_of_nothing(said) and not RULE.search(said)
    return not silent and beside().match(said) is None


def _answers(text: str, question: str, golds: Sequence[str]) -> bool:
    """Whether what has the shape of a denial answers the question all the same."""
    if golds and all(plain(gold) and _shape(gold) == "abstention" for gold in golds):
        return True
    said = plain(text)
    bare_no = OUTSIDE.sub("", _without_preamble(said)) == "no"
    if bare_no and is_yes_no(question) and not about_source().match(question.lower()):
        return True
    denied = _denied(said)
    return any(
        normalise(text) == normalise(gold)
        or _is_near(denied, gold)
        or (bare_no and SAYS_NO.match(plain(gold)))
        for gold in golds
    )


def _denied(said: str) -> str:
    """The denial itself, without what is said beside it."""
    for first, _ in _beginnings(said):
        left = _beside_denial(first)
        if left is not None:
            return first[: len(first) - len(left)]
    return ""


def _is_near(denied: str, gold: str) -> bool:
    """Whether a denial has a negative gold answer's words, and no others of looking.

    "There is no liability cap" is near "There is no cap on liability", and "The passages do not
    mention a liability cap" is not.
    """
    if not NEGATIVE.search(plain(gold)):
        return False
    words, gold_words = normalise(denied).split(), normalise(gold).split()
    more = set(words).difference(gold_words)
    return f1(words, gold_words) >= NEAR and not any(LOOKING.match(word) for word in more)
