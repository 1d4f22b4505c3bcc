"""What is kept of what was written: quotations, new questions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from evals.variants.paraphrases import PARAPHRASES
from fixtures.cases import Case, Contract, Span
from training.synthesize.phrasings import PHRASINGS, phrasing_of
from training.synthesize.rules import write_by_rule
from training.synthesize.seeds import Seed, context_of, draw_seeds
from training.synthesize.sifting import MOST_ALIKE, KeptQuestions, is_question, locate
from training.synthesize.writing import Unreadable, read_written

ROUGE = RougeScorer(["rougeL"])


def alike(one, other):
    return ROUGE.score(one, other)["rougeL"].fmeasure


def seed_in(text, answer, around=500):
    contract = Contract("c", text)
    span = Span(answer, text.index(answer))
    case = Case("c__x", "c-x", contract, "Governing Law", "Which law governs?", (span,))
    return Seed(case, span, context_of(contract, span, around))


@given(st.text(alphabet="ab \n\t.(30)İß’", min_size=1, max_size=60), st.data())
def test_what_is_located_stands_in_the_contract(text, data):
    if not text.strip():
        return
    answer = data.draw(st.sampled_from(text.split()))
    seed = seed_in(text, answer, around=20)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    quote = " ".join(text[begin:end].split())
    found = locate(quote, seed)
    if found is not None:
        assert seed.context.start <= found.start
        assert found.start + len(found.text) <= seed.context.end
        assert text.startswith(found.text, found.start)
        assert found.text.split() == quote.split() or quote[0] in "’" or quote[-1] in "’"
    whole = re.search(r"\w", quote) and seed.context.start <= begin and end <= seed.context.end
    cut = text[max(0, begin - 1) : begin] + text[end : end + 1]
    if whole and not text[begin:end][:1].isspace() and not cut.strip():
        assert found is not None


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("laws of Nevada", "laws of\n  Nevada"),
        ("“laws of Nevada”", "laws of\n  Nevada"),
        ("30 days", "30 days"),
        ("0 days", None),
        ("Laws of Nevada", None),
        ("laws of Ohio", None),
        ("...", None),
        ("", None),
        ("Exhibit Z", None),
    ],
)
def test_a_quotation_is_found_whatever_its_white_space(quote, found):
    text = f"It is governed by the laws of\n  Nevada. Fees: 30 days. {'x ' * 600} Exhibit Z."
    span = locate(quote, seed_in(text, "Nevada"))
    assert (span and span.text) == found


def test_of_several_places_the_one_nearest_to_the_seed_is_taken():
    text = "30 days here. Governed by Nevada law, 30 days there."
    assert locate("30 days", seed_in(text, "Nevada")).start == text.rindex("30 days")


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_context_holds_its_answer_and_cuts_no_word(before, after):
    text = "alpha beta " * before + "ANSWER HERE" + " gamma delta" * after
    context = seed_in(text, "ANSWER HERE", around=50).context
    assert "ANSWER HERE" in context.text
    assert text[context.start : context.end] == context.text
    assert set(context.text.split()) <= {"alpha", "beta", "ANSWER", "HERE", "gamma", "delta"}


@pytest.mark.parametrize(
    ("question", "answer", "wanted"),
    [
        ("Which law governs?", "Nevada", True),
        ("Which law?", "Nevada", False),
        ("", "Nevada", False),
        ("why " * 61, "Nevada", False),
        ("Is it the State of Nevada?", "State of  nevada", False),
        ("Does the Agreement bind the buyer?", "Agreement", True),
    ],
)
def test_a_question_asks_and_does_not_tell(question, answer, wanted):
    assert is_question(question, answer) is wanted


VOCABULARY = st.lists(
    st.sampled_from(["which", "law", "governs", "the", "state", "contract", "date", "of"])
)


@given(st.lists(VOCABULARY.map(" ".join), max_size=12))
def test_near_duplicates_are_those_of_rouge_l(questions):
    asked, kept, seed = KeptQuestions(), [], "which law governs the contract"
    for question in questions:
        expected = any(
            alike(other, question) >= MOST_ALIKE or other.split() == question.split()
            for other in [seed, *kept]
        )
        assert asked.is_near("c", question, seed) is expected
        if not expected:
            asked.add("c", question)
            kept.append(question)


def test_another_contract_may_be_asked_the_same():
    asked = KeptQuestions()
    asked.add("one", "Which law applies to the agreement?")
    assert asked.is_near("one", "Which law applies to this agreement?", "")
    assert not asked.is_near("two", "Which law applies to this agreement?", "")


def test_questions_without_latin_letters_are_compared_too():
    asked = KeptQuestions()
    asked.add("c", "Какое право применяется?")
    assert asked.is_near("c", "какое  право применяется?", "")
    assert not asked.is_near("c", "Когда кончается договор?", "")


def test_every_category_is_asked_in_wordings_of_its_own(sample):
    questions = {case.category: case.question for case in sample.cases}
    assert PHRASINGS.keys() == questions.keys() == PARAPHRASES.keys()
    for category, question in questions.items():
        wordings = PHRASINGS[category].wordings
        for number, wording in enumerate(wordings):
            near = [question, *PARAPHRASES[category], *wordings[:number]]
            assert max(alike(each, wording) for each in near) < MOST_ALIKE, wording
    assert "export control" in phrasing_of("Export  Control").wordings[0]


def test_what_rules_write_stands_in_the_contract_and_depends_on_the_seed_alone(sample):
    seeds = draw_seeds(sample, seed=3)
    assert seeds == draw_seeds(sample, seed=3)
    assert seeds != draw_seeds(sample, seed=4)
    kinds = set()
    for seed in seeds:
        drafts = write_by_rule(seed, 4, 0)
        assert drafts == write_by_rule(seed, 4, 0)
        assert 2 <= len(drafts) <= 4
        for draft in drafts:
            kinds.add(draft.kind)
            assert seed.case.contract.text.startswith(draft.answer, draft.start)
            assert draft.answer in seed.span.text
            assert "{" not in draft.question
    assert kinds == {"rephrased", "part", "yes", "where"}


@pytest.mark.parametrize(
    ("category", "text", "parts"),
    [
        ("Governing Law", "It follows the laws of the State of New York.", {"State of New York"}),
        ("Governing Law", "the laws of the People's Republic of China apply",
         {"People's Republic of China"}),
        ("Agreement Date", "as of March 4, 2019 at noon", {"2019", "March 4, 2019"}),
        ("Insurance", "cover of $2,000,000 for 30 days", {"$2,000,000", "30 days"}),
        ("Insurance", "within 30 days, then within 60 days", set()),
        ("Renewal Term", "It renews for one (1)\nyear at 5% more.", {"one (1)\nyear", "5%"}),
        ("Audit Rights", "The Buyer may inspect the books.", {"Buyer"}),
        ("Audit Rights", "Each party may inspect the books.", set()),
        ("Non-Compete", "Acme of Ohio shall not compete here.", {"Acme of Ohio"}),
        ("Non-Compete", "Source: ACME, 10-Q, 2/5/2020 and more text", set()),
        ("Parties", "Acme", set()),
    ],
)  # fmt: skip
def test_details_are_asked_for_where_there_is_exactly_one(category, text, parts):
    contract = Contract("c", f"Recital. {text} The end.")
    span = Span(text, contract.text.index(text))
    case = Case("c__x", "c-x", contract, category, "?", (span,))
    drafts = write_by_rule(Seed(case, span, context_of(contract, span)), 20, 0)
    assert {draft.answer for draft in drafts if draft.kind == "part"} == parts


GOOD = '{"kind": "new", "question": "How many days?", "answer": "30 days"}'


@pytest.mark.parametrize(
    "reply",
    [
        f"[[ ## pairs ## ]]\n[{GOOD}]\n\n[[ ## completed ## ]]",
        f"```json\n[{GOOD}]\n```",
        f"Sure, here you are:\n{GOOD}",
        f'{{"pairs": [{GOOD}]}}',
        f"[{GOOD}, {{'broken",
    ],
)
def test_a_reply_is_read_in_every_form_that_means_one_thing(reply):
    reading = read_written(reply)
    assert [(d.question, d.answer, d.kind, d.start) for d in reading.drafts] == [
        ("How many days?", "30 days", "new", None)
    ]


def test_rows_without_question_or_answer_are_counted():
    reading = read_written(f'[{GOOD}, {{"question": "Why?"}}, {{"question": 1, "answer": " "}}]')
    assert (len(reading.drafts), reading.incomplete) == (1, 2)


@pytest.mark.parametrize("reply", ["", "prose", "[]", "{}", '{"question": "Why?"}', GOOD * 1000])
def test_a_reply_without_a_pair_is_unreadable(reply):
    with pytest.raises(Unreadable):
        read_written(reply)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        reading = read_written(text)
    except Unreadable as error:
        assert error.reason
    else:
        assert reading.drafts


def test_half_of_a_surrogate_pair_becomes_a_question_mark():
    (draft,) = read_written(r'{"question": "Why \ud83d?", "answer": "so"}').drafts
    assert draft.question.encode() == b"Why ??"
