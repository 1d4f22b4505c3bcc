"""What speaks for and against an answer, in numbers: the evidence that the reference judge weighs.

Most have a direction that the judge may not contradict, whatever the labelled pairs suggest: they
hold more traps than life does, and overlap would count for nothing in them.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from evals.judges.reference import facts, polarity, words
from evals.judges.reference import names as parties
from evals.judges.reference import wanted as asked_for
from evals.judges.reference.edits import edits
from evals.judges.reference.sections import sections
from evals.language.declining import is_yes_no
from evals.language.words import f1, normalise
from fixtures.layout import as_question

FAMILIES: dict[str, dict[str, int]] = {
    "words": {
        "f1": 0, "recall": 0, "subsequence": 0, "bigrams": 0, "best_sentence": 0,
        "new_recall": 1, "new_precision": 0, "precision": 0, "bigrams_back": 0,
    },
    "particulars": {
        "gold_particulars": 0, "missing": -1, "any_missing": -1, "swapped": -1, "swaps": -1,
        "alien": -1,
    },
    "what was asked": {
        "wanted": 0, "wanted_met": 1, "any_wanted_met": 1, "wanted_alien": -1, "named": 0,
        "named_met": 1, "capitals_met": 1, "met": 1,
    },
    "names": {"names_missing": -1, "names_alien": -1, "reversed": -1},
    "polarity": {"stance": 1, "flips": -1, "affirms": 1},
    "edits": {"copied": 0, "replaced": -1, "deleted": -1, "negations": -1},
    "silence": {"silent": -1, "silent_share": -1},
    "question": {"yes_no": 0, "wants_particular": 0, "wants_name": 0},
    "sections": {"sections": 0, "sections_shared": 0},
    "golds": {"golds": 0, "other_golds": 0},
    "shape": {"length_ratio": 0, "said_length": 0, "gold_length": 0, "repeated": -1, "hedges": 0},
}  # fmt: skip
"""Every feature; 1 where more of it may only raise the score, -1 where only lower it."""

DIRECTIONS = {name: sign for family in FAMILIES.values() for name, sign in family.items()}

HEDGE = re.compile(
    r"\b(?:likely|probably|appears?|seems?|may|might|could|suggests?|possibl[ey]|presumably|"
    r"unclear|unsure|not (?:entirely )?clear|confirm|consult|review)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Comparison:
    """One answer beside one gold text."""

    question: str
    gold: str
    said: str
    golds: int = 1

    @cached_property
    def gold_words(self) -> list[str]:
        """In SQuAD's normal form."""
        return normalise(self.gold).split()

    @cached_property
    def said_words(self) -> list[str]:
        """In SQuAD's normal form."""
        return normalise(self.said).split()

    @cached_property
    def best_sentence(self) -> str:
        """The sentence of the answer that is nearest to the gold text by words."""
        return max(
            polarity.sentences(self.said),
            key=lambda part: f1(normalise(part).split(), self.gold_words),
        )

    @cached_property
    def dispute(self) -> facts.Dispute:
        """Particulars compared."""
        return facts.dispute(self.gold, self.said, self.question)

    @cached_property
    def asked(self) -> str:
        """The question itself, where CUAD's form puts words before it."""
        return as_question(self.question)

    def values(self) -> dict[str, float]:
        """Every feature by name, but for that of the other gold texts."""
        found = {
            **self._words(),
            **self._particulars(),
            **asked_for.wanted(self.gold, self.said, self.asked, self.dispute),
            **self._names(),
            **self._question(),
            **self._polarity(),
            **edits(self.gold, self.said, self.best_sentence),
            **self._silence(),
            **self._sections(),
            **self._shape(),
            "golds": min(self.golds, 5),
        }
        return {name: round(value, 4) for name, value in found.items()}

    def _words(self) -> dict[str, float]:
        from rapidfuzz.distance import LCSseq

        gold, said = self.gold_words, self.said_words
        asked, gold_content, said_content = map(
            words.content, (self.question, self.gold, self.said)
        )
        common = LCSseq.similarity(said, gold)
        precision = words.covered(words.new(said_content, asked), gold_content)
        return {
            "f1": f1(said, gold),
            "recall": words.shared(said, gold) / max(len(gold), 1),
            "subsequence": common / max(len(gold), 1),
            "bigrams": words.bigrams(said, gold),
            "best_sentence": f1(normalise(self.best_sentence).split(), gold),
            "new_recall": words.covered(words.new(gold_content, asked), said_content),
            "new_precision": precision if said_content else 0.0,
            "precision": words.shared(said, gold) / max(len(said), 1),
            "bigrams_back": words.bigrams(gold, said),
        }

    def _particulars(self) -> dict[str, float]:
        found = self.dispute
        return {
            "gold_particulars": min(found.gold, 4),
            "missing": len(found.missing) / max(found.gold, 1),
            "any_missing": float(bool(found.missing)),
            "swapped": len(found.swapped) / max(found.gold, 1),
            "swaps": min(len(found.swapped), 3),
            "alien": min(len(found.alien), 4),
        }

    def _names(self) -> dict[str, float]:
        lost, wanted = parties.missing(self.gold, self.said, self.question)
        return {
            "names_missing": len(lost) / max(wanted, 1),
            "names_alien": min(len(parties.alien(self.gold, self.said, self.question)), 6),
            "reversed": float(parties.reversed_order(self.gold, self.best_sentence)),
        }

    def _polarity(self) -> dict[str, float]:
        return {
            "stance": float(polarity.stance(self.gold) * polarity.stance(self.said)),
            "flips": min(polarity.flips(self.gold, self.said), 5),
            "affirms": float(polarity.stance(self.said) * polarity.expected(self.asked, self.gold)),
        }

    def _question(self) -> dict[str, float]:
        return {
            "yes_no": float(is_yes_no(self.asked)),
            "wants_particular": float(facts.is_wanted(self.asked)),
            "wants_name": float(parties.is_wanted(self.asked)),
        }

    def _silence(self) -> dict[str, float]:
        share = polarity.silent_share(self.said)
        return {
            "silent": float(polarity.silent_start(self.said)),
            "silent_share": share,
        }

    def _sections(self) -> dict[str, float]:
        said, gold = sections(self.said), sections(self.gold)
        return {"sections": min(len(said), 5), "sections_shared": min(len(said & gold), 5)}

    def _shape(self) -> dict[str, float]:
        gold, said = len(self.gold_words), len(self.said_words)
        return {
            "length_ratio": math.log((said + 1) / (gold + 1)),
            "said_length": math.log(said + 1),
            "gold_length": math.log(gold + 1),
            "repeated": words.repeated(self.said_words),
            "hedges": min(len(HEDGE.findall(self.said)), 5),
        }


def comparisons(question: str, golds: Sequence[str], said: str) -> list[Comparison]:
    """The answer beside each gold text, and beside all of them as one list."""
    joined = ["; ".join(golds)] if len(golds) > 1 else []
    return [Comparison(question, gold, said, len(golds)) for gold in (*golds, *joined)]


def nearest(candidates: Sequence[Comparison]) -> tuple[Comparison, list[float]]:
    """The comparison with the gold text to which the answer comes nearest, and its features."""
    valued = [(each, each.values()) for each in candidates]
    best, values = max(
        valued, key=lambda pair: pair[1]["f1"] + pair[1]["new_recall"] - pair[1]["missing"]
    )
    met = [each["new_recall"] for _, each in valued]
    found = {**values, "other_golds": round(sum(met) / len(met), 4)}
    return best, [found[name] for name in DIRECTIONS]
