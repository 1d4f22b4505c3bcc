"""Training examples: the exam's own prompt, no exam contract, no empty completion."""

import json
import random
import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.command import typed_command
from common.errors import UserError
from fixtures.cases import Case, Contract, Dataset, Span
from fixtures.retrieval.passages import Chunker
from models.chat import Message
from models.echo import EchoChat
from models.prompted import NOT_FOUND, PromptedModel, Template
from training.data.__main__ import main
from training.data.building import WORDINGS, Builder, Limits, further_questions, worded
from training.data.examples import (
    Example,
    Meta,
    read_examples,
    read_meta,
    validation_path,
    write_examples,
    write_meta,
)
from training.data.material import training_material
from training.data.options import Mixture
from training.data.splitting import mixed, shuffled, split_by_contract

TEXT = (
    "This Agreement is governed by the laws of Ohio. " * 12
    + "The term is two years from the Effective Date. "
    + "Either party may assign this Agreement. " * 20
)

MODEL = PromptedModel(EchoChat("echo"), Template())


def case(text=TEXT, quote="two years", contract="A", category="Term"):
    spans = (Span(quote, text.index(quote)),) if quote else ()
    where = Contract(contract, text)
    return Case(
        f"{contract}__{category}", f"{contract}-{category}", where, category, "How long?", spans
    )


def example(contract="A", kind="answerable", completion="two years", category="Term"):
    prompt = (Message("user", f"How long? {contract}"),)
    return Example(prompt, completion, kind, contract, "0" * 64, category, ("two years",))


def builder(**limits):
    return Builder(MODEL, Limits(**{"wordings": 1, **limits}), random.Random(0))


def test_the_prompt_is_the_one_that_the_exam_asks():
    asked, passages = case(), Chunker(300, 30).split(Contract("A", TEXT))
    row = builder().answered(asked, passages)
    assert row.prompt == MODEL.prompt(asked, passages)[0]
    assert row.completion == "two years"
    assert row.case == asked.identity


