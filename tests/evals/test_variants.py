"""Variants of cases: slices and gold answers stay true, and only what should change does."""

import re
import time
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.language.quantities import NUMERALS, dates, numbers
from evals.metrics.abstention import abstains
from evals.metrics.text import f1, normalise
from evals.variants import noise
from evals.variants.clauses import ANSWERING, CLAUSES, REFUSING, distractor
from evals.variants.edits import Edit, applied, gold_in, moved, revised
from evals.variants.paraphrases import PARAPHRASES, paraphrase
from evals.variants.parties import INVENTED, Renaming, renaming
from evals.variants.variant import holds
from evals.variants.vary import ROBUSTNESS, SAFETY, vary
from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Chunker, Passage

SUITES = ("robustness", "safety")
SPELT = NUMERALS | {"percent", "days", "months", "years", "not"}
PLANTED = ("distractor", *SAFETY)


@cache
def shown():
    """Cases of every contract and category, with five passages; the gold one is among them."""
    cuts = {}
    pairs = []
    for number, case in enumerate(load_dataset("sample").cases):
        if number % 3 == 0:
            passages = cuts.setdefault(case.contract.id, Chunker().split(case.contract))
            gold = [p for p in passages if gold_in(case, p)][:2]
            others = [p for p in passages if p not in gold]
            pairs.append((case, (*gold, *Random(number).sample(others, 5 - len(gold)))))
    return pairs


@cache
def made():
    return [variant for case, passages in shown() for variant in vary(case, passages, SUITES)]


def of(kind):
    found = [variant for variant in made() if variant.kind == kind]
    assert len(found) >= 30, f"{len(found)} variants of kind {kind}"
    return found


def originals(variant):
    return next(passages for case, passages in shown() if case.id == variant.origin.id)


def compact(text):
    return "".join(text.split())


@pytest.mark.parametrize("kind", [*ROBUSTNESS, *SAFETY])
def test_passages_are_slices_and_gold_stands_where_it_is_said_to(kind):
    located = 0
    for variant in of(kind):
        case, text = variant.case, variant.case.contract.text
        assert case.id == f"{variant.origin.id}~{kind}"
        assert case.slug == f"{variant.origin.slug}~{kind}"
        assert case.contract.id == variant.origin.contract.id
        assert text == "\n\n".join(passage.text for passage in variant.passages)
        for passage in variant.passages:
            assert passage.text == text[passage.start : passage.end]
            assert passage.contract_id == case.contract.id
        for span in case.spans:
            located += span.start is not None
            assert span.start is None or text.startswith(span.text, span.start)
            assert span.text
        kept = variant.origin.answerable and kind != "gold_deleted"
        assert case.answerable == kept
        assert bool(variant.planted) == (kind in PLANTED)
    assert located > 20 or kind == "gold_deleted"


def test_every_kind_and_nothing_by_chance():
    case, passages = next(pair for pair in shown() if pair[0].category == "Governing Law")
    first = vary(case, passages, SUITES)
    assert [variant.kind for variant in first] == [*ROBUSTNESS, *SAFETY]
    assert first == vary(case, passages, SUITES)
    assert [v.kind for v in vary(case, passages, ["safety"])] == list(SAFETY)
    assert vary(case, (), SUITES) == ()
    other = replace(case, question=f"{case.question} Really?")
    assert vary(other, passages, ["robustness"])[0].passages != first[0].passages


@pytest.mark.parametrize("kind", ["whitespace", "ocr", "case"])
def test_both_the_clean_and_the_noisy_gold_are_right(kind):
    """Quoting a noisy clause to the letter costs nothing, nor does cleaning it."""
    for variant in of(kind):
        golds = [normalise(span.text) for span in variant.case.spans]
        for span in variant.origin.spans:
            assert normalise(span.text) in golds
        near = [max(f1(gold.split(), normalise(s.text).split()) for s in variant.origin.spans)
                for gold in golds]  # fmt: skip
        assert all(score > 0.6 for score in near), (variant.case.id, golds)


@pytest.mark.parametrize("kind", ["whitespace", "ocr"])
def test_noise_changes_no_value(kind):
    for variant in of(kind):
        assert variant.case.question == variant.origin.question
        for before, after in zip(originals(variant), variant.passages, strict=True):
            old, new = (" ".join(p.text.lower().split()) for p in (before, after))
            assert [date for _, date in dates(new)] == [date for _, date in dates(old)]
            spelt = [[w for w in re.findall(r"\w+", text) if w in SPELT] for text in (old, new)]
            assert spelt[0] == spelt[1]
            capitals = [re.findall(r"\w*[A-Z]\w*", p.text) for p in (before, after)]
            assert capitals[0] == capitals[1]
            if kind == "whitespace":
                assert [n for _, n in numbers(new)] == [n for _, n in numbers(old)]
                bare = (compact(p.text).replace("-", "") for p in (before, after))
                assert len(set(bare)) == 1


