"""True and false answers, planted in contracts whose gold sentences are known.

True are a gold sentence quoted, framed and reworded. False are the sentence with one number, party
or negation changed, and a sentence of another contract on the same question.

What the author of an answer says other times (SelfCheckGPT's samples) is simulated: who knows, says
the same in other words; who does not, guesses again. SmolLM2's own samples say too little of what
it was shown to measure a detector by: 66 answers to 12 of the cases gave AUROCs of about 0.5
(words) and 0.6 (embeddings).
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evals.language.quantities import CARDINALS, TENS, UNITS
from fixtures.cases import Case
from fixtures.retrieval.passages import Chunker, Passage

TRUE = ("quote", "framed", "reworded")
FALSE = ("number", "party", "negation", "elsewhere")
KINDS = (*TRUE, *FALSE)
# What a model that does not know says instead, another time: the truth as often as not where
# there are two ways to put it, something else again where there are many.
GUESSED = {"number": (), "party": ("quote",), "negation": ("quote",), "elsewhere": ()}
SAMPLES = 5
LEAST_WORDS = 8
SHOWN = 5
FRAMES = (
    "Under this contract, {}",
    "Yes. {}",
    "The contract says the following:\n\n- {}",
)
NUMERALS = r"\b(?:(?:and|a|-|hundred|half|quarter|quarters|" + "|".join(CARDINALS) + r")[ -]?)+"
REWORDINGS = (
    (r"\bshall not\b", "must not"),
    (r"\bshall\b", "must"),
    (r"\bin writing\b", "by written notice"),
    (r"\bprior to\b", "before"),
    (r"\bat least\b", "no less than"),
    (r"\bnot later than\b", "by"),
    (r"\bwithin\b", "in"),
    (r"\bthis Agreement\b", "the contract"),
    (NUMERALS + r" \((\d+)\)", r"\1"),
    (NUMERALS + r" percent \(([\d.]+%)\)", r"\1"),
)
NEGATED = r"\b(shall|may|will|must|can|is|are) not\b"
AFFIRMED = r"\b(shall|may|will|must|can|is|are)\b(?! not\b)"
NUMBER = re.compile(
    r"\b(?:" + "|".join([*TENS, *UNITS[1:]]) + r")(?:[ -](?:" + "|".join(UNITS) + r"))?\b"
    r"(?: \(\d+\))?|\d+(?:,\d{3})*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Planted:
    """An answer, how it was made, the passages shown, and what its author says other times.

    `text_of_fact` is the gold sentence that it was made from.
    """

    kind: str
    case: Case
    text: str
    passages: tuple[Passage, ...]
    samples: tuple[str, ...]
    text_of_fact: str

    @property
    def made_up(self) -> bool:
        """Whether the passages do not say so."""
        return self.kind in FALSE


def plant(cases: Sequence[Case], seed: int = 0) -> Iterator[Planted]:
    """True and false answers from the gold sentences of these cases, the same for the same seed."""
    parties = {case.contract.id: _parties(case) for case in cases if case.category == "Parties"}
    chunks = {case.contract.id: Chunker().split(case.contract) for case in cases}
    draw = random.Random(seed)
    facts = [(case, span) for case in cases for span in case.spans]
    facts = [(case, span) for case, span in facts if len(span.text.split()) >= LEAST_WORDS]
    for case, span in facts:
        fact = " ".join(span.text.split())
        others = [
            " ".join(other.text.split()) for elsewhere, other in facts
            if elsewhere.category == case.category and elsewhere.contract.id != case.contract.id
        ]  # fmt: skip
        shown = _shown(chunks[case.contract.id], span.start or 0, draw)
        for kind in KINDS:
            text = alter(kind, fact, parties[case.contract.id], others, draw)
            if kind == "quote" or text != fact:
                samples = [
                    alter(
                        draw.choice(TRUE) if kind in TRUE else draw.choice([kind, *GUESSED[kind]]),
                        fact, parties[case.contract.id], others, draw,
                    )
                    for _ in range(SAMPLES)
                ]  # fmt: skip
                yield Planted(kind, case, text, shown, tuple(samples), fact)


def alter(
    kind: str, fact: str, parties: Sequence[str], others: Sequence[str], draw: random.Random
) -> str:
    """The fact in one of the ways of `KINDS`; as it is where that way is not open."""
    ways: dict[str, Callable[[], str]] = {
        "quote": lambda: fact,
        "framed": lambda: draw.choice(FRAMES).format(fact),
        "reworded": lambda: reworded(fact),
        "number": lambda: with_other_number(fact, draw),
        "party": lambda: with_other_party(fact, parties),
        "negation": lambda: with_other_negation(fact),
        "elsewhere": lambda: draw.choice(others) if others else fact,
    }
    return ways[kind]()


def _parties(case: Case) -> list[str]:
    """The short names of a contract's parties."""
    return [span.text.strip('"') for span in case.spans if span.text.startswith('"')]


def _shown(chunks: Sequence[Passage], start: int, draw: random.Random) -> tuple[Passage, ...]:
    """The passage in which a fact begins, the one after it, and others, in any order."""
    first = max(n for n, chunk in enumerate(chunks) if chunk.start <= start)
    rest = [n for n in range(len(chunks)) if n not in (first, first + 1)]
    numbers = [n for n in (first, first + 1) if n < len(chunks)]
    numbers += draw.sample(rest, min(SHOWN - len(numbers), len(rest)))
    draw.shuffle(numbers)
    return tuple(chunks[n] for n in numbers)


def reworded(fact: str) -> str:
    """The same in other words, numbers in digits alone."""
    for pattern, words in REWORDINGS:
        fact = re.sub(pattern, words, fact)
    return fact


def with_other_number(fact: str, draw: random.Random) -> str:
    """One number, in words, digits or both, changed; the same where there is none."""
    found = list(NUMBER.finditer(fact))
    if not found:
        return fact
    match = draw.choice(found)
    digits = re.search(r"\d[\d,]*", match[0])
    if digits is None:
        value = sum(CARDINALS[word] for word in re.split(r"[ -]", match[0].lower()))
    else:
        value = int(digits[0].replace(",", ""))
    other = f"{value + draw.choice([2, 5, 10]) * 10 ** max(0, len(str(value)) - 2):,}"
    if value >= 1000 and digits and "," not in digits[0]:
        other = other.replace(",", "")
    return fact[: match.start()] + other + fact[match.end() :]


def with_other_party(fact: str, parties: Sequence[str]) -> str:
    """The parties in each other's place; the same where none or both alike are named."""
    swapped = dict(zip(parties, reversed(parties), strict=True))
    names = "|".join(map(re.escape, parties))
    if re.search(rf"\b(?:{names}),? (?:and|or)\b[\w ]{{0,20}}\b(?:{names})\b", fact):
        return fact
    return re.sub(rf"\b(?:{names})\b", lambda match: swapped[match[0]], fact)


def with_other_negation(fact: str) -> str:
    """A negation taken away, else one put in; the same where that is not one verb's matter."""
    if re.search(r"\b(?:no|neither|nor|none|nothing|nobody)\b", fact, re.IGNORECASE):
        return fact
    affirmed = re.sub(NEGATED, r"\1", fact, count=1)
    return affirmed if affirmed != fact else re.sub(AFFIRMED, r"\1 not", fact, count=1)
