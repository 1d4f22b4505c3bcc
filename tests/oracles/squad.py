"""SQuAD v1.1 scores from the published definition, by other means than the product's.

Normal form by a walk over characters, overlap by merging two sorted lists of words, F1 as the
harmonic mean of precision and recall in exact fractions.
"""

import string
from fractions import Fraction


def normal_words(text):
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    words, word = [], ""
    for char in [*kept, " "]:
        # Articles are whole runs of \w, which other symbols may touch: "the’s" holds one.
        if char.isalnum() or char == "_":
            word += char
            continue
        words.append("" if word in ("a", "an", "the") else word)
        words.append(char)
        word = ""
    pieces, removed = [], False
    for piece in words:
        removed = piece == ""
        pieces.append(" " if removed else piece)
    return "".join(pieces).split()


def overlap(left, right):
    left, right = sorted(left), sorted(right)
    i = j = shared = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            shared, i, j = shared + 1, i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return shared


def f1(said, gold):
    said, gold = normal_words(said), normal_words(gold)
    if not said or not gold:
        return Fraction(said == gold)
    shared = overlap(said, gold)
    if not shared:
        return Fraction(0)
    precision, recall = Fraction(shared, len(said)), Fraction(shared, len(gold))
    return 2 * precision * recall / (precision + recall)


def squad(said, golds):
    exact = any(normal_words(said) == normal_words(gold) for gold in golds)
    return float(exact), float(max(f1(said, gold) for gold in golds))
