"""loop.toml, what starts a round, and which feedback a round may use."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import UserError
from fixtures.cases import Case, Contract, Dataset
from fixtures.datasets import load_dataset
from models.promotion.ledger.entry import Begun, Candidate, Chosen
from models.promotion.ledger.files import begin
from models.promotion.record.line import Data
from training.loop.__main__ import main
from training.loop.budget import Left, left_of
from training.loop.done import sealed_candidates
from training.loop.journal import Made, Round, read_rounds, write_round
from training.loop.policy import Budget, Examination, LoopPolicy, Start, Training, read_policy
from training.loop.rounds import Loop, over_candidates, upcoming
from training.loop.rounds import begin as begin_round
from training.loop.sifting import Sifted, sift
from training.loop.steps import adapter_folder, steps_of
from training.loop.triggers import DAY, Seen, train_contracts, triggers
from training.preferences.feedback import read_feedback

TRAINING = Training(Path("recipe.yaml"))
NOW = 1_800_000_000.0


def policy(**start):
    return LoopPolicy("t", "sample", Start(**start), sft=TRAINING)


def a_round(number=1, began=NOW, **more):
    return Round(number, began, ("asked",), f"t-r{number}", "", "", **more)


def seen(contracts=(), rows=(), refused=0):
    return Seen("", contracts, Sifted(rows, refused, ()))


def due(asked, rounds, what, now):
    return [(each.name, each.due) for each in triggers(asked, rounds, what, now)]


def test_without_a_policy_one_line_says_what_it_is_and_lineage_asks_for_none(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "loop.toml is not there" in error and "docs/loop.md" in error
    assert main(["lineage", "sft-smollm2"]) == 0
    assert "base: embedded:smollm2" in capsys.readouterr().out
    assert main(["lineage", "sft-smolm2"]) == 4
    assert "did you mean sft-smollm2?" in capsys.readouterr().err
    assert main(["lineage", "sft-smollm2", "other.toml"]) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('nam = "t"', "unknown key 'nam'; did you mean 'name'?"),
        ("[budget]\nhour = 2", "unknown key 'budget.hour'; did you mean 'hours'?"),
        ("[budget]\nhours = -1", "budget.hours: input should be greater than 0"),
        ("", "a round trains nothing; add [sft] or [align]"),
        (
            '[align]\nrecipe = "x"\nmethod = "dpo"\nstart = "champion"',
            "align.start: DPO starts from the adapter of [sft], ORPO from the base; leave it out",
        ),
        ('[align]\nrecipe = "x"', 'align.method is missing; write method = "dpo" or "orpo"'),
        ('[sft]\nrecipe = "x"\nwhere = "sagemakr"', "did you mean sagemaker?"),
    ],
)
def test_a_mistake_in_the_policy_is_one_line(tmp_path, text, says, capsys):
    file = tmp_path / "loop.toml"
    file.write_text(f'name = "t"\ndataset = "sample"\n{text}\n[start]\n'.replace("\n\n", "\n"))
    if text.startswith("nam "):
        file.write_text('nam = "t"\ndataset = "sample"\n[start]\n')
    assert main(["plan", str(file)]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error


def test_a_clock_that_goes_back_makes_no_second_round():
    asked = policy(days=30.0, pause=0.0)
    assert due(asked, (), seen(), NOW) == [("calendar", True)]
    rounds = (a_round(ended=NOW, outcome="REJECT"),)
    assert due(asked, rounds, seen(), NOW + 29 * DAY) == [("calendar", False)]
    assert due(asked, rounds, seen(), NOW + 30 * DAY) == [("calendar", True)]
    (back,) = triggers(asked, rounds, seen(), NOW - 400 * DAY)
    assert not back.due and "the clock is 400.0 days before the beginning of round 1" in back.why


def test_nothing_starts_before_the_pause_is_over():
    asked = policy(contracts=1, pause=2.0)
    rounds = (a_round(),)
    assert due(asked, rounds, seen(("a",)), NOW + DAY) == [("pause", False)]
    assert due(asked, rounds, seen(("a",)), NOW + 2 * DAY) == [("contracts", True)]


def test_what_a_round_has_seen_is_not_new():
    asked = replace(policy(contracts=2, feedback=2, pause=0.0), feedback=(Path("x"),))
    rows = ({"a": 1}, {"a": 2}, {"a": 3})
    digests = Sifted(rows, 0, ()).digests
    rounds = (a_round(contracts=("a",), feedback=digests[:2]),)
    now = NOW + DAY
    assert due(asked, rounds, seen(("a", "b"), rows), now) == [
        ("feedback", False), ("contracts", False),
    ]  # fmt: skip
    found = triggers(asked, rounds, seen(("a", "b", "c"), rows, refused=4), now)
    assert [each.due for each in found] == [False, True]
    assert "1 new rows of feedback, of 2" in found[0].why
    assert "4 about contracts of the test split are refused" in found[0].why


def test_feedback_about_contracts_of_the_test_split_is_refused_counted_and_said(tmp_path, capsys):
    dataset = load_dataset("sample")
    test = next(c for c in dataset.cases if c.contract.id in dataset.test_contracts)
    train = next(c for c in dataset.cases if c.contract.id not in dataset.test_contracts)
    rows = [
        {"case": test.id, "answer": "x", "score": "up"},
        {"case": train.id, "answer": "x", "score": "up"},
        {"question": "Q?", "contract": "Elsewhere", "passages": [test.contract.text[:900]],
         "answer": "x", "score": 1},
        {"question": "Q?", "contract": "Elsewhere", "passages": ["A text of nobody's exam at all."],
         "answer": "x", "score": 1},
        {"case": "nobody's", "answer": "x", "score": "up"},
        {"case": train.id, "answer": "x", "comment": "no score"},
        {"case": train.id, "answer": "x", "score": 7},
        {"case": train.id, "answer": 5, "score": "up"},
        {"case": train.id, "score": "up"},
    ]  # fmt: skip
    file = tmp_path / "feedback.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "kept.jsonl"
    assert main(["sift", str(tmp_path), "--dataset", "sample", "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "2 rows of feedback; 2 refused: about contracts of the test split; 5 are no" in said
    assert [json.loads(line) for line in output.read_text().splitlines()] == [rows[1], rows[3]]
    found = sift([file], dataset)
    assert found.refused == 2 and 'no case "nobody\'s"' in found.faults[0]
    assert len(read_feedback(output, dataset.cases, ())) == 2  # what is kept can be used
    assert len(train_contracts(dataset)) > 0


def test_a_training_can_be_a_job(tmp_path):
    job = Training(Path("r.yaml"), where="sagemaker", arguments=("--role", "R", "--bucket", "B"))
    asked = replace(policy(), sft=job)
    step = next(each for each in steps_of(asked, 3, people=False) if each.name == "sft")
    assert step.line.startswith("python -m training.sagemaker sft r.yaml --set name=t-r3 --set ")
    assert step.line.endswith("--role R --bucket B --wait")
    assert Left(5400.0, 7, None).words(step.capped) == ("--hours", "1.5000")
    own = replace(asked, sft=replace(job, arguments=(*job.arguments, "--hours", "2")))
    assert next(each for each in steps_of(own, 3, people=False) if each.name == "sft").capped == ()


def test_sft_goes_on_from_the_champion_where_it_is_told_to():
    def sft(asked, champion):
        steps = steps_of(asked, 3, people=False, champion=champion)
        return next(each for each in steps if each.name == "sft")

    asked = replace(policy(), sft=Training(Path("r.yaml"), start="champion"))
    step = sft(asked, "t-r2")
    assert "--set adapter=t-r2" in step.line
    assert adapter_folder(asked, "t-r2") in step.takes
    assert "--set adapter=null" in sft(asked, "").line  # the first round
    assert "--set adapter=null" in sft(replace(policy(), sft=Training(Path("r.yaml"))), "t-r2").line


def test_what_a_round_starts_from_is_its_own_whatever_recipe_and_settings_say():
    own = Training(Path("r.yaml"), settings=("adapter=old", "name=mine"))
    asked = replace(policy(), sft=own, align=replace(own, method="orpo"))
    for step in steps_of(asked, 1, people=False)[1::2][:2]:
        words = [
            word for at, word in enumerate(step.arguments) if step.arguments[at - 1] == "--set"
        ]
        last = dict(word.split("=", 1) for word in words)
        assert last["adapter"] == "null" and last["name"] in ("t-r1", "t-r1-sft")
    alone = replace(policy(), sft=None, align=replace(own, method="dpo", settings=()))
    (step,) = (each for each in steps_of(alone, 1, people=False) if each.name == "align")
    assert "adapter=" not in step.line  # as its recipe has it


@pytest.fixture
def served(tmp_path):
    """A policy whose rounds go on from the champion, and what makes one of an entry."""
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)
    (tmp_path / "loop.toml").write_text(
        f'name = "t"\ndataset = "sample"\nregistry = "{registry}"\n[start]\ndays = 1\n'
        '[sft]\nrecipe = "r.yaml"\nstart = "champion"\n'
    )
    loop = Loop(read_policy(tmp_path / "loop.toml"), tmp_path / "loop.toml", tmp_path / "state")

    def champion(entry):
        (registry.parent / "champion.toml").write_text(CHAMPION)
        (registry / "old.toml").write_text(entry)
        return loop

    return champion


CHAMPION = f'model = "old"\nidentity = "{"a" * 64}"\nrecord = "{"b" * 64}"\n'


def test_a_round_goes_on_from_the_adapter_that_the_champions_entry_names(served, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    loop = served(f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "{elsewhere}"\n')
    assert upcoming(loop, (), seen()).champion == "old"
    with pytest.raises(UserError, match=r"its adapter .*elsewhere is gone; restore it"):
        begin_round(loop, (), seen(), ["asked"])
    assert not loop.state.exists()
    elsewhere.mkdir()
    round_ = begin_round(loop, (), seen(), ["asked"])
    (sft,) = (each for each in loop.steps(round_) if each.name == "sft")
    assert "--set adapter=old" in sft.line and elsewhere in sft.takes


def test_an_adapter_in_s3_is_known_by_its_entry(served):
    digest = f'digest = "{"b" * 64}"\n'
    loop = served(
        f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "s3://bucket/p/old"\n{digest}'
    )
    (sft,) = (s for s in loop.steps(begin_round(loop, (), seen(), ["x"])) if s.name == "sft")
    assert loop.policy.registry / "old.toml" in sft.takes


def test_a_champion_that_is_no_adapter_is_nothing_to_start_from(served, tmp_path):
    loop = served('kind = "recorded"\npath = "answers.jsonl"\n')
    (tmp_path / "models" / "adapters" / "old").mkdir(parents=True)  # of a name that it once had
    assert upcoming(loop, (), seen()).champion == ""


def test_what_is_planned_is_what_begins(served):
    loop = served('kind = "local"\nbase = "embedded:smollm2"\n')
    policy_ = replace(loop.policy, feedback=(Path("said.jsonl"),),
                      align=Training(Path("d.yaml"), method="dpo"))  # fmt: skip
    loop = replace(loop, policy=policy_)
    (loop.policy.registry / "t-r1.toml").write_text('kind = "recorded"\npath = "a.jsonl"\n')
    what = seen(rows=({"a": 1},))
    planned = loop.steps(upcoming(loop, (), what))
    begun = begin_round(loop, (), what, ["asked"])
    assert [each.line for each in loop.steps(begun)] == [each.line for each in planned]
    assert (begun.number, planned[0].name) == (2, "sift")


def test_what_is_left_of_a_budget_reaches_the_commands():
    made = Made("", "", "", seconds=1800.0, calls=30, dollars=0.5)
    left = left_of(Budget(hours=1.0, calls=100, dollars=2.0), a_round(steps={"sft": made}))
    assert left == Left(1800.0, 70, 1.5)
    assert left.words(("--max-calls", "--max-cost")) == (
        "--max-calls", "70", "--max-cost", "1.500000",
    )  # fmt: skip
    assert left.words(("--max-cost",), paid=0.25) == ("--max-cost", "1.750000")
    assert left.words(("--max-calls",), ("--max-calls", "50")) == ()
    assert left.words(("--max-calls",), ("--max-calls=50", "-q")) == ()
    assert left.words(("--max-calls",), ("--max-calls", "500")) == ("--max-calls", "70")
    assert left.words(("--max-calls",), ("--max-calls", "many")) == ("--max-calls", "70")
    assert Left(None, 0, None).used_up == "its calls are used up"


def test_no_more_candidates_than_the_budget_says_meet_sealed_contracts(tmp_path):
    asked = replace(policy(), registry=tmp_path / "registry", examine=Examination(sealed=True))
    sealed = next(each for each in steps_of(asked, 3, people=False) if each.name == "sealed")
    for number, name in enumerate(("t-r1", "t-r1", "t-r2", "other"), start=1):
        begin(tmp_path / "ledger", sealed_exam(name, number))
    assert sealed_candidates(asked) == {"t-r1", "t-r2"}
    enough = replace(asked, budget=Budget(candidates=3))
    assert over_candidates(enough, sealed) == ""
    full = replace(asked, budget=Budget(candidates=2))
    assert over_candidates(full, sealed) == "2 candidates have met sealed contracts already"
    typed = replace(full, examine=Examination(arguments=("--sealed",)))
    by_hand = next(each for each in steps_of(typed, 3, people=False) if each.name == "examine")
    assert over_candidates(typed, by_hand) == "2 candidates have met sealed contracts already"
    again = next(each for each in steps_of(asked, 2, people=False) if each.name == "sealed")
    assert over_candidates(full, again) == ""  # the same once more: an exam that was cut off


def sealed_exam(model, number):
    chosen = Chosen(None, False, (), (), (), part=False, sealed="5" * 64)
    return Begun(
        f"20260101-12000{number}-0000", f"2026-01-01T12:00:0{number}Z", (Candidate(model, "i"),),
        (), Data("d", "e", "test"), chosen, 1, 1, "gate", "hybrid", (),
    )  # fmt: skip


def test_a_journal_reads_back_and_one_that_was_moved_is_found(tmp_path):
    round_ = a_round(steps={"sft": Made("k", "line", "then", before=(3, 0.25), leaves={"a": "b"})})
    path = write_round(round_, tmp_path)
    assert read_rounds(tmp_path) == (round_,)
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match=r"or remove .*0001 if the round may be forgotten"):
        read_rounds(tmp_path)
    write_round(round_, tmp_path)
    path.parent.rename(tmp_path / "0007")
    with pytest.raises(UserError, match="is of round 1, and lies elsewhere; restore it"):
        read_rounds(tmp_path)


def test_the_example_in_the_docs_is_a_policy(tmp_path):
    page = Path(__file__).parents[2].joinpath("docs", "loop.md").read_text()
    file = tmp_path / "loop.toml"
    file.write_text(page.split("```toml\n")[1].split("```")[0])
    assert [each.name for each in steps_of(read_policy(file), 1, people=True)] == [
        "sift", "synthesize", "data", "sft", "preferences", "align", "examine", "sealed",
        "approve", "promote",
    ]  # fmt: skip


def test_feedback_on_what_nearly_repeats_a_contract_of_the_exam_is_refused_too(tmp_path):
    text = " ".join(f"word{n}" for n in range(400))
    contracts = {
        "exam": text, "nearly": f"{text} and one more", "other": text.replace("word", "term"),
    }  # fmt: skip
    cases = tuple(
        Case(f"{title}__Q", f"{title}__q", Contract(title, said), "Q", "Why?", ())
        for title, said in contracts.items()
    )
    file = tmp_path / "said.jsonl"
    rows = [{"case": case.id, "answer": "x", "score": "up"} for case in cases]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = sift([file], Dataset("own", cases, frozenset({"exam"})))
    assert (found.rows, found.refused, found.faults) == ((rows[2],), 2, ())
