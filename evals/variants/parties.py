"""New names for old ones throughout a contract, and which words tell its parties from others.

A company is told from others by one word of its name; that word is replaced wherever it stands,
in its own letter case, so that full names, short names and letterheads stay consistent.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from evals.language.names import COMMON, SUFFIXES, WORD
from evals.variants.edits import Edit

HEAD = 6000
INVENTED = WORD.findall(
    "Ashgrel Bellwick Corvenna Dunmarrow Eskelby Fenwarren Garrastone Hollinder Ivermoor Jostrand "
    "Kelvaron Lorrimont Mardenvale Nethercroy Ostrigan Pavenhall Rothmirren Skeldane Tarrowick "
    "Umbrelle Vastergard Wynterlow Yarrowdene Zethercombe"
)
# Suffixes as contracts write them; a capitalised run that ends in one is a company's name.
SUFFIX = (
    r"(?:Inc|Incorporated|L\.?L\.?C|Ltd|Limited|Corp|Corporation|Company|Co|L\.?L?\.?P|plc|GmbH|"
    r"AG|AB|ApS|A/S|S\.?A|N\.?V|B\.?V|S\.r\.l|K\.K|INC|INCORPORATED|LTD|LIMITED|CORP|"
    r"CORPORATION|COMPANY|PLC)\b"
)
COMPANY = re.compile(rf"((?:[A-Z][\w&'’.-]*,? ){{1,6}}){SUFFIX}")
ALIAS = re.compile(r"\( ?(?:herein\w+,? )?[\"“]([A-Z][\w&'’-]{3,})[\"”]")
RUN = re.compile(r"[A-Z][\w&'’-]*(?: [A-Z][\w&'’-]*)+")
ALIAS_REACH = 400
BLANK_LINE = re.compile(r"\n[ \t]*\n")
SMALL = re.compile(r"(?<![\w@./-])[a-z]+(?![\w@/-]|\.\w)")
# Words of companies' names that others share, and places: they stay.
SHARED = COMMON | SUFFIXES.keys() | frozenset(
    WORD.findall(
        "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia "
        "hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts "
        "michigan minnesota mississippi missouri montana nebraska nevada hampshire jersey mexico "
        "york carolina dakota ohio oklahoma oregon pennsylvania rhode tennessee texas utah vermont "
        "virginia washington wisconsin wyoming america american canada canadian ontario quebec "
        "columbia england english wales scotland ireland irish kingdom britain british france "
        "french germany german italy italian spain spanish sweden swedish norway denmark danish "
        "finland netherlands dutch belgium switzerland swiss austria israel india indian china "
        "chinese hong kong taiwan japan japanese tokyo korea korean singapore malaysia australia "
        "zealand brazil bermuda cayman europe european asia pacific atlantic africa north south "
        "east west northern southern eastern western central london boston chicago houston dallas "
        "francisco angeles diego first national international global general united world "
        "exhibit schedule annex appendix between whereas recitals execution version this amended "
        "restated software systems technology technologies services group holdings partners "
        "capital energy health medical pharmaceuticals therapeutics biosciences networks media "
        "bank trust university research products industries enterprises solutions system service "
        "commission exchange securities stock board member code mobile financial local management "
        "managing properties stadium amendment commencement term deed asset third date"
    )
)  # fmt: skip


@dataclass(frozen=True)
class Renaming:
    """New words by old ones, in lower case; of two that begin alike the longer stands first.

    What is renamed to itself stays as it is, so that "he or she" can be kept where "he" is not.
    """

    names: dict[str, str]

    def pattern(self) -> re.Pattern[str]:
        """Any of the old words, in any letter case, each in a group of its own."""
        spaced = (r"\s+".join(map(re.escape, old.split())) for old in self.names)
        words = "|".join(f"({old})" for old in spaced)
        return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)

    def new(self, match: re.Match[str]) -> str:
        """The new word in the old one's letter case.

        The group says which word it is: letters that the pattern takes for one, such as the dotless
        i and i, need not be one in lower case.
        """
        old, name = list(self.names.items())[(match.lastindex or 1) - 1]
        if old == name.lower():
            return match[0]
        if match[0].isupper():
            return name.upper()
        return name.lower() if match[0].islower() else name

    def text(self, text: str) -> str:
        """`text` with every old word replaced."""
        return self.pattern().sub(self.new, text)

    def edits(self, text: str) -> list[Edit]:
        """What replaces every old word in `text`."""
        made = (Edit(*match.span(), self.new(match)) for match in self.pattern().finditer(text))
        return [edit for edit in made if edit.text != text[edit.start : edit.end]]


def renaming(text: str, draw: Random, invented: Sequence[str] = INVENTED) -> Renaming | None:
    """New names for the companies that the head of a contract names.

    Returns:
        None where it names none, or more than there are `invented` names that it does not use.
    """
    words = dict.fromkeys(telling_words(text))
    unused = [name for name in invented if name.lower() not in text.lower()]
    if not words or len(words) > len(unused):
        return None
    return Renaming(dict(zip(words, draw.sample(unused, len(words)), strict=True)))


def telling_words(text: str) -> Iterator[str]:
    """In lower case, the word that tells each company, or person with a short name, from others.

    A word that the contract also writes small, or that many names share, tells nothing.
    """
    head = "\n".join(" ".join(part.split()) for part in BLANK_LINE.split(text[:HEAD]))
    shared = SHARED | set(SMALL.findall(text))
    companies = (match[1] for match in COMPANY.finditer(head))
    for name in (*companies, *_with_alias(head)):
        free = (w.lower() for w in WORD.findall(name) if w.lower() not in shared)
        yield from islice((word for word in free if len(word) > 3 and word.isalpha()), 1)


def _with_alias(head: str) -> Iterator[str]:
    """Short names defined in brackets that begin a longer name before them."""
    for alias in ALIAS.finditer(head):
        before = head[max(alias.start() - ALIAS_REACH, 0) : alias.start()]
        if any(run.lower().startswith(f"{alias[1].lower()} ") for run in RUN.findall(before)):
            yield alias[1]
