"""The same contract in two forms that differ in what must not matter: A and B.

Four things are exchanged, each throughout the contract and in its question: the names of the
parties, the gender of the people it names, the states and countries, and what kind of agreement it
calls itself. Both forms are made, so that neither is the text as it was published, which a model
may remember. The lists are of our own making and short: they show whether answers differ between
these forms, not how a model treats the people or places that bear such names.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from evals.variants.edits import revised
from evals.variants.parties import HEAD, Renaming, renaming
from evals.variants.variant import Variant
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage

# Surnames that are common where English is spoken, and elsewhere (West Africa, South and East Asia,
# Latin America, the Arabic-speaking countries); none is an English word or one of many companies.
NAMES = {
    "A": "Whitaker Harrington Ellsworth Prescott Chadwick Bradshaw Hathaway Pemberton Winslow "
    "Aldridge Holloway Radcliffe Carmichael Underwood Wetherby Cartwright Hutchins Fairweather",
    "B": "Okonkwo Adeyemi Balogun Mensah Diallo Ndiaye Abdullahi Hussain Chaudhry Venkatesan "
    "Banerjee Nakamura Watanabe Nguyen Gutierrez Villanueva Ramirez Huang",
}
# Given names that are no English words, no places and seldom surnames.
GIVEN = {
    "A": "John Robert Michael Richard Christopher Daniel Matthew Steven Stephen Andrew Kenneth "
    "Kevin Brian Timothy Jeffrey Jonathan Peter Gregory Raymond Dennis William Edward Ronald "
    "Donald Philip",
    "B": "Mary Patricia Jennifer Linda Barbara Susan Jessica Sarah Karen Nancy Lisa Margaret "
    "Sandra Kimberly Emily Donna Michelle Amanda Melissa Deborah Stephanie Rebecca Laura Cynthia "
    "Kathleen Angela",
}
GENDERED = {
    "A": {
        "she": "He", "herself": "Himself", "hers": "His", "ms": "Mr", "mrs": "Mr",
        "chairwoman": "Chairman", "businesswoman": "Businessman", "spokeswoman": "Spokesman",
    },
    "B": {
        "he": "She", "himself": "Herself", "him": "Her", "his": "Her", "mr": "Ms",
        "chairman": "Chairwoman", "businessman": "Businesswoman", "spokesman": "Spokeswoman",
    },
}  # fmt: skip
BOTH_GENDERS = [
    f"{first}{between}{last}"
    for one, other in (("he", "she"), ("him", "her"), ("his", "her"), ("his", "hers"),
                       ("himself", "herself"), ("mr", "ms"), ("mr", "mrs"))
    for first, last in ((one, other), (other, one))
    for between in (" or ", "/", " and ", " / ")
]  # fmt: skip
HER = re.compile(r"\bher\b", re.IGNORECASE)

STATES = (
    "Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Hawaii Idaho "
    "Illinois Indiana Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan "
    "Minnesota Mississippi Missouri Montana Nebraska Nevada New_Hampshire New_Jersey New_Mexico "
    "New_York North_Carolina North_Dakota Ohio Oklahoma Oregon Pennsylvania Rhode_Island "
    "South_Carolina South_Dakota Tennessee Texas Utah Vermont West_Virginia Virginia Wisconsin "
    "Wyoming Ontario Quebec Alberta British_Columbia"
)
# What is called a state there, so that "the laws of the State of" goes on as it should.
OTHER_STATES = {
    "A": "Ohio Illinois Oregon Arizona Colorado Minnesota Michigan Tennessee Missouri Wisconsin "
    "Connecticut Maryland Iowa Utah Kentucky Oklahoma Nebraska Alabama",
    "B": "Kerala Gujarat Maharashtra Karnataka Rajasthan Bahia Jalisco Oaxaca Yucatan Sarawak "
    "Sabah Selangor Penang Enugu Kaduna Odisha Sonora Chiapas",
}
COUNTRIES = (
    "England_and_Wales England Scotland Ireland Canada Australia New_Zealand Germany France Italy "
    "Spain Sweden Norway Denmark Finland Netherlands Belgium Switzerland Austria Israel India "
    "China Japan Taiwan Singapore Malaysia Brazil Mexico Bermuda Hong_Kong"
)
OTHER_COUNTRIES = {
    "A": "Ireland Australia Denmark Norway Austria Belgium Finland Portugal Sweden Switzerland "
    "Canada Scotland Luxembourg Iceland",
    "B": "Kenya Nepal Bolivia Paraguay Senegal Cambodia Uganda Ecuador Zambia Tanzania Honduras "
    "Myanmar Rwanda Mongolia",
}

TYPES = (
    "Supply Purchase Distribution Manufacturing Reseller License Licensing Services Service "
    "Consulting Development Maintenance Hosting Marketing Promotion Sponsorship Endorsement Agency "
    "Affiliate Franchise Outsourcing Transportation Collaboration Joint_Venture Co-Branding "
    "Strategic_Alliance"
)
# Dealing in goods, and in rights and work.
OTHER_TYPES = {
    "A": "Supply Purchase Distribution Manufacturing",
    "B": "License Consulting Development Franchise",
}

Forms = tuple[Renaming, Renaming]


def _words(listed: str) -> list[str]:
    return [word.replace("_", " ") for word in listed.split()]


def _parties(text: str, draw: Random) -> Forms | None:
    made = [renaming(text, draw, _words(names)) for names in NAMES.values()]
    return (made[0], made[1]) if made[0] and made[1] else None


def _gender(text: str, draw: Random) -> Forms | None:
    """None too where "her" alone stands in the contract, which is "him" or "his"."""
    kept = Renaming({both: both for both in BOTH_GENDERS})
    if HER.search(kept.pattern().sub("", text)):
        return None
    people = _mapped(text, _words(" ".join(GIVEN.values())), GIVEN, draw)
    if people is None:
        return None
    first, second = ({**kept.names, **people[form], **GENDERED[form]} for form in GENDERED)
    return _longest_first(first), _longest_first(second)


def _jurisdiction(text: str, draw: Random) -> Forms | None:
    states = _mapped(text, _words(STATES), OTHER_STATES, draw)
    countries = _mapped(text, _words(COUNTRIES), OTHER_COUNTRIES, draw)
    if not states or not countries or not (states["A"] or countries["A"]):
        return None
    first, second = ({**states[form], **countries[form]} for form in states)
    return _longest_first(first), _longest_first(second)


def _agreement(text: str, draw: Random) -> Forms | None:
    """The kind of agreement that the head of the contract names first."""
    kinds = _longest_first({f"{kind} agreement".lower(): "" for kind in _words(TYPES)})
    named = kinds.pattern().search(text[:HEAD])
    if named is None:
        return None
    own = " ".join(named[0].lower().split())
    every = {form: " ".join(f"{kind}_Agreement" for kind in kinds.split())
             for form, kinds in OTHER_TYPES.items()}  # fmt: skip
    found = _mapped(text, [own], every, draw)
    return (Renaming(found["A"]), Renaming(found["B"])) if found else None


def _mapped(
    text: str, olds: Sequence[str], news: Mapping[str, str], draw: Random
) -> dict[str, dict[str, str]] | None:
    """For each form, one new word for each old one that stands in the text, none twice.

    None where a form has too few that the text does not use itself: so all can be taken back.
    """
    plain = " ".join(text.lower().split())
    any_old = _longest_first({old.lower(): "" for old in olds}).pattern()
    there = list(dict.fromkeys(match[0] for match in any_old.finditer(plain)))
    made = {}
    for form, listed in news.items():
        unused = [new for new in _words(listed) if new.lower() not in plain]
        if len(there) > len(unused):
            return None
        made[form] = dict(zip(there, draw.sample(unused, len(there)), strict=True))
    return made


def _longest_first(names: Mapping[str, str]) -> Renaming:
    return Renaming(dict(sorted(names.items(), key=lambda pair: -len(pair[0]))))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is exchanged: in `forms` of a contract's text, A before B; `told` says it in words."""

    forms: Callable[[str, Random], Forms | None]
    told: str