@settings(max_examples=60)
@given(st.integers(0, len(TEXT) - 1), st.integers(1, 120), st.integers(80, 600), st.integers(1, 4))
def test_a_completion_stands_in_the_passages_or_the_row_is_dropped(start, length, size, shown):
    quote = TEXT[start : start + length]
    asked = Case("id", "slug", Contract("A", TEXT), "Term", "How?", (Span(quote, start),))
    passages = Chunker(size, size // 10).split(asked.contract)[:shown]
    row = builder().answered(asked, passages)
    whole = [p for p in passages if p.start <= start and start + len(quote) <= p.end]
    if row is None:
        assert not whole or not quote.strip()
    else:
        assert whole
        assert row.completion == quote
        assert row.completion.strip()
        assert quote in row.prompt[-1].content


@settings(max_examples=60)
@given(st.integers(0, len(TEXT) - 1), st.integers(1, 200), st.integers(80, 400))
def test_a_hard_negative_shows_no_part_of_the_answer(start, length, size):
    quote = TEXT[start : start + length]
    asked = Case("id", "slug", Contract("A", TEXT), "Term", "How?", (Span(quote, start),))
    passages = Chunker(size, size // 10).split(asked.contract)
    row = builder().declined(asked, passages, "hard negative")
    clean = [p for p in passages if p.end <= start or p.start >= start + len(quote)]
    if row is None:
        assert not clean
    else:
        assert row.completion == NOT_FOUND
        assert row.prompt == MODEL.prompt(asked, clean)[0]


def test_what_is_too_long_is_dropped_and_counted():
    made = builder(answer_tokens=8)
    assert made.answered(case(quote=TEXT[:200]), Chunker(900, 90).split(case().contract)) is None
    assert sum(made.dropped.values()) == 1
    short = builder(prompt_tokens=10)
    assert short.answered(case(), Chunker(900, 90).split(case().contract)) is None
    assert dict(short.dropped) == {"the prompt is too long": 1}


def test_every_wording_asks_the_question_and_the_first_is_the_exams():
    asked = case()
    assert worded(asked, 0) == asked
    questions = {worded(asked, number).question for number in range(len(WORDINGS))}
    assert len(questions) == len(WORDINGS)
    assert all("How long?" in question for question in questions)


def corpus(train, test):
    cases = [case(text, quote=None, contract=name) for name, text in {**train, **test}.items()]
    return Dataset("corpus", tuple(cases), frozenset(test))


def words(seed, count=400):
    chance = random.Random(seed)
    return " ".join("".join(chance.choices("abcdefgh", k=6)) for _ in range(count))


def test_exam_contracts_are_refused_by_identity_and_by_wording():
    exam = words(1)
    data = corpus(
        {"clean": words(2), "same": exam, "nearly": exam.upper() + " and one more"},
        {"exam": exam},
    )
    material = training_material([data])
    assert [each.contract.id for each in material.cases] == ["clean"]
    assert material.refused == ("nearly", "same")


def test_what_nearly_repeats_a_sealed_contract_is_refused():
    data = corpus(
        {"nearly": words(1)[:-40], "other": words(2)}, {"sealed": words(1), "t": words(3)}
    )
    sealed = tuple(c for c in data.cases if c.contract.id == "sealed")
    rest = tuple(c for c in data.cases if c.contract.id != "sealed")
    data = replace(data, cases=rest, reserve=sealed)
    assert training_material([data]).refused == ("nearly",)


def test_a_contract_of_another_data_sets_exam_is_refused():
    exam = words(1)
    one = corpus({"theirs": exam, "clean": words(2)}, {"other": words(3)})
    two = corpus({"more": words(4)}, {"exam": exam})
    assert "theirs" in training_material([one, two]).refused


def test_a_title_of_two_texts_leaks_neither():
    """Two data sets may call their contracts alike; each text is held against the exam."""
    exam, title = words(1), "Agreement"
    one = corpus({title: exam.upper()}, {"other": words(3)})
    two = corpus({title: words(2), "clean": words(4)}, {"exam": exam})
    for datasets in ([one, two], [two, one]):
        material = training_material(datasets)
        assert [each.contract.id for each in material.cases] == ["clean"]
        assert material.refused == (title,)
    three = corpus({"exam": words(5), "clean": words(4)}, {"another": words(6)})
    assert "exam" in training_material([two, three]).refused


def test_a_data_set_without_a_train_split_says_what_to_give():
    with pytest.raises(UserError, match=r"give a data set with test\.json"):
        training_material([corpus({}, {"exam": words(1)})])


@given(
    st.lists(st.sampled_from(["", *"ABCDEFGH"]), min_size=1, max_size=40),
    st.floats(0, 0.9),
    st.integers(0, 5),
)
def test_train_and_validation_share_no_contract(titles, share, seed):
    rows = [example(title) for title in titles]
    train, validation = split_by_contract(rows, share, seed)
    assert len(train) + len(validation) == len(rows)
    held = {row.contract for row in validation}
    assert held.isdisjoint({row.contract for row in train})
    assert "" not in held
    if share and len(set(titles) - {""}) > 1:
        assert held
        assert {row.contract for row in train} - {""}


@given(st.integers(1, 60), st.integers(0, 30), st.floats(0, 0.8))
def test_general_rows_are_mixed_in_once_each(rows, general, share):
    own = [example(str(number)) for number in range(rows)]
    others = [example("", "general", str(number)) for number in range(general)]
    together = mixed(own, others, share, seed=0)
    added = [row for row in together if row.kind == "general"]
    assert len(added) == len(set(added)) == min(general, round(rows * share / (1 - share)))
    assert {row for row in together if row.kind != "general"} == set(own)


def test_shuffled_answers_are_the_same_answers_at_other_places():
    rows = [example(str(number), completion=str(number)) for number in range(50)]
    moved = shuffled(rows, seed=0)
    assert [row.prompt for row in moved] == [row.prompt for row in rows]
    assert sorted(row.completion for row in moved) == sorted(row.completion for row in rows)
    assert sum(a.completion == b.completion for a, b in zip(rows, moved, strict=True)) < 10


@settings(max_examples=40)
@given(
    st.sets(st.integers(0, len(TEXT) - 40), min_size=1, max_size=12), st.integers(0, 4), st.data()
)
def test_further_questions_are_answered_by_the_passage_or_not_at_all(starts, most, data):
    contract = Contract("A", TEXT)
    cases = [
        Case(str(start), str(start), contract, f"C{start}", f"Is it {start}?", spans)
        for start in sorted(starts)
        for spans in [(Span(TEXT[start : start + 30], start),) if start % 3 else ()]
    ]
    passages = Chunker(300, 30).split(contract)
    shown = (passages[data.draw(st.integers(0, len(passages) - 1))],)
    asked = data.draw(st.sampled_from(cases))
    rows = further_questions([(asked, shown)], cases, builder(), most)
    of_case = {case.identity: case for case in cases if case != asked}
    assert len({row.case for row in rows}) == len(rows)
    answered = [row for row in rows if row.kind == "answerable"]
    assert len(answered) <= most
    assert len(rows) - len(answered) <= max(1, most)
    for row in rows:
        (span, *_) = of_case[row.case].spans or (None,)
        inside = span and span.text in shown[0].text and row in answered
        assert inside or row.completion == NOT_FOUND
        assert row.kind != "hard negative" or of_case[row.case].answerable


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_the_kinds_add_up_to_the_rows(rows, unanswerable, hard):
    counts = Mixture(rows, unanswerable, hard).counts
    assert sum(counts.values()) == rows
    assert min(counts.values()) >= 0


STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(STORABLE.filter(str.strip), min_size=1, max_size=5))
def test_examples_survive_the_file(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("data") / "sft.jsonl"
    rows = tuple(example(str(number), completion=text) for number, text in enumerate(texts))
    write_examples(path, rows)
    assert read_examples(path) == rows


def test_the_meta_stands_beside_the_file(tmp_path):
    path = tmp_path / "sft.jsonl"
    meta = Meta(command="x", dataset="sample", dataset_identity="d", model="smollm2")
    write_examples(path, [example()])
    write_meta(path, meta)
    assert read_meta(path).model_copy(update={"rows": ""}) == meta
    write_examples(path, [example(), example("B")])
    with pytest.raises(UserError, match=r"does not describe the rows of sft.jsonl"):
        read_meta(path)
    (tmp_path / "sft.meta.json").write_text('{"dataset": 1}')
    with pytest.raises(UserError, match="malformed"):
        read_meta(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rows"),
        ("{", "line 1: not JSON"),
        ("[]", "line 1: a row is a JSON object"),
        ('{"text": "x"}', "no column 'prompt'; it has text"),
        ('{"prompt": "x", "completion": "y"}', "prompt is a list"),
        (json.dumps({"prompt": [{"role": "user", "content": "x"}], "completion": []}), "no text"),
        (
            json.dumps(
                {
                    "prompt": [{"role": "user", "content": "x"}],
                    "completion": [{"role": "assistant", "content": " "}],
                }
            ),
            "says something",
        ),
    ],
)
def test_bad_rows_are_named_by_line(tmp_path, text, said):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_examples(path)


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError, match=r"python -m training\.data"):
        read_examples(tmp_path / "none.jsonl")