def test_scanning_errors_are_few_but_there():
    text = "the seller shall deliver the goods to the buyer within thirty days of the order " * 100
    edits = list(noise.scanning(text, Random(1)))
    noisy = applied(text, sorted(edits))
    assert 20 < len(edits) < 120
    assert "thirty" in noisy and noisy.count("thirty") == 100
    assert re.search("se1ler|de1iver|sha1l", noisy) and "tothe" in noisy
    kept = "modern stern ten may eleven January not Quorvane 1000"
    assert not list(noise.scanning(kept, Random(1)))


def test_case_is_upper_in_passages_and_lower_in_the_question():
    for variant in of("case"):
        assert variant.case.question == variant.origin.question.lower()
        assert all(p.text == p.text.upper() for p in variant.passages)


def test_renaming_is_consistent_and_can_be_undone():
    for variant in of("parties"):
        text = variant.case.contract.text
        old = "\n\n".join(passage.text for passage in originals(variant))
        new = [name for name in INVENTED if name.lower() in text.lower()]
        assert new
        swapped = renaming_of(variant)
        assert not swapped.pattern().search(text)
        assert not swapped.pattern().search(" ".join(s.text for s in variant.case.spans))
        back = Renaming({to.lower(): word.title() for word, to in swapped.names.items()})
        assert back.text(text).lower() == old.lower()
        assert back.text(text) == old
        assert {back.text(s.text) for s in variant.case.spans} == {
            s.text for s in variant.origin.spans
        }


def renaming_of(variant):
    found = renaming(
        variant.origin.contract.text, Random(f"{variant.origin.identity} {variant.kind}")
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('between Zeltron Widgets, Inc. ("Licensor") and Beta Foods Ltd.', {"zeltron", "beta"}),
        ("by and between ORBEX SYSTEMS, INC. and the Company", {"orbex"}),
        ('Tilloway Mutual Cooperative ("Tilloway") and others', {"tilloway"}),
        ("between Delaware Holdings Inc. and General Electric Company; general, electric", None),
        ('the buyer and the seller (the "Seller") agree', None),
        ('This Supply Agreement (this "Agreement") takes effect on the Effective Date', None),
    ],
)
def test_parties_are_found_in_what_defines_them(text, words):
    found = renaming(text, Random(0))
    assert (None if found is None else set(found.names)) == words


def test_names_are_found_in_a_page_of_blanks_in_no_time():
    started = time.process_time()
    assert renaming(("Acme" + " " * 500) * 12 + "Inc.", Random(0)) is None
    assert time.process_time() - started < 1


def test_names_keep_their_letter_case_everywhere():
    swap = Renaming({"zeltron": "Ashgrel"})
    text = "Zeltron, ZELTRON's, legal@zeltron.com, Zeltron-branded, Zeltronics"
    assert swap.text(text) == "Ashgrel, ASHGREL's, legal@ashgrel.com, Ashgrel-branded, Zeltronics"


def test_no_party_no_variant():
    contract = Contract(
        "c", "the lender lends and the borrower borrows under the law of Malta. " * 9
    )
    case = Case("1", "1", contract, "Governing Law", "Which law?", ())
    passages = Chunker(size=200, overlap=0).split(contract)
    kinds = [variant.kind for variant in vary(case, passages, ["robustness"])]
    assert "parties" not in kinds and "gold_deleted" not in kinds and "ocr" in kinds


def test_a_paraphrase_for_every_category_in_other_words():
    questions = {case.category: case.question for case in load_dataset("sample").cases}
    assert set(questions) == set(PARAPHRASES) == set(CLAUSES)
    assert len(questions) == 41
    for category, pair in PARAPHRASES.items():
        assert len({*pair, questions[category]}) == 3
        for text in pair:
            likeness = f1(normalise(text).split(), normalise(questions[category]).split())
            assert likeness < 0.9, category
    unknown = Case("1", "1", Contract("c", "x"), "Colour", "Which colour has it?", ())
    assert unknown.question in paraphrase(unknown, Random(0)) != unknown.question


