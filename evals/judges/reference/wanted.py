"""What a question asks for, by kind, and whether the answer has the gold text's: "Ohio" is enough.

A short answer shares few words with a whole clause; where the question wants a date, a period, an
amount or a name, that of the gold text tells whether it is right.
"""

import re
from collections.abc import Sequence

from evals.judges.reference.facts import Dispute, dispute
from evals.judges.reference.names import NAMELESS, POSSESSIVE, SHORT, TOKEN

KINDS = (
    (re.compile(r"\bwhen\b|\bdates?\b|\bexpir|\beffective\b"), frozenset({"date"})),
    (
        re.compile(
            r"\bhow (?:long|soon|often|late|fast|quickly)\b|\b(?:periods?|terms?|duration|notice|"
            r"deadline|renew\w*|within)\b"
        ),
        frozenset({"days"}),
    ),
    (
        re.compile(
            r"\bhow (?:much|many)\b|\b(?:amounts?|fees?|prices?|rates?|percentage|royalt\w+|caps?|"
            r"limits?|minimum|maximum|number|commission|premium|damages)\b"
        ),
        frozenset({"%", "usd", "eur", "gbp", "number", "times"}),
    ),
)

NAMED = re.compile(
    r"\bwho(?:m|se)?\b|\bpart(?:y|ies)\b.*\bsign|\bwhich (?:party|parties|state|courts?)\b|"
    r"\b(?:laws?|jurisdiction|venue|territory|country|names?)\b"
)

GUESSES = 3
"""Other values beside the right one from which an answer is a list of guesses."""


def wanted(gold: str, said: str, question: str, found: Dispute) -> dict[str, float]:
    """Whether a kind is asked for that the gold text has, met by the answer, or given otherwise."""
    asked = question.lower()
    kinds = {kind for shape, kinds in KINDS if shape.search(asked) for kind in kinds}
    golds = [each for each in found.golds if each.kind in kinds]
    met = [each for each in golds if each not in found.missing]
    alien = [each for each in found.alien if each.kind in {gold.kind for gold in golds}]
    shared = (_capitals(said) & _capitals(gold)) - set(asked.split())
    named = bool(NAMED.search(asked) and _capitals(gold))
    return {
        "wanted": float(bool(golds)),
        "wanted_met": len(met) / max(len(golds), 1),
        "any_wanted_met": float(bool(met)),
        "wanted_alien": float(bool(alien and not met)),
        "named": float(named),
        "named_met": float(named and bool(shared)),
        "capitals_met": min(len(shared), 4),
        "met": min(found.gold - len(found.missing), 4),
    }


def guesses(golds: Sequence[str], said: str, question: str) -> bool:
    """Whether the gold text's value stands amid `GUESSES` or more others of its kind.

    One of the two texts is short: a long clause and a long answer have other values anyway.
    """
    gold = "; ".join(golds)
    if min(len(gold.split()), len(said.split())) > SHORT:
        return False
    found = dispute(gold, said, question)
    met = {each.kind for each in found.golds if each not in found.missing}
    return sum(each.kind in met for each in found.alien) >= GUESSES


def _capitals(text: str) -> set[str]:
    words = {POSSESSIVE.sub("", word) for word in TOKEN.findall(text)}
    return {word.lower() for word in words if word[:1].isupper()} - NAMELESS
