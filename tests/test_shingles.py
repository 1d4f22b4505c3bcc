"""Shingles: what counts as the same wording, and how near a sample comes to all of it."""

import math
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.shingles import (
    FEWEST,
    MODULUS,
    WIDTH,
    comparable,
    containment,
    is_sample,
    plain,
    shingles,
    sketch,
)

VOCABULARY = ["the", "seller", "buyer", "shall", "pay", "on", "30", "days", "notice"]
WORDS = st.lists(st.sampled_from(VOCABULARY))
TEXTS = st.one_of(st.text(max_size=300), WORDS.map(" ".join))


def prose(seed, count):
    draw = random.Random(seed)
    return " ".join(f"w{draw.randrange(5000)}" for _ in range(count))


@given(TEXTS, TEXTS)
def test_containment_is_a_share(exam, trained):
    for of in (shingles, sketch):
        assert 0 <= containment(of(exam), of(trained)) <= 1


@given(TEXTS)
def test_a_text_contains_itself(text):
    has_words = bool(re.search(r"[^\W_]", text.casefold()))
    for of in (shingles, sketch):
        assert containment(of(text), of(text)) == float(has_words)


@given(TEXTS, TEXTS, TEXTS)
def test_whole_sets_of_a_part_stand_in_the_whole(before, text, after):
    if len(re.findall(r"[^\W_]+", text.casefold())) >= WIDTH:
        assert containment(shingles(text), shingles(f"{before} {text} {after}")) == 1


@given(WORDS, st.data())
def test_case_spacing_and_punctuation_do_not_count(words, data):
    gaps = data.draw(
        st.lists(
            st.sampled_from([" ", "\n\n", "\t", ", ", " _ ", "; "]),
            min_size=len(words),
            max_size=len(words),
        )
    )
    disguised = "".join(word.upper() + gap for word, gap in zip(words, gaps, strict=True))
    assert shingles(disguised) == shingles(" ".join(words))


def test_order_and_every_word_count():
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    whole = shingles(" ".join(words))
    assert len(whole) == 1
    for place in range(WIDTH):
        changed = [*words[:place], "other", *words[place + 1 :]]
        assert shingles(" ".join(changed)).isdisjoint(whole)
    assert shingles(" ".join(reversed(words))).isdisjoint(whole)


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (7, 1), (8, 1), (9, 2), (50, 43)])
def test_number_of_shingles(count, expected):
    assert len(shingles(" ".join(f"w{place}" for place in range(count)))) == expected


def test_hashes_are_the_same_on_every_machine():
    # Written down: manifests made years ago are compared with texts read today.
    assert shingles("This agreement is made on 12 March 2021") == {203383617293128}


def test_a_sample_is_one_in_sixteen_of_all():
    text = prose(1, 20_000)
    every, kept = shingles(text), sketch(text)
    assert kept == {each for each in every if each % MODULUS == 0}
    expected = len(every) / MODULUS
    assert abs(len(kept) - expected) < 4 * math.sqrt(expected)
    assert is_sample(kept)
    assert not is_sample(every)


def test_a_short_text_keeps_all():
    text = prose(2, 500)
    assert sketch(text) == shingles(text)
    assert not is_sample(sketch(text))


def test_a_short_text_whose_hashes_all_fall_into_the_sample_is_whole():
    exam = {MODULUS, *range(1, MODULUS)}
    assert not is_sample({MODULUS})
    assert containment(exam, {MODULUS}) == 1 / MODULUS


def test_a_short_text_is_found_in_a_long_one():
    short = prose(3, 600)
    long = f"{prose(4, 9_000)} {short} {prose(5, 9_000)}"
    assert is_sample(sketch(long))
    assert comparable(sketch(short), trained_is_sample=True) < FEWEST
    assert containment(sketch(short), sketch(long)) == 1
    exact = containment(shingles(long), shingles(short))
    assert containment(sketch(long), sketch(short)) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("seed", range(20))
def test_an_estimate_lies_within_its_sampling_error(seed):
    draw = random.Random(seed)
    share = draw.uniform(0.1, 0.9)
    blocks = [prose(f"{seed} {place}", 100) for place in range(120)]
    other = [
        block if draw.random() < share else prose(f"other {seed} {place}", 100)
        for place, block in enumerate(blocks)
    ]
    exam, trained = " ".join(blocks), " ".join(other)
    exact = containment(shingles(exam), shingles(trained))
    compared = comparable(sketch(exam), trained_is_sample=True)
    error = math.sqrt(exact * (1 - exact) / compared)
    assert 0 < exact < 1
    assert abs(containment(sketch(exam), sketch(trained)) - exact) < 4 * error


def test_estimates_of_real_contracts(cuad):
    texts = list({case.contract.id: case.contract.text for case in cuad.cases}.values())[:60]
    exact, estimated = [[of(text) for text in texts] for of in (shingles, sketch)]
    compared = 0
    for row in range(len(texts)):
        for column in range(len(texts)):
            true = containment(exact[row], exact[column])
            total = comparable(estimated[row], is_sample(estimated[column]))
            if 0.01 < true < 1 and total >= FEWEST:
                error = math.sqrt(true * (1 - true) / total)
                assert abs(containment(estimated[row], estimated[column]) - true) < 5 * error
                compared += 1
    assert compared > 10


# Format characters that show nothing; those of other scripts (numbers, hieroglyphs) show something.
INVISIBLE = [
    mark
    for mark in map(chr, range(0x110000))
    if unicodedata.category(mark) == "Cf"
    and not any(
        word in unicodedata.name(mark, "") for word in ("ARABIC", "SYRIAC", "KAITHI", "HIEROGLYPH")
    )
]
ORDINARY = st.text(
    st.characters(codec="latin-1", exclude_characters="\xad")
    | st.sampled_from("“”‘’–—…•§©®™½¼²³ªº№ﬁﬂäöüßéñçœø漢字かなабвαβ")
)


@given(ORDINARY | WORDS.map(" ".join))
def test_ordinary_text_is_read_as_it_stands(text):
    # Sketches of manifests made before invisible characters were dropped stay comparable.
    assert plain(text) == unicodedata.normalize("NFC", text)


@given(WORDS.filter(bool), st.lists(st.sampled_from(INVISIBLE), min_size=1), st.data())
def test_what_shows_nothing_does_not_count(words, hidden, data):
    text = " ".join(words)
    for mark in hidden:
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + mark + text[place:]
    assert shingles(text) == shingles(" ".join(words))


def test_the_sketches_of_the_shipped_manifests_are_those_of_today(sample):
    from models.manifest import read_manifest
    from tests.conftest import ROOT

    kept = read_manifest(ROOT / "models" / "adapters" / "dpo-smollm2").contracts
    texts = {case.contract.digest: case.contract.text for case in sample.cases}
    found = [each for each in kept if each.digest in texts]
    assert len(found) >= 3
    assert all(each.sketch == tuple(sorted(sketch(texts[each.digest]))) for each in found)