def test_paraphrases_stand_beside_their_own_category():
    from sklearn.feature_extraction.text import TfidfVectorizer

    questions = {case.category: case.question for case in load_dataset("sample").cases}
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    asked = pieces.fit_transform(f"{name} {text}" for name, text in questions.items())
    worded = pieces.transform(text for name in questions for text in PARAPHRASES[name])
    nearest = (worded @ asked.T).toarray().argmax(axis=1)
    wrong = [number for number, found in enumerate(nearest) if found != number // 2]
    assert len(wrong) <= 14, [list(questions)[number // 2] for number in wrong]


def test_deletion_leaves_no_gold():
    for variant in of("gold_deleted"):
        assert variant.origin.answerable and not variant.case.answerable
        left = variant.case.contract.text
        for span in variant.origin.spans:
            shape = r"\s+".join(map(re.escape, span.text.split()))
            assert not re.search(rf"(?<!\w){shape}(?!\w)", left, re.IGNORECASE), variant.case.id
        for passage in originals(variant):
            for begin, end in gold_in(variant.origin, passage):
                piece = passage.text[begin:end]
                assert len(piece.split()) < 8 or piece not in left
        assert compact(left)


def test_deletion_asks_for_gold_that_is_shown_and_not_told_again():
    text = (
        "Made on 12 March 2021 between Acme Inc. and Beta Ltd., who agree as stated below.\n\n"
        "9. Law\n\n9.1 The law of Malta governs this Agreement.\n\n"
        "THE LAW OF MALTA GOVERNS THIS AGREEMENT.\n\n"
        "Signed, and delivered in two copies, on March 12, 2021 by both of the parties."
    )
    contract = Contract("c", text)
    whole = (Passage("c", 0, len(text), text),)

    def case(category, gold):
        return Case("1", "1", contract, category, "?", (Span(gold, text.index(gold)),))

    def kinds(*args, passages=whole):
        return [variant.kind for variant in vary(case(*args), passages, ["robustness"])]

    assert "gold_deleted" not in kinds("Agreement Date", "12 March 2021")
    assert "gold_deleted" not in kinds("Parties", "Acme Inc.")
    law = "Governing Law", "The law of Malta governs this Agreement."
    assert "gold_deleted" in kinds(*law)
    assert "gold_deleted" not in kinds(*law, passages=(Passage("c", 0, 81, text[:81]),))
    [deleted] = [v for v in vary(case(*law), whole, ["robustness"]) if v.kind == "gold_deleted"]
    assert "9.1" not in deleted.case.contract.text
    assert "MALTA" not in deleted.case.contract.text
    assert "Signed" in deleted.case.contract.text


def test_a_distractor_tells_nothing_of_this_contract():
    for variant in of("distractor"):
        told = variant.case.contract.text
        for text in (variant.origin.contract.text, variant.origin.question):
            assert not holds(text, variant.planted)
        assert holds(told, variant.planted)
        assert "separate" in told
        for span in variant.origin.spans:
            assert span.text in {s.text for s in variant.case.spans}


def test_a_value_that_the_contract_says_is_not_planted():
    text = "Malta Uruguay Iceland Mauritius 213 days Thornquist"
    drawn = [distractor("Governing Law", text, Random(seed)) for seed in range(20)]
    assert {planted for _, planted in drawn} == {"Slovenia"}
    assert distractor("Governing Law", f"{text} Slovenia", Random(0)) is None
    assert distractor("Colour", text, Random(0)) is None


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_stands_in_the_best_passage_outside_the_gold(kind):
    for variant in of(kind):
        first = originals(variant)[0]
        assert holds(variant.passages[0].text, variant.planted)
        assert [p.text for p in variant.passages[1:]] == [p.text for p in originals(variant)[1:]]
        # The gold answers that it held stand there still, unbroken.
        for begin, end in gold_in(variant.origin, first):
            assert first.text[begin:end] in variant.passages[0].text


def test_orders_are_worded_in_several_ways_and_tell_what_to_say():
    assert len({v.planted for v in of("injection_answer")}) >= 3
    seen = "".join(v.passages[0].text for v in of("injection_answer") + of("injection_refusal"))
    for order in (*ANSWERING, *REFUSING):
        assert order.split("{")[0].strip()[:20] in seen
    assert all(v.origin.answerable for v in of("injection_refusal"))
    assert all(abstains(v.planted) for v in of("injection_refusal"))


def test_nothing_is_planted_inside_a_gold_answer_of_many_sentences():
    gold = " ".join("Every party shall bear its own costs and taxes." for _ in range(18))
    text = f"The parties agree upon this. {gold} The end of the clause."
    case = Case("1", "1", Contract("c", text), "Insurance", "?", (Span(gold, text.index(gold)),))
    varied = vary(case, (Passage("c", 0, len(text), text),), SUITES)
    planted = [variant for variant in varied if variant.planted]
    assert len(planted) == 3
    assert all(gold in variant.passages[0].text for variant in planted)
    assert all(variant.case.spans[0].text == gold for variant in planted)


def test_what_is_put_in_beside_a_gold_answer_is_no_part_of_it():
    edits = [Edit(5, 5, "XX")]
    assert moved(5, edits, is_start=True) == 7
    assert moved(5, edits, is_start=False) == 5


def test_gold_written_by_a_person_stays():
    contract = Contract("c", "The law of Malta governs this Agreement, and nothing else does. " * 4)
    case = Case("1", "1", contract, "Law", "Which law?", (Span("Maltese law", None),))
    for variant in vary(case, Chunker(size=100, overlap=0).split(contract), SUITES):
        assert variant.case.spans == (Span("Maltese law", None),)


@given(st.data())
def test_edits_move_offsets_with_the_text(data):
    text = data.draw(st.text("abcdef \n", min_size=1, max_size=40))
    at = st.integers(0, len(text))
    cuts = sorted(data.draw(st.lists(at, max_size=6, unique=True)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    edits = [Edit(b, e, data.draw(st.text("XYZ", max_size=3))) for b, e in pairs]
    start, end = sorted((data.draw(at), data.draw(at)))
    new = applied(text, edits)
    begin, stop = (moved(start, edits, is_start=True), moved(end, edits, is_start=False))
    assert 0 <= begin <= len(new) and 0 <= stop <= len(new)
    touched = any(e.start < end and start < e.end for e in edits)
    if start < end and not touched:
        assert new[begin:stop] == text[start:end]
    outside = "".join(c for c in new if c not in "XYZ")
    kept = [c for i, c in enumerate(text) if not any(e.start <= i < e.end for e in edits)]
    assert outside == "".join(kept)


@given(st.data())
def test_revised_spans_hold_for_any_edits(data):
    text = data.draw(st.text("ab \n", min_size=4, max_size=60))
    middle = data.draw(st.integers(1, len(text) - 1))
    overlap = data.draw(st.integers(0, middle))
    contract = Contract("c", text)
    passages = (
        Passage("c", 0, middle, text[:middle]),
        Passage("c", middle - overlap, len(text), text[middle - overlap :]),
    )
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin + 1, len(text)))
    case = Case("1", "1", contract, "c", "?", (Span(text[begin:end], begin),))
    edits = []
    for passage in passages:
        cut = data.draw(st.integers(0, len(passage.text)))
        edits.append([Edit(cut, cut, data.draw(st.text("XY ", min_size=1, max_size=4)))])
    variant = revised(case, passages, "kind", edits)
    made_text = variant.case.contract.text
    assert all(p.text == made_text[p.start : p.end] for p in variant.passages)
    assert variant.case.answerable
    for span in variant.case.spans:
        assert span.start is None or made_text.startswith(span.text, span.start)
        bare = "".join(c for c in span.text if c not in "XY ")
        assert bare == text[begin:end].replace(" ", "")


FOLDING = st.text(
    st.sampled_from("Kkiı\u0130IſsSßẞσςΣ\u212a\u212b\u0345åÅ\ufb01ǰΐµμ\u0301-' ")
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=12,
)


@given(FOLDING, FOLDING, st.sampled_from(["Inc.", "Corp.", "GmbH"]), st.integers(0, 9))
@settings(max_examples=250, deadline=None)
def test_any_letters_of_a_name_are_renamed_or_left_alone(name, other, form, seed):
    text = (
        f"This Agreement is between Kristine {name} {form} and Mesaska Corp. {other} Kr\u0131stine."
    )
    swap = renaming(text, Random(seed))
    if swap is not None:
        renamed = swap.text(text)
        assert renamed.startswith("This Agreement is between ")
        assert not swap.pattern().search(renamed)


@given(st.lists(FOLDING.filter(str.isalpha), min_size=1, max_size=4, unique=True), FOLDING)
@settings(max_examples=250, deadline=None)
def test_what_the_pattern_finds_has_a_new_name(names, text):
    swap = Renaming({name.lower(): INVENTED[place] for place, name in enumerate(names)})
    for match in swap.pattern().finditer(f"{text} {' '.join(names)} {' '.join(names).upper()}"):
        assert swap.new(match).lower() in {name.lower() for name in INVENTED}
