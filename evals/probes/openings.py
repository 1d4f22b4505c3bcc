"""Passages of contracts to be continued word for word, and the same passages in other words.

A model that continues a passage whose words stand in no other contract has read it; one that is
merely good at contracts continues the changed passage as well. The change is the same in what is
shown and in what follows: other names, places and months, other numbers, near-synonyms, and pairs
of words the other way round, so that a name of the first half still tells that of the second.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from evals.variants.exchanges import forms
from evals.variants.parties import Renaming, renaming
from fixtures.cases import Contract
from fixtures.shingles import shingles

SHOWN = 50
CONTINUED = 50
"""Words of a passage that are shown, and that are to follow (Carlini et al. 2022, arXiv 2202.07646:
50 tokens each)."""

PASSAGES = 2
STEP = 25
LOOKED_AT = 40
"""Passages of a contract, evenly spread, among which some are chosen."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
PLAIN_WORD = re.compile(r"[A-Za-z]?[a-z]+[,;.]?")
LEAST_PLAIN = 0.75
"""Share of words in running text; tables and signatures have fewer."""

# Near-synonyms, each put for the other wherever it stands.
SYNONYMS = (
    ("shall", "will"), ("prior to", "before"), ("purchase", "buy"),
    ("obtain", "get"), ("provide", "furnish"), ("commence", "begin"), ("promptly", "quickly"),
    ("terminate", "cancel"), ("entire", "whole"), ("require", "demand"), ("required", "demanded"),
    ("relating to", "concerning"), ("in connection with", "in relation to"), ("also", "likewise"),
    ("at least", "no less than"), ("set forth", "laid down"),
    ("reasonable", "fair"), ("agrees", "consents"), ("permitted", "allowed"),
    ("hereby", "herewith"), ("responsible", "answerable"), ("immediately", "at once"),
    ("sufficient", "adequate"), ("applicable", "relevant"),
)  # fmt: skip
NUMBERS = (
    ("ten", "fifteen"), ("five", "seven"), ("two", "three"), ("thirty", "sixty"),
    ("ninety", "forty"), ("twenty", "eighty"), ("first", "second"),
)  # fmt: skip
DIGITS = (("10", "15"), ("5", "7"), ("2", "3"), ("30", "60"), ("90", "40"), ("20", "80"))
SWAPPED = Renaming(
    dict(
        sorted(
            (pair for one, other in (*SYNONYMS, *NUMBERS)
             for pair in ((one, other.capitalize()), (other, one.capitalize()))),
            key=lambda pair: -len(pair[0]),
        )
    )
)  # fmt: skip
# Of sections ("9.3") the numbers stay: they follow one another.
NUMBER = re.compile(r"(?<![\d.])\d+(?![\d]|\.\d)")
BESIDE_WORDS = dict((*DIGITS, *((other, one) for one, other in DIGITS)))
# Two words that are alike in form, so that either may stand first.
PAIR = re.compile(
    r"\b([a-z]{2,}(s|ed|ing|ion|ly|al|ive|able)) (and|or) ([a-z]{2,}\2)\b(?! (?:and|or)\b)"
)
# Without those that are words too.
CALENDAR = WORD.findall(
    "january february april june july august september october november december"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A passage of a contract: what is `shown` of it, and what `follows`."""

    contract: str
    shown: str
    follows: str


@dataclass(frozen=True, slots=True)
class Twins:
    """A passage as it was published, and its `control` in other words."""

    published: Opening
    control: Opening


def choose_twins(contracts: Sequence[Contract], others: Collection[Contract] = ()) -> list[Twins]:
    """Up to two passages of each contract, and their controls; the same every time.

    Those come first of which least stands in another contract, and of these those of which the
    control keeps the shortest run of words.

    Args:
        contracts: of the exam.
        others: more contracts that share boilerplate with them.
    """
    every = {contract.digest: contract for contract in (*contracts, *others)}
    found = Counter[int]()
    for contract in every.values():
        found.update(shingles(contract.text))
    return [twins for contract in contracts for twins in _of_contract(contract, found)]


def _of_contract(contract: Contract, found: Mapping[int, int]) -> Iterator[Twins]:
    renamings = _renamings(contract)
    words = list(re.finditer(r"\S+", contract.text))
    ranked: list[tuple[float, int, int, Twins]] = []
    places = range(0, len(words) - SHOWN - CONTINUED + 1, STEP)
    for at in places[:: len(places) // LOOKED_AT + 1]:
        piece = words[at : at + SHOWN + CONTINUED]
        plain = sum(bool(PLAIN_WORD.fullmatch(word[0])) for word in piece)
        if plain < LEAST_PLAIN * len(piece):
            continue
        opening = _opening(contract.id, [word[0] for word in piece])
        control = replace(
            opening,
            shown=changed(opening.shown, renamings),
            follows=changed(opening.follows, renamings),
        )
        runs = shingles(f"{opening.shown} {opening.follows}")
        common = sum(found[run] > 1 for run in runs) / len(runs)
        kept = longest_run(control.follows, opening.follows)
        ranked.append((common, kept, at, Twins(opening, control)))
    taken: list[int] = []
    for _, _, at, twins in sorted(ranked, key=lambda each: each[:3]):
        if all(abs(at - other) >= SHOWN + CONTINUED for other in taken):
            taken.append(at)
            yield twins
        if len(taken) == PASSAGES:
            return


def _opening(contract: str, words: Sequence[str]) -> Opening:
    return Opening(contract, " ".join(words[:SHOWN]), " ".join(words[SHOWN:]))


def _renamings(contract: Contract) -> tuple[Renaming, ...]:
    """Other names, places and months for those of the contract, the same throughout."""
    parties = renaming(contract.text, Random(contract.digest))
    places = forms("jurisdiction", contract)
    later = zip(CALENDAR, (*CALENDAR[5:], *CALENDAR[:5]), strict=True)
    months = Renaming({month: other.capitalize() for month, other in later})
    named = parties, places[0] if places else None, months
    return tuple(each for each in named if each is not None)


def changed(text: str, renamings: Sequence[Renaming] = ()) -> str:
    """The text in other words.

    >>> changed("Acme shall pay costs and expenses within thirty (30) days, by 17 May 2013.")
    'Acme will pay expenses and costs within sixty (60) days, by 18 May 2014.'
    """
    for each in (*renamings, SWAPPED):
        text = each.text(text)
    text = NUMBER.sub(lambda match: _other(match[0]), text)
    return PAIR.sub(lambda match: f"{match[4]} {match[3]} {match[1]}", text)


def _other(number: str) -> str:
    """Another number as round; the one that stands beside its word where there is one.

    >>> [_other(number) for number in ("30", "60", "2013", "1,000"[2:], "7")]
    ['60', '30', '2014', '000', '5']
    """
    digits = number.rstrip("0")
    if number in BESIDE_WORDS or not digits:
        return BESIDE_WORDS.get(number, number)
    return f"{digits[:-1]}{int(digits[-1]) % 9 + 1}{number[len(digits) :]}"


def longest_run(said: str, follows: str) -> int:
    """The most words of `follows` that stand together in what was said.

    Letter case, punctuation and spacing do not count.

    >>> longest_run("He shall pay the price, in cash.", "shall pay the fee in cash")
    3
    """
    one, other = ([word.casefold() for word in WORD.findall(text)] for text in (said, follows))
    longest, before = 0, [0] * (len(other) + 1)
    for word in one:
        row = [0, *(before[n] + 1 if word == each else 0 for n, each in enumerate(other))]
        longest, before = max(longest, *row), row
    return longest


def length(text: str) -> int:
    """Words of a text, as `longest_run` counts them.

    >>> length("30 days' notice, in writing")
    5
    """
    return len(WORD.findall(text))
