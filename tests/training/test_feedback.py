"""Human feedback: what people said becomes pairs and labels; what cannot be used is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from fixtures.cases import Dataset
from fixtures.selection import Selection, select
from models.factory import open_models
from training.data.examples import Meta
from training.preferences.feedback import (
    Feedback,
    human_pairs,
    prompted,
    read_feedback,
    shown_prompts,
    unpaired_rows,
)
from training.preferences.pairing import Rule

REFUSED: frozenset[str] = frozenset()
TRAIN, EXAM = Selection(split="train"), Selection(split="test")


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def case(sample):
    return next(case for case in select(sample, TRAIN) if case.answerable)


@pytest.fixture
def silent(sample):
    return next(case for case in select(sample, TRAIN) if not case.answerable)


@pytest.fixture
def examples(case, silent):
    return {each.identity: prompted(each, ()) for each in (case, silent)}


def test_a_case_is_named_by_identity_id_or_slug(tmp_path, sample, case):
    rows = [
        {"case": name, "answer": "x", "score": 4}
        for name in (case.identity, case.id, f" {case.slug} ")
    ]
    found = read_feedback(written(tmp_path / "f.jsonl", *rows), sample.cases, REFUSED)
    assert found == (Feedback(case, "x", 0.75, None),) * 3


@pytest.mark.parametrize(
    ("score", "expected"),
    [(1, 0.0), (3, 0.5), (5, 1.0), (4.5, 0.875), ("up", 1.0), (" Down", 0.0), (None, None)],
)
def test_scores_and_thumbs_in_one_scale(tmp_path, sample, case, score, expected):
    row = {"case": case.id, "answer": "x", "score": score, "Corrected_Answer": "y", "by": "me"}
    (found,) = read_feedback(written(tmp_path / "f.jsonl", row), sample.cases, REFUSED)
    assert (found.score, found.corrected) == (expected, "y")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case": None}, "`case` is missing"),
        ({"case": "nobody"}, "case 'nobody' is not in the data set"),
        ({"answer": None}, "`answer` is missing"),
        ({"answer": 7}, "answer 7 is no text"),
        ({"answer": " ."}, "answer ' .' is no text that says something"),
        ({"score": None}, "give a score"),
        ({"score": 0}, "score 0 is neither 1 to 5"),
        ({"score": True}, "score True is neither"),
        ({"score": "4"}, "score '4' is neither"),
        ({"score": float("nan")}, "score nan is neither"),
        ({"score": None, "scores": 3}, "unknown column 'scores'; did you mean 'score'?"),
        ({"corrected answer": ""}, "corrected answer '' is no text"),
        ({"Score": 2}, "the column 'score' stands twice"),
    ],
)
def test_a_line_that_is_no_feedback_is_named(tmp_path, sample, case, change, said):
    good = {"case": case.id, "answer": "x", "score": 4}
    path = written(tmp_path / "f.jsonl", good, good | change)
    with pytest.raises(UserError) as raised:
        read_feedback(path, sample.cases, REFUSED)
    assert f"{path}, line 2: " in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_case_that_is_nearly_named_is_suggested(tmp_path, sample, case):
    path = written(tmp_path / "f.jsonl", {"case": case.slug[:-1], "answer": "x", "score": 4})
    with pytest.raises(UserError, match=f"did you mean '{case.slug}'"):
        read_feedback(path, sample.cases, REFUSED)


def test_no_file_no_json_no_rows(tmp_path, sample):
    with pytest.raises(UserError, match=r"--feedback .*: no such file"):
        read_feedback(tmp_path / "none.jsonl", sample.cases, REFUSED)
    for text, said in (("{", "line 1: not JSON"), ("[]", "line 1: a row"), (" \n", "no rows")):
        (tmp_path / "f.jsonl").write_text(text)
        with pytest.raises(UserError, match=said):
            read_feedback(tmp_path / "f.jsonl", sample.cases, REFUSED)


def test_a_contract_of_the_exam_is_refused_under_any_name(tmp_path, sample):
    exam = select(sample, EXAM)[0]
    for name in (exam.identity, exam.id, exam.slug):
        path = written(tmp_path / "f.jsonl", {"case": name, "answer": "x", "score": 1})
        with pytest.raises(UserError, match=r"line 1: case .* is of a contract of the exam"):
            read_feedback(path, sample.cases, {exam.contract.digest})


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["case", "answer", "score", "corrected", "x"]), JUNK))
@settings(max_examples=60)
def test_whatever_stands_in_a_line_it_is_read_or_refused_in_one_line(tmp_path_factory, row):
    path = written(tmp_path_factory.getbasetemp() / "junk.jsonl", row)
    with pytest.raises(UserError) as raised:
        read_feedback(path, (), REFUSED)
    assert f"{path}, line 1: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_correction_is_chosen_and_scores_far_enough_apart_make_pairs(case, examples):
    feedback = [
        Feedback(case, "Ohio", 0.25, "Nevada"),
        Feedback(case, "Utah", None, "utah."),
        Feedback(case, "Iowa", 1.0, None),
        Feedback(case, "Maine", 0.9, None),
    ]
    pairs, unchanged = human_pairs(feedback, examples, Rule(margin=0.2, most=5))
    assert unchanged == 1
    assert [(each.chosen, each.rejected, each.margin) for each in pairs] == [
        ("Nevada", "Ohio", 0.75),
        ("Iowa", "Ohio", 0.75),
        ("Maine", "Ohio", pytest.approx(0.65)),
    ]
    assert {each.source for each in pairs} == {"human"}
    assert {each.case for each in pairs} == {case.identity}
    assert {each.prompt for each in pairs} == {examples[case.identity].prompt}


def test_people_who_agree_make_no_pair(case, silent, examples):
    feedback = [Feedback(case, "Ohio", 0.5, None), Feedback(silent, "Iowa", 1.0, None)]
    feedback += [Feedback(case, "ohio", 0.5, None), Feedback(case, "Utah", 0.5, None)]
    assert human_pairs(feedback, examples, Rule(margin=0.0)) == ([], 0)


def test_clear_scores_are_labels(case, silent, examples):
    feedback = [
        Feedback(case, f"answer {score}", score, None) for score in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    feedback.append(Feedback(silent, "only corrected", None, "Not found."))
    rows = unpaired_rows(feedback, examples)
    assert [(row.completion, row.label) for row in rows] == [
        ("answer 0.0", False),
        ("answer 0.25", False),
        ("answer 0.75", True),
        ("answer 1.0", True),
    ]


def test_people_saw_the_prompt_of_the_exam(tmp_path, sample, case, silent):
    (tmp_path / "served.toml").write_text(
        'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "served"\n'
    )
    meta = Meta(
        command="", dataset="sample", dataset_identity="0" * 64, model="served", most_passages=2
    )
    feedback = [Feedback(case, "x", 0.0, None), Feedback(silent, "x", 0.0, None)]
    other = Dataset("empty", (), frozenset())
    found = shown_prompts(feedback, [other, sample], meta, tmp_path)
    assert set(found) == {case.identity, silent.identity}
    (model,) = open_models(["served"], tmp_path)
    for each in (case, silent):
        example = found[each.identity]
        user = example.prompt[-1].content
        assert user.endswith(f"Question: {each.question}")
        assert "<passage 2>" in user
        assert "<passage 3>" not in user
        assert example.prompt[0] == model.prompt(each, ())[0][0]
        assert example.kind == ("answerable" if each.answerable else "unanswerable")
    assert found[case.identity].gold == tuple(span.text for span in case.spans)
    assert found[silent.identity].completion == "Not found."