def test_further_questions_are_trained_on_and_do_not_validate(tmp_path, smollm2, sample):
    outputs = tmp_path / "plain.jsonl", tmp_path / "further.jsonl"
    for output, more in zip(outputs, ([], ["--further", "2"]), strict=True):
        assert main(["--n", "24", "--most-passages", "1", "--output", str(output), *more]) == 0
    plain, further = (read_examples(output) for output in outputs)
    assert set(plain) < set(further)
    held = [read_examples(validation_path(output)) for output in outputs]
    assert held[0] == held[1]
    titles = {row.contract for row in further}
    assert titles.isdisjoint({row.contract for row in held[1]} | sample.test_contracts)
    asked = {row.case for row in (*further, *held[1])}
    assert set(read_meta(outputs[1]).cases) == asked


def test_what_validates_does_not_nearly_repeat_what_is_trained_on(
    tmp_path, smollm2, sample, monkeypatch
):
    train = [each for each in sample.cases if each.contract.id not in sample.test_contracts]
    kept = sorted({each.contract.id for each in train})[:3]
    own = [each for each in train if each.contract.id in kept]
    twins = [
        replace(
            each,
            id=f"twin {each.id}",
            contract=Contract(f"twin {each.contract.id}", f"{each.contract.text}\n\nThe end."),
        )
        for each in own
    ]
    data = Dataset("twins", (*own, *twins), frozenset())
    monkeypatch.setattr("training.data.__main__.load_dataset", lambda *names: data)
    output = tmp_path / "sft.jsonl"
    line = ["--n", "24", "--most-passages", "1", "--validation-share", "0.4"]
    assert main([*line, "--output", str(output)]) == 0
    trained = {row.contract.removeprefix("twin ") for row in read_examples(output)}
    lines = validation_path(output).read_text().splitlines()
    held = {json.loads(line)["contract"] for line in lines}
    assert trained and trained.isdisjoint(title.removeprefix("twin ") for title in held)
    assert read_meta(output).statistics["validation contracts refused"] > 0


