"""Names and roles that two texts share: who appears, who is missing, and who comes first."""

import re
from collections.abc import Collection
from functools import lru_cache

from evals.judges.reference.words import STOP
from evals.language.names import COMMON, PLACES, SUFFIXES

WORD = r"[A-Z][\w&'’-]*"
OPENS = re.compile(r"[\s\"“*(]*(?:\Z|[.!?:;\n\"“*•-])")
"""What stands before the first word of a sentence, read backwards, which takes linear time."""

RUN = re.compile(rf"\b{WORD}(?:,? (?:of )?(?={WORD}){WORD})*")
TOKEN = re.compile(r"[A-Za-z][\w&'’-]*")

WANTED = re.compile(
    r"\bwho\b|\bwhom\b|\bwhose\b|\bpart(?:y|ies)\b|\blaws?\b|\bstate\b|\bcourts?\b|\bjurisdiction\b|"
    r"\bwhere\b|\bcountry\b|\bterritory\b|\bvenue\b|\bname\b"
)

POSSESSIVE = re.compile(r"['’]s?$")
SHORT = 12
"""Words of a text that is a mere fact, whose first word may be a name too."""

ROLES = frozenset(
    TOKEN.findall(
        "licensor licensee supplier buyer seller customer client provider vendor landlord tenant "
        "lessor lessee distributor franchisor franchisee agent principal sponsor company "
        "contractor consultant manufacturer carrier shipper affiliate user publisher author "
        "council bank lender borrower owner developer purchaser employer employee producer "
        "athlete talent parent guarantor"
    )
)

NAMELESS = STOP | COMMON | PLACES | SUFFIXES.keys() | ROLES


def is_wanted(question: str) -> bool:
    """Whether the question asks for a party or a place."""
    return WANTED.search(question.lower()) is not None


@lru_cache(maxsize=512)
def names(text: str) -> tuple[str, ...]:
    """The telling word of each name, lower case: "acme" of Acme Widgets, Inc.

    A word that opens a sentence is capital anyway; it counts in short texts, or in a longer name.
    """
    found: dict[str, None] = {}
    short, end = len(text.split()) <= SHORT, 0
    for match in RUN.finditer(text):
        words = [POSSESSIVE.sub("", word).lower() for word in TOKEN.findall(match[0])]
        before, end = text[max(end - 1, 0) : match.start()], match.end()
        opens = OPENS.match(before[::-1]) is not None
        if opens and not short and len(words) < 2:
            continue
        telling = [word for word in words if word not in NAMELESS]
        if telling:
            found[telling[0]] = None
    return tuple(found)


def actors(text: str, named: Collection[str]) -> list[str]:
    """Names, of those given, and roles, in the order in which they first occur."""
    found = (POSSESSIVE.sub("", word).lower() for word in TOKEN.findall(text))
    return list(dict.fromkeys(w for w in found if w in named or w.rstrip("s") in ROLES))


def missing(gold: str, said: str, question: str) -> tuple[list[str], int]:
    """Names of the gold text, not of the question, that the answer lacks; how many there are."""
    asked, lower = question.lower(), said.lower()
    wanted = [word for word in names(gold) if word not in asked]
    return [word for word in wanted if word not in lower], len(wanted)


def alien(gold: str, said: str, question: str) -> list[str]:
    """Names of the answer that neither gold text nor question has in any case."""
    known = f"{gold} {question}".lower()
    return [word for word in names(said) if word not in known]


def reversed_order(gold: str, said: str) -> bool:
    """Whether names or roles of both texts come in another order: the payer may be the payee.

    A short gold text is a list of parties, whose order says nothing.
    """
    if len(gold.split()) <= SHORT:
        return False
    named = {*names(gold), *names(said)}
    one, two = actors(gold, named), actors(said, named)
    both = [word for word in one if word in two]
    return len(both) > 1 and [word for word in two if word in both] != both
