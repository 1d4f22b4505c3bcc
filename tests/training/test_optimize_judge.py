"""`python -m training.optimize RECIPE --judge NAME --labels FILE`: a judge's prompt, by labels."""

import json

import pytest

from evals.judges.llm.signatures import QUOTED
from evals.judges.wording import read_wording
from tests.builders.fake_server import fake_server
from training.optimize.__main__ import main
from training.optimize.judge import worded

HELPFUL = "Call what is right right, and what is wrong wrong."
OPTIMIZERS = {
    "bootstrap-search": "max_labeled_demos = 2\nnum_candidate_programs = 1",
    "gepa": "max_metric_calls = 60",
    "mipro": "num_candidates = 2\nnum_trials = 3\nminibatch_size = 4",
}


def judging(messages):
    """Scores by the answer's word where the prompt helps it; else it is of no mind."""
    told, asked = messages[0]["content"], messages[-1]["content"]
    if "[[ ## score ## ]]" not in asked:
        return HELPFUL
    answer = asked.rpartition("[[ ## answer ## ]]")[2]
    score = float("right" in answer) if HELPFUL in told or "Worked examples" in told else 0.5
    return f"[[ ## reasons ## ]]\nSo it is.\n\n[[ ## score ## ]]\n{score}"


def undecided(messages):
    return "[[ ## reasons ## ]]\nWho knows.\n\n[[ ## score ## ]]\n0.5"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry").mkdir()
    rows = [
        {
            "contract": f"contract {n % 36}",
            "question": f"Question {n}?",
            "expected": "the clause",
            "answer": f"{'right' if n % 2 else 'wrong'} {n}",
            "score": float(n % 2),
        }
        for n in range(108)
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def typed(place, url, kind="bootstrap-search", **more):
    (place / "registry" / "large.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "large"\n'
    )
    settings = {"name": "ours", "train": 12, "validation": 8, "held_out": 36} | more
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    recipe = place / "judge.toml"
    recipe.write_text(f'{lines}[optimizer]\nkind = "{kind}"\n{OPTIMIZERS[kind]}\n')
    return [str(recipe), "--judge", "large", "--labels", "labels.jsonl", "--registry", "registry",
            "--store", "store.sqlite"]  # fmt: skip


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_prompt_that_is_better_on_held_out_labels_is_written(place, capsys, kind):
    with fake_server(reply=judging) as server:
        assert main(typed(place, server.url, kind)) == 0
        said = capsys.readouterr().out
        paid = server.calls
        (place / "judges" / "ours.md").rename(place / "first.md")
        assert main(typed(place, server.url, kind)) == 0
        assert server.calls == paid
    prompt = (place / "judges" / "ours.md").read_text()
    assert prompt == (place / "first.md").read_text()
    assert "change of the error: -0.500" in said
    gate = place / "gate.toml"
    gate.write_text("")
    assert read_wording(gate, None, "judges/ours.md").prompt == prompt
    assert QUOTED not in prompt  # which a judge is told whatever its prompt is


def test_held_out_labels_are_of_contracts_that_nothing_was_made_from(place):
    with fake_server(reply=judging) as server:
        assert main(typed(place, server.url)) == 0
    prompt = (place / "judges" / "ours.md").read_text()
    assert "question: Question" in prompt


def test_a_prompt_that_is_not_shown_to_be_better_is_not_written(place, capsys):
    with fake_server(reply=undecided) as server:
        assert main(typed(place, server.url)) == 1
    assert not (place / "judges").exists()
    assert "not written: on labels of contracts" in capsys.readouterr().err


def test_a_prompt_that_is_there_is_left_alone(place, mistake):
    with fake_server(reply=judging) as server:
        line = typed(place, server.url)
        (place / "judges").mkdir()
        (place / "judges" / "ours.md").write_text("mine")
        assert "is there already" in mistake(main(line))
        assert server.calls == 0
    assert (place / "judges" / "ours.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--judge", "reference", "--labels", "labels.jsonl"], "has no prompt: name a chat model"),
        (["--judge", "large"], "go together"),
        (["--labels", "labels.jsonl"], "go together"),
        (["--judge", "large", "--labels", "few.jsonl"], "too few to align"),
        (["--judge", "nobody", "--labels", "labels.jsonl"], "not in registry"),
    ],
)
def test_what_does_not_go_together_is_one_line(place, mistake, more, line):
    typed(place, "http://127.0.0.1:1/v1")
    few = (place / "labels.jsonl").read_text().splitlines(keepends=True)[:5]
    (place / "few.jsonl").write_text("".join(few))
    places = ["--registry", "registry", "--store", "store.sqlite"]
    assert line in mistake(main([str(place / "judge.toml"), *more, *places]))


def test_what_an_optimiser_writes_holds_no_placeholder_and_ends_in_time():
    demo = {"question": "{rubric}", "answer": "{answer}" * 4000, "score": 0.5}
    prompt = worded("Judge by {ground_truth}.", [demo] * 9)
    assert "{" not in prompt
    assert len(prompt) <= 20_000
