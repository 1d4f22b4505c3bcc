"""Whether a text is in another language than English, for whoever reads English alone.

By the letters, and by function words of the languages of Western Europe. Short answers, names and
figures are of no language.
"""

import re

LEAST = 3
"""Function words of another language from which a text is in it."""
READ = 4000
"""Characters that are looked at."""

WORD = re.compile(r"[^\W\d_]+")
ENGLISH = frozenset({
    "the", "of", "and", "to", "in", "is", "that", "for", "by", "with", "not", "be", "shall", "this",
    "any", "or", "on", "from", "as", "it", "its", "has", "are", "may", "which", "no", "yes", "an",
    "at", "if", "will", "under", "have",
})  # fmt: skip
OTHER = frozenset({
    "der", "das", "und", "nicht", "ist", "des", "dem", "ein", "eine", "einer", "von", "zu", "mit",
    "auf", "für", "den", "wird", "sind", "nach", "durch",
    "le", "la", "les", "et", "est", "une", "dans", "pour", "par", "sur", "pas", "du", "au", "aux",
    "que", "qui", "ne", "sont", "il",
    "el", "los", "las", "del", "y", "es", "un", "en", "por", "con", "para", "su", "al",
    "di", "che", "non", "della", "dei", "delle", "gli", "nel", "è",
    "o", "os", "não", "uma", "em", "da", "dos", "ao", "pelo",
    "de", "het", "een", "van", "niet", "op", "te", "dat", "voor", "wordt", "zijn",
})  # fmt: skip
"""Words that English has too are left out."""


def is_foreign(text: str) -> bool:
    """Whether a text of some length is not English.

    >>> is_foreign("Der Vertrag unterliegt dem Recht des Staates Ohio und keinem anderen.")
    True
    >>> is_foreign("本协议受俄亥俄州法律管辖。"), is_foreign("Ohio law"), is_foreign("$5")
    (True, False, False)
    >>> is_foreign("Banco de la Vid y del Sol, Sociedad Anónima de Chile")
    False
    """
    words = WORD.findall(text[:READ])
    letters = "".join(words)
    strange = sum(letter > "\u024f" for letter in letters)
    if 2 * strange > len(letters):
        return True
    said = [word for word in words if word.islower()]
    other = sum(word.lower() in OTHER for word in words)
    english = sum(word.lower() in ENGLISH for word in words)
    content = sum(word not in OTHER and word not in ENGLISH for word in said)
    return other >= LEAST and other > 2 * english and content >= LEAST
