"""Names in a text: runs of capitalised words, told from words that are capital by their place."""

import re
from collections.abc import Iterator

WORD = re.compile(r"[\w&]+")
TOKEN = re.compile(r"\n|[^\W\d_][^\W_]*(?:[&'.-][^\W_]+)*|&|\S")
INITIAL = re.compile(r"\b([A-Z])\.\s")
BEFORE_SUFFIX = re.compile(r",\s+(?=(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|LP|L\.P|S\.A|N\.V)\b)")
STARTERS = frozenset('\n.!?:;"(')

SUFFIXES = {
    "incorporated": "inc", "inc": "inc", "corporation": "corp", "corp": "corp", "llc": "llc",
    "limited": "ltd", "ltd": "ltd", "company": "co", "co": "co", "lp": "lp", "llp": "llp",
    "plc": "plc", "gmbh": "gmbh", "ag": "ag", "sa": "sa", "nv": "nv", "bv": "bv",
}  # fmt: skip
# Words that are capital by their place or as a contract's roles, and begin or end no name.
COMMON = frozenset(
    WORD.findall(
        "a an the this that these those in on at by to of for from under with within without "
        "per as and or but nor not no yes if it its is are was were he she they we i you his "
        "her their our your each any all both either neither such other based according "
        "pursuant subject unless until upon during after before since when where while there "
        "here however therefore thus also only may shall will must section article agreement "
        "contract party parties licensor licensee buyer seller purchaser distributor supplier "
        "manufacturer customer client lender borrower landlord tenant consultant contractor "
        "franchisor franchisee provider vendor effective answer governing"
    )
)
PLACES = frozenset(WORD.findall("state commonwealth republic province county city laws courts"))
LONGEST_NAME = 8


def name_words(text: str) -> str:
    """Words between single spaces, dots and possessives gone: "L.L.C." is "llc".

    >>> name_words("Acme Robotics, L.L.C.")
    ' acme robotics llc '
    """
    words = WORD.findall(f"{text.lower()} ".replace(".", "").replace("'s ", " "))
    return f" {' '.join([SUFFIXES.get(word, word) for word in words])} "


def names(text: str) -> Iterator[tuple[str, list[str]]]:
    """Names in `text`: as written, and the forms of which one must occur.

    A name is a run of capitalised words, also across "of" and "&", that has two words or follows
    "State of". A run that ends in a colon is a label.

    >>> list(names("The lease binds Acme Robotics Inc. under the laws of the State of Delaware"))
    [('Acme Robotics Inc', ['acme robotics inc']), ('Delaware', ['delaware'])]
    """
    run: list[str] = []
    starts = opens = True
    for token in [*TOKEN.findall(INITIAL.sub(r"\1 ", BEFORE_SUFFIX.sub(" ", text))), "\n"]:
        capital = is_capital(token, starts)
        ended = bool(run) and is_suffix(run[-1]) and not is_suffix(token)
        if (run and token in ("of", "&")) or (capital and not ended):
            opens = opens if run else starts
            run.append(token)
        else:
            if run and token != ":":
                yield from as_name(run, opens)
            run, opens = ([token], False) if capital else ([], False)
        starts = token in STARTERS


def as_name(run: list[str], opens: bool) -> Iterator[tuple[str, list[str]]]:
    """The name in a run of capitalised words, if there is one.

    The first word of a sentence is capital anyway, so that two others suffice for the name.

    >>> list(as_name(["State", "of", "Delaware"], opens=False))
    [('Delaware', ['delaware'])]
    """
    while run and run[-1] in ("of", "&"):
        run = run[:-1]
    place = len(run) > 2 and run[0].lower() in PLACES and run[1] == "of"
    run = run[2:] if place else run
    if (place or len(run) > 1) and len(run) <= LONGEST_NAME:
        forms = [run, run[1:]] if opens and len(run) > 2 else [run]
        yield " ".join(run), [name_words(" ".join(form)).strip() for form in forms]


def is_capital(token: str, starts: bool) -> bool:
    """Whether a word may be of a name; adverbs that open a sentence may not.

    >>> is_capital("Acme", starts=True), is_capital("Licensee", starts=False)
    (True, False)
    """
    lower = token.lower()
    return token[0].isupper() and lower not in COMMON and not (starts and lower.endswith("ly"))


def is_suffix(token: str) -> bool:
    """Whether a word is a company's suffix, with dots or without.

    >>> is_suffix("L.L.C."), is_suffix("Acme")
    (True, False)
    """
    return token.lower().replace(".", "") in SUFFIXES
