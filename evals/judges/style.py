"""The form of an answer, whatever it says: what the judges' own exam is told apart by.

Rules over the beginning of the text, in linear time; the first that holds decides. How often they
agree with people stands in `docs/judges.md`.
"""

import re
from collections.abc import Iterator, Sequence

from evals.judges.pairs import Style
from evals.language.declining import is_silent, reading
from evals.language.words import normalise

FORMS: dict[Style, str] = {
    "short": "short",
    "chat": "chat",
    "reasoned": "reasoned",
    "extractive": "extractive",
    "list": "laid out",
    "markdown": "laid out",
    "references": "cautious",
    "hedged": "cautious",
    "refusing": "refusing",
}
"""Styles by which a judge is examined. Rare ones that ask the same of a judge are one form."""

READ = 4000
"""Characters of an answer that are looked at."""
LONG = 26
"""Words above which prose is a chat's; of several sentences it is one from `SEVERAL` on."""
SEVERAL = 20
LEAST_COPIED = 6
"""Words below which an answer is a phrase, whoever wrote it first."""
LEAST_CLAUSE = 16
"""Words above which language of contracts alone tells a quotation."""
RUN = 4
COPIED = 0.7
"""Share of an answer's runs of `RUN` words that stand in the sources of a quotation."""
POINTING = 45
"""Words below which an answer that begins with a section says little beside it."""

BLOCK = re.compile(r"^ {0,3}(?:#{1,6} |> |\|.*\| *$)", re.MULTILINE)
BOLD = re.compile(r"^ {0,3}\*\*[^*\n]{1,200}\*\*", re.MULTILINE)
ITEM = re.compile(r"^ {0,6}(?:[-*+•–]|\(?\d{1,2}[.)]|\(?[a-z]\))[ \t]+\S", re.MULTILINE)
REASONED = re.compile(
    r"^\W{0,5}(?:final )?answer\W{0,3}:|\b(?:reasoning|analysis|explanation|rationale)\W{0,3}:|"
    r"\bstep (?:1|one)\b|\btherefore\b|^\W{0,5}based on\b",
    re.IGNORECASE | re.MULTILINE,
)
HEDGE = re.compile(
    r"\b(?:appears?|seems?|seemingly|apparently|probably|possibly|perhaps|presumably|arguably|"
    r"arguable|likely|unclear|suggests?|might|may be|may or may not|as i read|preliminary|"
    r"(?:i|we) (?:think|believe|understand)|(?:cannot|can't|not) be (?:certain|sure))\b",
    re.IGNORECASE,
)
SECTION = re.compile(
    r"\b(?:sections?|clauses?|articles?|paragraphs?|exhibits?|schedules?|annex(?:es)?) "
    r"(?:\d[\d.]{0,8}|[ivxlc]+\b|[a-z]\b)(?:\([a-z0-9]{1,4}\))*|§+ ?\d[\d.]{0,8}|"
    r"\b\d{1,2}\.\d{1,2}(?:\.\d{1,2})?(?:\([a-z0-9]{1,4}\))*",
    re.IGNORECASE,
)
POINTS = re.compile(
    r"^\W{0,5}(?:please )?(?:see|refer to|cf|compare|review|look at)\b|\b(?:deserves?|relevant|"
    r"operative|should be (?:read|reviewed|consulted)|dealt with|deals? with|bears? on|governs?|"
    r"address(?:es|ed)?|set (?:out )?in|is in|are in)\b",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"\b(?:shall|here(?:of|to|under|in|by|after|inafter)|there(?:of|to|under)|witnesseth|"
    r"provided,? (?:however, )?that|notwithstanding|set forth|pursuant to|this agreement|"
    r"such (?:party|notice|consent|termination))\b|[a-z] \(\d{1,4}%?\)|\((?:the )?[\"“]",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"\W{0,3}(?:section |clause |article )?\d{1,2}(?:\.\d{1,2}){0,2}\.? [A-Z\"“]")
OPENS = re.compile(r"\W{0,5}(?:yes|no|it|they|there|you|your)\b", re.IGNORECASE)
YES_NO = re.compile(r"\W{0,5}(?:yes|no)\b", re.IGNORECASE)
LABEL = re.compile(r"^\W{0,5}(?:final )?answer\W{0,3}: *", re.IGNORECASE)
SHOWN = re.compile(
    r"\b(?:passages?|excerpts?|extracts?|(?:text|document|sections?) (?:that )?(?:was |i was )?"
    r"(?:provided|supplied|shown|given)|not (?:found|stated|specified))\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[.!?](?=\s|$)")
TURNS = re.compile(
    r"\b(?:however|that said|even so|but|although|typically|usually|most)\b", re.IGNORECASE
)


def style(
    answer: str, question: str = "", golds: Sequence[str] = (), shown: Sequence[str] = ()
) -> Style:
    r"""The form of an answer.

    Args:
        answer: its text.
        question: that was asked.
        golds: the gold answers, none where the contract does not answer.
        shown: texts of the passages that the model was shown.

    >>> style("Answer: Ohio. Reasoning: Section 19.1 says so."), style("Ohio law")
    ('reasoned', 'short')
    >>> style("- the fee\n- the term"), style("Not found."), style("Probably Ohio.")
    ('list', 'refusing', 'hedged')
    """
    text = answer[:READ]
    if reading(text, question, golds) == "abstention" and not YES_NO.match(text):
        return "refusing"
    count = len(text.split())
    several = count > SEVERAL and len(SENTENCE.findall(text)) > 1
    prose: Style = "chat" if count > LONG or several else "short"
    return _laid_out(text) or _worded(text, count, [*golds, *shown]) or prose


def _laid_out(text: str) -> Style | None:
    """The form of what is set in lines."""
    bold, items = len(BOLD.findall(text)), len(ITEM.findall(text))
    if BLOCK.search(text) or bold >= 2 or (bold and items < 2):
        return "markdown"
    return "list" if items >= 2 or ITEM.match(text) else None


def _worded(text: str, count: int, sources: Sequence[str]) -> Style | None:
    """The form of what is not plain prose of its own, by its words."""
    first = SENTENCE.split(LABEL.sub("", text.strip()), maxsplit=1)[0]
    silent = is_silent(first)
    if REASONED.search(text) and not (silent and SHOWN.search(first)):
        return "reasoned"
    if count >= LEAST_COPIED and not YES_NO.match(text) and _copied(text, sources):
        return "extractive"
    if silent and (SHOWN.search(first) or (count <= 2 * LONG and not TURNS.search(text))):
        return "refusing"
    if HEDGE.search(first):
        return "hedged"
    if _points(text, count):
        return "references"
    return "extractive" if count > LEAST_CLAUSE and _reads_like_a_clause(text, count) else None


def _copied(text: str, sources: Sequence[str]) -> bool:
    theirs = {run for source in sources for run in _runs(source)}
    mine = list(_runs(text))
    return sum(run in theirs for run in mine) >= COPIED * max(len(mine), 1)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = normalise(text).split()
    return zip(*(words[n:] for n in range(RUN)), strict=False)


def _points(text: str, count: int) -> bool:
    """Whether it says where to look, and little beside it."""
    found = list(SECTION.finditer(text))
    if not found or NUMBERED.match(text):
        return False
    if found[0].start() < 16 and count < POINTING:
        return True
    return bool(POINTS.search(text)) and len(found) * 15 > count


def _reads_like_a_clause(text: str, count: int) -> bool:
    if NUMBERED.match(text):
        return True
    marks = len(CLAUSE.findall(text))
    return not OPENS.match(text) and marks * 40 >= count