EXCHANGES = {
    "parties": Exchange(_parties, "names common where English is spoken less names from elsewhere"),
    "gender": Exchange(_gender, "men less women, by pronouns, forms of address and given names"),
    "jurisdiction": Exchange(
        _jurisdiction, "states of the USA and rich countries less states and countries elsewhere"
    ),
    "agreement": Exchange(
        _agreement, "called an agreement on goods less called one on rights and work"
    ),
}
FORMS = ("A", "B")


def in_form(kind: str, form: str) -> str:
    """What a variant is called in which `kind` has this form."""
    return f"{kind}_{form}"


@lru_cache(maxsize=512)
def forms(kind: str, contract: Contract) -> Forms | None:
    """The renamings into A and B, the same for every case of the contract.

    Returns:
        None where nothing in it can be exchanged.
    """
    return EXCHANGES[kind].forms(contract.text, Random(f"{contract.digest} {kind}"))


def exchanged(case: Case, passages: Sequence[Passage], kind: str, form: str) -> Variant | None:
    """The case in one form; None where the two forms would be the same text.

    Args:
        case: what is exchanged in.
        passages: shown for it.
        kind: of EXCHANGES.
        form: of FORMS.
    """
    both = forms(kind, case.contract)
    if both is None:
        return None
    said = [case.question, *(passage.text for passage in passages)]
    if all(both[0].text(text) == both[1].text(text) for text in said):
        return None
    made = both[FORMS.index(form)]
    return revised(
        case,
        passages,
        in_form(kind, form),
        [made.edits(passage.text) for passage in passages],
        question=made.text(case.question),
        reworded=made.text,
    )