def test_the_command_makes_data_from_the_embedded_contracts(tmp_path, smollm2, sample, capsys):
    output = tmp_path / "sft.jsonl"
    line = ["--n", "40", "--mix", "general", "--most-passages", "1", "--output", str(output)]
    assert main(line) == 0
    train, held = read_examples(output), read_examples(validation_path(output))
    kinds = {row.kind for row in train}
    assert {"answerable", "unanswerable", "general"} <= kinds
    titles = {row.contract for row in (*train, *held)} - {""}
    assert titles.isdisjoint(sample.test_contracts)
    meta = read_meta(output)
    assert {contract.title for contract in meta.contracts} == titles
    assert set(meta.cases) == {row.case for row in (*train, *held)} - {""}
    assert meta.most_passages == 1
    shown = capsys.readouterr().out
    assert "rows: answerable" in shown
    assert "too few rows" not in shown
    assert "training.sft" in shown
    before = output.read_bytes()
    assert main(line) == 0
    assert output.read_bytes() == before


def test_what_is_about_a_contract_is_not_mixed_in(tmp_path, smollm2, mistake):
    mine = [example("", "general", "Hello!"), example("Exam contract", "answerable")]
    for row in (mine[1], replace(mine[1], kind="general"), replace(mine[0], case="0" * 64)):
        write_examples(tmp_path / "mine.jsonl", [replace(mine[0], case=""), row])
        line = ["--mix", str(tmp_path / "mine.jsonl"), "--output", str(tmp_path / "sft.jsonl")]
        said = mistake(main(line))
        assert "mine.jsonl, line 2: a row to mix in is of kind general" in said
    assert not (tmp_path / "sft.jsonl").exists()


def entry_of(tmp_path, *lines):
    text = ['kind = "endpoint"', 'base_url = "http://127.0.0.1:9/v1"', 'model = "m"', *lines]
    (tmp_path / "served.toml").write_text("\n".join(text))
    output = ["--output", str(tmp_path / "sft.jsonl")]
    return ["--model", "served", "--registry", str(tmp_path), "--n", "20", *output]


def test_the_entrys_own_system_prompt_is_kept_for_the_candidate(tmp_path, smollm2):
    assert main(entry_of(tmp_path, 'system = "Obey."')) == 0
    meta = read_meta(tmp_path / "sft.jsonl")
    assert meta.system == "Obey."
    assert {row.prompt[0].content for row in read_examples(tmp_path / "sft.jsonl")} == {"Obey."}
    assert "--registry" not in meta.command
    assert str(tmp_path / "sft.jsonl") in meta.command


def test_a_model_without_passages_has_nothing_to_quote(tmp_path, smollm2, mistake):
    assert "is shown no passages" in mistake(main(entry_of(tmp_path, "passages = false")))


def test_too_few_rows_are_said(tmp_path, smollm2, capsys):
    output = tmp_path / "sft.jsonl"
    line = ["--n", "400", "--unanswerable", "0", "--most-passages", "1", "--output", str(output)]
    assert main(line) == 0
    shown = capsys.readouterr().out
    found = read_meta(output).statistics
    assert found["wanted: answerable"] == 400
    made = len(read_examples(output)) + len(read_examples(validation_path(output)))
    assert found["made: answerable"] == made < 360
    assert f"too few rows: {made} of 400 answerable" in shown


def test_ctrl_c_is_2(tmp_path, monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.data.__main__.make", interrupted)
    assert main([]) == 2
    assert capsys.readouterr().err == "interrupted; type the same command again\n"


@pytest.mark.parametrize("option", ["--cuad-dir", "--cuad", "--registry", "--reg", "--store"])
@pytest.mark.parametrize("form", [lambda o: [o, "/my place"], lambda o: [f"{o}=/my place"]])
def test_the_command_is_kept_without_where_things_lie(option, form):
    typed = ["--n", "8", *form(option), "--output", "my file.jsonl"]
    command = typed_command("training.data", typed)
    assert shlex.split(command) == [
        "python", "-m", "training.data", "--n", "8", "--output", "my file.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--dataset", "nowhere"], "no such file"),
        (["--model", "extractive"], "has no prompt to learn"),
        (["--unanswerable", "2"], "give a share"),
        (["--wordings", "0"], "give 1 to"),
        (["--synthetic", "none.jsonl"], "none.jsonl"),
        (["--mix", "none.jsonl"], "none.jsonl"),
        (["--mix-share", "0.2"], "add --mix general"),
        (["--most-passages", "0"], "--most-passages 0: give 1 or more"),
        (["--most-passages", "-1"], "--most-passages -1: give 1 or more"),
        (["--prompt-tokens", "3"], "--prompt-tokens 3: give 64 or more"),
        (["--n", "x"], "--n: invalid int value: 'x'"),
        (["--nn"], "unrecognized arguments: --nn"),
    ],
)
def test_mistakes_are_one_line(line, said, tmp_path, smollm2, mistake):
    assert said in mistake(main([*line, "--n", "8", "--output", str(tmp_path / "x.jsonl")]))
    assert list(tmp_path.iterdir()) == []
