"""The embedded judge of correctness, its features, and its parameters."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from common.errors import UserError
from evals.judges.embedded.embedding import Embeddings
from evals.judges.judge import Submission
from evals.judges.pairs import Pair, read_pairs
from evals.judges.reference import facts, polarity
from evals.judges.reference import names as parties
from evals.judges.reference.edits import edits
from evals.judges.reference.examples import borrowed, examples, fitted, weighed
from evals.judges.reference.features import DIRECTIONS
from evals.judges.reference.fit import TOLERANCE, furthest, main
from evals.judges.reference.judge import PARAMETERS, ReferenceJudge, by_rule, read_trees
from evals.judges.reference.trees import leaf, trees_of
from models.chat import Answer


def pair(question: str, expected: list[str], answer: str) -> Pair:
    return Pair(contract="c", category="", kind="", question=question, expected=tuple(expected),
                answer=answer, score=0.0)  # fmt: skip


async def judged(judge, pairs):
    return await asyncio.gather(
        *(judge.judge(Submission(each.case, Answer(each.answer)), None) for each in pairs)
    )


@pytest.fixture(scope="module")
def rows():
    return examples([each for each in read_pairs() if not each.held_out])


@pytest.fixture(scope="module")
def scores():
    pairs = [each for each in read_pairs() if each.held_out]
    return pairs, asyncio.run(judged(ReferenceJudge(), pairs))


def test_it_ranks_held_out_answers_as_their_labels_do(scores):
    pairs, found = scores
    rank = spearmanr([each.value for each in found], [each.score for each in pairs]).statistic
    assert rank > 0.8


def test_every_score_is_on_the_scale_and_a_low_one_has_a_reason(scores):
    _, found = scores
    assert all(each.value is not None and 0 <= each.value <= 1 for each in found)
    assert all(each.reason for each in found if each.value < 0.5)


def test_the_shipped_parameters_are_what_a_fit_gives_and_are_small(rows):
    again = trees_of(fitted(rows, ~rows.held_out))
    assert furthest(rows, again, read_trees(PARAMETERS)) <= TOLERANCE
    assert PARAMETERS.stat().st_size < 60_000


def test_the_trees_say_what_scikit_learn_says(rows):
    model = fitted(rows, ~rows.held_out)
    trees = trees_of(model)
    expected = model.predict(rows.features)
    for row, value in zip(rows.features.tolist(), expected, strict=True):
        assert trees.value(row) == pytest.approx(value, abs=0.002)


def test_more_missing_never_helps_and_more_likeness_never_hurts(rows):
    trees = read_trees(PARAMETERS)
    for name, sign in DIRECTIONS.items():
        if not sign:
            continue
        at = list(DIRECTIONS).index(name)
        levels = sorted(set(rows.features[:, at].tolist()))[::sign]
        for row in rows.features[::25].tolist():
            values = [trees.value([*row[:at], level, *row[at + 1 :]]) for level in levels]
            # Leaves are rounded to 5 decimals, each of 200 trees by itself.
            assert all(one <= two + 0.002 for one, two in pairwise(values)), name


@pytest.mark.parametrize(
    ("expected", "answer", "score"),
    [
        ([], "The contract does not specify a cap.", 1.0),
        (["The agreement does not specify a cap."], "Not specified.", 1.0),
        ([], "The passages list the hourly rates but say nothing about a cap.", 1.0),
        ([], "There is no cap in the excerpts, but one is probably implied.", 0.7),
        ([], "The passages contain no cap. Section 7 does state a limit of $5.", 0.25),
        ([], "The cap is $1,000,000.", 0.0),
        ([], "Yes. Neither party may claim more than the fees stated.", 0.0),
        (["Liability is capped at $5."], "", 0.0),
        (["Liability is capped at $5."], "liability is capped at 5", 1.0),
        (["No, there is none beyond fees."], "Based on the passages, yes: there is one.", 0.0),
    ],
)
def test_rules(expected, answer, score):
    assert by_rule("Is there a cap on liability?", expected, answer).value == score


def test_another_law_than_the_one_asked_for_is_wrong_and_the_same_one_is_weighed():
    gold = ["This Agreement is governed by the laws of the State of Delaware."]
    wrong = by_rule("Which law governs?", gold, "The laws of the State of New York apply.")
    assert (wrong.value, wrong.reason) == (0.1, "another name than delaware")
    assert by_rule("Which law governs?", gold, "Delaware law.") is None


NOTICE = "How long is the notice period?"
GOLD = "Either party may terminate on sixty (60) days' prior written notice."


def test_a_wrong_number_costs_more_than_other_words():
    answers = [
        "Either party may terminate on thirty (30) days' prior written notice.",
        "Each side can end it by giving two months' notice in writing.",
    ]
    wrong, right = asyncio.run(judged(ReferenceJudge(), [pair(NOTICE, [GOLD], a) for a in answers]))
    assert wrong.value < 0.4 < right.value
    assert "30 (30) days" in wrong.reason
    assert "for 60 (60) days" in wrong.reason


def test_the_best_of_several_gold_texts_counts_and_so_does_their_list():
    golds = ["Acme Widgets, Inc.", "Boreal Trading LLC"]
    cases = [pair("Who are the parties?", golds, "Boreal Trading LLC"),
             pair("Who are the parties?", golds, "Acme Widgets, Inc. and Boreal Trading LLC"),
             pair("Who are the parties?", golds, "Delta Holdings Ltd")]  # fmt: skip
    one, both, none = asyncio.run(judged(ReferenceJudge(), cases))
    assert one.value == 1.0
    assert both.value > 0.5 > none.value


class Forbidden:
    identity = "none"

    def embed(self, texts):
        raise AssertionError(f"embedded {texts}")


def test_what_rules_settle_needs_no_embedder():
    cases = [pair(NOTICE, [], "Not stated."), pair(NOTICE, [GOLD], GOLD), pair(NOTICE, [GOLD], "")]
    found = asyncio.run(judged(ReferenceJudge(Embeddings(Forbidden())), cases))
    assert [each.value for each in found] == [1.0, 1.0, 0.0]


class Counting:
    identity = "counting"

    def __init__(self):
        self.texts = []

    def embed(self, texts):
        import numpy as np

        self.texts += texts
        return np.eye(len(texts), 384, dtype=np.float32)


def test_a_word_is_embedded_once_for_all_answers():
    embedder = Counting()
    cases = [pair(NOTICE, [GOLD], f"{number} days' written notice") for number in range(50)]
    asyncio.run(judged(ReferenceJudge(Embeddings(embedder)), cases))
    assert sorted(embedder.texts) == sorted(set(embedder.texts))
    assert all(" " not in text for text in embedder.texts)


def test_identity_follows_parameters_and_embedder(tmp_path: Path):
    other = tmp_path / "reference.json"
    other.write_text(PARAMETERS.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    judge = ReferenceJudge()
    assert judge.identity == ReferenceJudge().identity
    assert judge.identity != ReferenceJudge(path=other).identity
    assert judge.identity != ReferenceJudge(Embeddings(Forbidden())).identity


@pytest.mark.parametrize("content", ["", "[]", '{"features": ["f1"], "base": 0, "trees": []}'])
def test_broken_parameters_say_how_to_mend_them(tmp_path: Path, content):
    path = tmp_path / "reference.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"evals\.judges\.reference\.fit"):
        read_trees(path)


def test_the_script_says_what_is_wrong_with_a_folder(tmp_path: Path, capsys):
    assert main(["--check", "--pairs", str(tmp_path)]) == 4
    assert "ERROR:" in capsys.readouterr().err


def test_borrowed_answers_stay_in_their_contract_and_are_wrong():
    pairs = weighed(read_pairs())[:200]
    found = borrowed(pairs)
    right = {(each.contract, each.answer): each.question for each in pairs if each.score >= 0.9}
    assert found
    assert all(each.score == 0 for each in found)
    assert all(right[each.contract, each.answer] != each.question for each in found)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("sixty (60) days", "two months", True),
        ("sixty (60) days", "thirty days", False),
        ("US$1.5 million", "1,500,000 dollars", True),
        ("$500", "500 euros", False),
        ("7.5%", "7.5 percent", True),
        ("March 1, 2021", "1st of March 2021", True),
        ("March 1, 2021", "March 2021", True),
        ("March 1, 2021", "May 1, 2021", False),
        ("a year and a half", "18 months", True),
        ("350 named users", "350", True),
    ],
)
def test_particulars_are_compared_by_value(one, two, same):
    (first,), (second,) = facts.particulars(one), facts.particulars(two)
    assert first.equals(second) is same
    assert second.equals(first) is same


def test_what_the_question_says_and_section_numbers_prove_nothing():
    found = facts.dispute("Section 4.2: 60 days", "1. After 30 days (clause 9)", "After 30 days?")
    assert [each.shown for each in found.missing] == ["60 days"]
    assert found.alien == ()


def test_polarity():
    assert polarity.stance("Based on the passages, no. It may.") == -1
    assert polarity.stance("Not later than May.") == 0
    assert polarity.flips("The licence is exclusive.", "The licence is non-exclusive.") == 1
    assert polarity.flips("He shall not assign.", "He may assign.") == 1
    assert (
        polarity.flips("He shall not assign.", "Assignment is prohibited; he must not assign.") == 0
    )
    assert polarity.silent_share("It grants a licence. Its term is not stated.") == 0.5
    assert not polarity.silent_start("No. The seller may not assign.")


def test_names():
    gold = (
        "Acme Widgets, Inc. shall indemnify Boreal against every claim of others at its own cost."
    )
    assert parties.missing(gold, "Acme pays", "Who indemnifies?") == (["boreal"], 2)
    swapped = (
        gold.replace("Boreal", "X").replace("Acme Widgets, Inc.", "Boreal").replace("X", "Acme")
    )
    assert parties.reversed_order(gold, swapped)
    assert not parties.reversed_order(gold, gold)


def test_edits_count_only_in_a_copy():
    gold = "the fee shall not exceed the greater of both sums"
    assert edits(gold, gold.replace("greater", "lesser"), gold)["replaced"] == 1
    assert edits(gold, gold.replace("not ", ""), gold.replace("not ", ""))["negations"] == 1
    assert edits(gold, "quite other words", "quite other words")["replaced"] == 0


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300), st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=60))
def test_any_text_gets_finite_features(said, gold, question):
    from evals.judges.reference.features import Comparison

    compared = Comparison(question, gold, said)
    import numpy as np

    vectors = {word: np.ones(384, dtype=np.float32) / 384**0.5 for word in compared.wanted}
    values = list(compared.values(vectors).values())
    assert len(values) == len(DIRECTIONS)
    assert all(abs(value) < 100 for value in values)
    assert 0 <= min(max(read_trees(PARAMETERS).value(values), 0), 1) <= 1


def test_the_documentation_holds_the_figures_of_this_data():
    page = (Path(__file__).parents[2] / "docs" / "reference-judge.md").read_text(encoding="utf-8")
    held = sum(each.held_out for each in read_pairs())
    assert f"| held out | {held} |" in page
    assert f"| cross-validated | {len(read_pairs()) - held} |" in page


def test_a_leaf_is_reached_by_at_most():
    node = (0, 0.5, 1.0, (1, 2.0, 2.0, 3.0))
    assert [leaf(json.loads(json.dumps(node)), row) for row in ([0.5, 9], [0.6, 2], [0.6, 3])] == [
        1,
        2,
        3,
    ]
