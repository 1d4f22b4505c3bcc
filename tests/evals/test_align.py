"""`python -m evals.judges.align` as a user types it: better by shown labels, or nothing written."""

import asyncio
import csv
import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.identity import file_digest
from evals.agenda import check_judges
from evals.judges.align.__main__ import HELD_OUT_FROM, kept_apart, main, tried
from evals.judges.align.judge import (
    AlignedJudge,
    Alignment,
    check_use,
    open_aligned,
    read_alignment,
)
from evals.judges.align.monotone import KNOTS, Monotone, bent, crossed, fitted
from evals.judges.factory import judge_exams, open_judges
from evals.judges.judge import Submission
from evals.judges.pairs import Pair, read_pairs
from evals.judges.reference.judge import ReferenceJudge
from evals.judges.wording import SHIPPED, rubric_digest
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.factory import Chats
from tests.conftest import ROOT

shares = st.floats(0, 1)


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=40), st.sampled_from([3.0, 300.0]))
@settings(max_examples=60, deadline=None)
def test_whatever_the_labels_no_two_scores_change_places(labels, strength):
    found = bent(*np.asarray(labels).T, strength)
    assert list(found.values) == sorted(found.values)
    assert all(0 <= value <= 1 for value in found.values)
    scores = sorted(score for score, _ in labels)
    assert [found.of(score) for score in scores] == sorted(found.of(score) for score in scores)


@given(st.lists(shares, min_size=10, max_size=40))
@settings(max_examples=20, deadline=None)
def test_labels_that_agree_change_nothing(scores):
    names = [f"contract {number % 7}" for number in range(len(scores))]
    assert fitted(np.asarray(scores), np.asarray(scores), names) == Monotone()
    assert Monotone().of(scores[0]) == pytest.approx(scores[0], abs=1e-6)


def test_few_labels_change_little_and_many_change_what_they_say():
    def moved(count):
        scores = np.tile(KNOTS, count)
        return 1 - bent(scores, scores * 0.5, 30.0).of(1.0)

    assert moved(1) < 0.1 < moved(10) < moved(100)
    assert moved(100) == pytest.approx(0.5, abs=0.05)


def team(seed, count, strictness, contracts=15):
    """Scores of a judge that errs, and a team's labels of the same answers."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 6, count) / 5
    scores = np.clip(truth + rng.normal(0, 0.15, count), 0, 1)
    labels = np.clip(truth - strictness * (truth < 1), 0, 1)
    return scores, labels, [f"contract {number % contracts}" for number in range(count)]


def test_a_label_is_predicted_without_its_contract():
    scores, labels, names = team(1, 60, 0.2)
    before = crossed(scores, labels, names)
    labels[np.asarray(names) == "contract 3"] = 1.0
    after = crossed(scores, labels, names)
    same = np.asarray(names) == "contract 3"
    assert (before[same] == after[same]).all() and (before != after).any()


def as_pairs(labels, names):
    rows = zip(labels.tolist(), names, strict=True)
    return [Pair(contract=name, category="", kind="x", question=f"Q{number}?", expected=("G",),
                 answer="A", score=label) for number, (label, name) in enumerate(rows)]  # fmt: skip


@pytest.mark.parametrize("count", [30, 100, 300])
def test_it_helps_a_team_that_differs_and_never_costs_one_that_does_not(count):
    """On 2,000 further answers; 8 teams each, seeded: no luck is left."""
    changes = {strictness: [] for strictness in (0.0, 0.2)}
    for strictness, found in changes.items():
        for seed in range(8):
            scores, labels, names = team(seed, count, strictness)
            done = tried(as_pairs(labels, names), scores.tolist())
            new, theirs, _ = team(seed + 1000, 2000, strictness)
            after = np.asarray([done.map.of(score) for score in new])
            change = np.abs(after - theirs).mean() - np.abs(new - theirs).mean()
            found.append(change if done.better else 0.0)
    assert np.mean(changes[0.2]) < (-0.01 if count > 30 else 0)
    assert np.mean(changes[0.0]) <= 0.0005 and max(changes[0.0]) < 0.01


def test_contracts_are_kept_for_the_exam_where_there_are_enough():
    few = [f"contract {number % 9}" for number in range(300)]
    many = [f"contract {number % 20}" for number in range(HELD_OUT_FROM)]
    assert kept_apart(few) == kept_apart(many[:-1]) == frozenset()
    assert len(kept_apart(many)) == 4
    assert kept_apart(many) == kept_apart(many[::-1])


@pytest.fixture(scope="module")
def judged():
    """120 answers of shipped contracts, and what the reference judge gives them."""
    pairs = [pair for pair in read_pairs() if pair.expected and pair.answer.strip()]
    chosen = random.Random(5).sample(pairs, 120)

    async def scores():
        judge = ReferenceJudge()
        given = (Submission(pair.case, Answer(pair.answer)) for pair in chosen)
        return await asyncio.gather(*(judge.judge(each, None) for each in given))

    found = [(p, s.value) for p, s in zip(chosen, asyncio.run(scores()), strict=True)]
    return [(pair, score) for pair, score in found if score is not None]


def rows_of(judged, score):
    return [
        {"contract": pair.contract, "question": pair.question, "answer": pair.answer,
         "expected": list(pair.expected), "score": round(score(value), 3)}
        for pair, value in judged
    ]  # fmt: skip


def strict(score):
    return score * 0.6


def written(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            cells = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
            writer.writerow(cells)
    return path


@pytest.fixture
def shuffled(judged):
    """The same answers, each beside the score of another."""
    scores = [score for _, score in judged]
    random.Random(2).shuffle(scores)
    return [(pair, score) for (pair, _), score in zip(judged, scores, strict=True)]


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def typed(*words):
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_stricter_team_gets_a_judge_of_its_own(typed, tmp_path, judged, suffix):
    labels = written(tmp_path / f"labels{suffix}", rows_of(judged, strict))
    code, out, err = typed("--labels", labels, "--name", "legal")
    assert (code, err) == (0, ""), out
    assert "type: pytest evals --judge reference:judges/legal.json" in out
    error = re.search(r"mean absolute error +(\S+) \[.*?\] +(\S+) \[", out)
    assert float(error[2]) < float(error[1]) / 2
    alignment = read_alignment("reference:judges/legal.json")
    assert alignment.values[-1] == pytest.approx(0.6, abs=0.1)
    kept = {pair.contract for pair in alignment.held_out}
    assert kept == kept_apart([pair.contract for pair, _ in judged]) and kept
    assert typed("--labels", labels, "--name", "legal")[0] == 4, "what is there stays there"


def test_a_team_that_scores_alike_gets_none_and_is_told_so(typed, tmp_path, judged):
    labels = written(tmp_path / "labels.csv", rows_of(judged, lambda score: score))
    code, out, err = typed("--labels", labels, "--name", "legal")
    assert code == 1 and "mean absolute error" in out
    assert err.startswith("not written: ") and err.count("\n") == 1
    assert not (tmp_path / "judges").exists()


@pytest.mark.parametrize("kind", ["turned round", "beside other answers"])
def test_labels_that_the_judge_does_not_follow_make_no_judge_of_one_score(
    typed, tmp_path, judged, shuffled, kind
):
    """What gives every answer the mean has the smaller error of such labels."""
    turned = kind == "turned round"
    rows = rows_of(judged, lambda score: 1 - score) if turned else rows_of(shuffled, float)
    code, _, err = typed("--labels", written(tmp_path / "labels.csv", rows), "--name", "legal")
    assert code == 1 and "not shown to rise with these labels" in err and err.count("\n") == 1
    assert not (tmp_path / "judges").exists()


def test_labels_of_a_data_set_need_no_texts(typed, tmp_path):
    answered = [case for case in load_dataset("sample").cases if case.answerable]
    cases = random.Random(1).sample(answered, 40)
    rows = [{"case_id": case.id, "answer": case.golds[0], "score": 0.2 * (number % 3)}
            for number, case in enumerate(cases)]  # fmt: skip
    labels = written(tmp_path / "labels.csv", rows)
    code, out, _ = typed("--labels", labels, "--name", "odd", "--dataset", "sample")
    assert code in (0, 1) and out.startswith("40 labels of ")
    code, _, err = typed("--labels", labels, "--name", "even")
    assert code == 4 and "row 1: no case" in err and "give --dataset NAME" in err


def first(rows, **cells):
    return [{**rows[0], **cells}, *rows[1:]]


BAD = {
    "three rows": (lambda rows: rows[:3], "3 labels of", "too few to align by; give 30 or more"),
    "four contracts": (
        lambda rows: [{**row, "contract": f"c{n % 4}"} for n, row in enumerate(rows)],
        "of 4 contracts are too few",
    ),
    "one score": (lambda rows: [{**row, "score": 1} for row in rows], "every label is 1"),
    "two that disagree": (
        lambda rows: [*rows, {**rows[4], "score": rows[4]["score"] + 0.5}],
        "row 121: ", "for the answer that row 5 has", "keep one of the rows",
    ),
    "another rubric": (
        lambda rows: [{**row, "rubric": "0123456789abcdef"} for row in rows],
        "row 1: scored by the rubric 0123456789abcdef, and judged by", "give --rubric FILE",
    ),
    "no gold texts": (
        lambda rows: [{k: v for k, v in row.items() if k != "expected"} for row in rows],
        "row 1: the column `expected` is missing",
    ),
    "no answers": (
        lambda rows: [{k: v for k, v in row.items() if k != "answer"} for row in rows],
        "row 1: the column `answer` is missing",
    ),
    "no score": (lambda rows: first(rows, score="good"), "row 1: `score` 'good'"),
    "an odd list": (lambda rows: first(rows, expected="['a', 'b']"), "row 1: `expected` is"),
    "only what nobody answers": (
        lambda rows: [{**row, "expected": []} for row in rows], "0 labels of 0 contracts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_nobody_can_align_by_is_one_line(typed, tmp_path, judged, name):
    change, *says = BAD[name]
    everyone = [(pair, value * 0.5) for pair, value in judged]
    rows = [{**row, "score": min(row["score"], 0.5)} for row in rows_of(everyone, float)]
    assert len(rows) == 120, "the reference judge scores English answers"
    labels = written(tmp_path / "labels.jsonl", change(rows))
    code, out, err = typed("--labels", labels, "--name", "legal")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert all(said in err for said in says), err
    assert not (tmp_path / "judges").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--labels", "none.csv", "--name", "a"), "none.csv: no such .csv or .jsonl file"),
        (("--labels", "none.csv", "--name", "../a"), "give letters, digits"),
        (
            ("--labels", "none.csv", "--name", "a", "--rubric", "no.md"),
            "--rubric no.md: no such file",
        ),
        (
            (
                "--labels",
                "none.csv",
            ),
            "--name",
        ),
        (("--label", "x", "--nam", "y", "--rubrik", "z"), "did you mean --rubric?"),
    ],
)
def test_a_mistyped_line_is_one_line(typed, words, says):
    code, out, err = typed(*words)
    assert (code, out, err.count("\n")) == (4, "", 1) and says in err, err


def test_labels_by_a_rubric_of_the_teams_own(typed, tmp_path, judged):
    own = tmp_path / "own.md"
    own.write_text("# Ours\n\n1.0 never.\n")
    digest = subprocess.run(["sha256sum", own], capture_output=True, text=True, check=True).stdout
    rows = [{**row, "rubric": digest[:16]} for row in rows_of(judged, strict)]
    labels = written(tmp_path / "labels.csv", rows)
    assert typed("--labels", labels, "--name", "legal")[0] == 4
    assert typed("--labels", labels, "--name", "legal", "--rubric", own)[0] == 0
    assert read_alignment("reference:judges/legal.json").rubric == digest[:16]


def test_labels_of_one_answer_a_step_apart_count_as_their_mean(typed, tmp_path, judged):
    rows = rows_of(judged, strict)
    again = [{**row, "score": min(row["score"] + 0.2, 1)} for row in rows[:40]]
    labels = written(tmp_path / "labels.csv", [*rows, *again])
    code, out, _ = typed("--labels", labels, "--name", "legal")
    assert code == 0 and out.startswith("120 labels of ")


def test_as_typed_in_a_shell(tmp_path, judged):
    labels = written(tmp_path / "labels.csv", rows_of(judged, strict))
    line = [sys.executable, "-m", "evals.judges.align", "--labels", str(labels), "--name", "legal"]
    done = subprocess.run(
        line, cwd=tmp_path, env={"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == ["legal.json"]


def an_alignment(**changes):
    given = {"reference": ReferenceJudge().identity, "rubric": rubric_digest(), "labels": "x",
             "values": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)}  # fmt: skip
    return Alignment.model_validate({**given, **changes})


def test_the_judge_scores_as_the_team_and_says_what_it_was(judged):
    pair, value = next((pair, value) for pair, value in judged if value > 0.3)
    judge = AlignedJudge("reference:x.json", ReferenceJudge(), an_alignment())
    score = asyncio.run(judge.judge(Submission(pair.case, Answer(pair.answer)), None))
    assert score.value == pytest.approx(value / 2, abs=1e-5)
    assert f"{value:.2f} before alignment" in score.reason


def test_what_the_contract_does_not_answer_is_decided_by_rules():
    pair = next(pair for pair in read_pairs() if not pair.expected)
    judge = AlignedJudge("reference:x.json", ReferenceJudge(), an_alignment())
    score = asyncio.run(judge.judge(Submission(pair.case, Answer("Not found.")), None))
    assert score.value == 1.0


def test_its_identity_is_of_all_that_made_it():
    values = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6)
    held_out = as_pairs(np.asarray([0.5]), ["a"])
    made = [
        an_alignment(**changes)
        for changes in ({}, {"values": values}, {"labels": "y"}, {"held_out": held_out})
    ]
    judges = [AlignedJudge("reference:x.json", ReferenceJudge(), each) for each in made]
    assert len({judge.identity for judge in (*judges, ReferenceJudge())}) == 5


def test_it_takes_its_exam_on_the_teams_labels_too():
    held_out = as_pairs(np.asarray([0.5, 0.25]), ["a", "b"])
    judge = AlignedJudge("reference:x.json", ReferenceJudge(), an_alignment(held_out=held_out))
    (aligned,), (plain,) = judge_exams([judge]), judge_exams([ReferenceJudge()])
    assert [*plain.pairs, *held_out] == list(aligned.pairs)


def kept(tmp_path, text):
    path = tmp_path / "legal.json"
    path.write_text(text if isinstance(text, str) else text.model_dump_json())
    return f"reference:{path}"


def test_both_reference_judges_stand_beside_each_other(tmp_path):
    name = kept(tmp_path, an_alignment())
    judges = open_judges(["correctness"], ["reference", name], 1, Chats(tmp_path))
    assert [judge.name for judge in judges] == ["reference", name]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[]", "legal.json"),
        ('{"values": [0, 0.2]}', "reference"),
        (json.dumps({"values": [0.5, 0.1, 0.2, 0.3, 0.4, 0.5], "reference": "", "rubric": "",
                     "labels": ""}), "none below the one before"),
        (json.dumps({"values": [0, 0.1, 0.2, 0.3, 0.4, 7], "reference": "", "rubric": "",
                     "labels": ""}), "scores from 0 to 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_one_line_before_anything_is_asked(tmp_path, text, says):
    with pytest.raises(UserError, match=says) as refused:
        check_judges([kept(tmp_path, text)], tmp_path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_says_what_makes_one(tmp_path):
    with pytest.raises(UserError, match=r"no such file; type: python -m evals\.judges\.align"):
        check_judges(["reference:nowhere.json"], tmp_path)


def test_another_reference_judge_than_the_aligned_one_is_refused(tmp_path):
    name = kept(tmp_path, an_alignment(reference="an earlier one"))
    with pytest.raises(UserError, match="another version of the reference judge; align it again"):
        open_aligned(name, ReferenceJudge())


def test_labels_that_aligned_a_judge_do_not_tell_what_it_errs_by(tmp_path):
    labels, others = tmp_path / "labels.csv", tmp_path / "others.csv"
    labels.write_text("case_id,score\na,1\n")
    others.write_text("case_id,score\nb,1\n")
    name = kept(tmp_path, an_alignment(labels=file_digest(labels)))
    judge = open_aligned(name, ReferenceJudge())
    for allowed in (None, others, tmp_path / "none.csv"):
        check_use(judge, rubric_digest(), allowed)
    with pytest.raises(UserError, match="was aligned by these"):
        check_use(judge, rubric_digest(), labels)
    with pytest.raises(UserError, match=r"aligned by the rubric .* name the file of those rules"):
        check_use(judge, "0123456789abcdef", None)


def test_our_rubric_is_what_the_shipped_labels_go_by():
    assert SHIPPED.read_text(encoding="utf-8").startswith("# Rubric of correctness")
    assert {pair.rubric for pair in read_pairs()} <= {"", rubric_digest()}
