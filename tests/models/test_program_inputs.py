"""What a program may ask for beside passages: a search of the contract, and examples."""

import asyncio
import json

import pytest

from common.errors import UserError
from evals.calls.calls import answer_key
from models.program.examples import Examples
from tests.builders.programs import Scripted, contract_case, cut, fields, program, written

LONG = (
    " ".join(
        f"{n}. Clause {n} is about {word}." for n, word in enumerate(["zebras", "law", "fees"] * 40)
    )
    + " 999. Confidential matters stay secret for seven years."
)


def ask(model, case, passages):
    async def scenario():
        try:
            return await model.answer(case, passages)
        finally:
            await model.close()

    return asyncio.run(scenario())


def prompts(chat):
    return ["\n".join(turn.content for turn in turns) for _, turns in chat.heard]


def hopping(*queries):
    """A generator that looks for these, one after the other, and answers."""
    said = iter(
        [*(fields(query=each) for each in queries), fields(reasoning="r", answer="7 years")]
    )
    return Scripted(reply=lambda _: next(said))


SEARCH = {"search": {"k": 1, "chunk_size": 100, "chunk_overlap": 0}}


def test_a_program_searches_the_contract_and_what_it_found_is_what_it_was_shown():
    case, chat = contract_case(LONG, "How long is it secret?"), hopping("secret matters", "enough")
    first = cut(case, 100)[:1]
    answer = ask(program("rag-multihop", chat, **SEARCH), case, first)
    assert answer.text == "7 years"
    assert "seven years" not in prompts(chat)[0]
    assert "seven years" in prompts(chat)[1]
    assert "seven years" in prompts(chat)[2]
    shown, found = answer.passages
    assert (shown,) == first
    assert "seven years" in found.text
    assert LONG[found.start : found.end] == found.text


def test_hops_end_where_nothing_new_is_found_and_at_their_number():
    case = contract_case(LONG, "How long is it secret?")
    chat = hopping("secret matters", "secret matters")
    answer = ask(program("rag-multihop", chat, **SEARCH), case, cut(case, 100)[:1])
    assert len(chat.heard) == 3, "the second query finds nothing new"
    assert len(answer.passages) == 2
    chat = hopping("secret matters", "fees", "law")
    ask(program("rag-multihop", chat, options={"hops": 1}, **SEARCH), case, cut(case, 100)[:1])
    assert len(chat.heard) == 2
    chat = hopping("")
    answer = ask(program("rag-multihop", chat, **SEARCH), case, cut(case, 100)[:1])
    assert (answer.text, len(answer.passages)) == ("7 years", 1), "nothing is searched for"


AWAITED = """
import dspy


class Own(dspy.Module):
    def __init__(self):
        self.answer = dspy.Predict("passages: list[str], question -> answer")

    async def aforward(self, question, search):
        return await self.answer.acall(question=question, passages=await search("secret"))
"""


def test_a_program_that_is_awaited_awaits_its_search(tmp_path):
    case, chat = contract_case(LONG, "How long?"), Scripted()
    answer = ask(program(written(tmp_path, AWAITED), chat, passages=False, **SEARCH), case, ())
    assert "seven years" in prompts(chat)[0]
    assert ["seven years" in passage.text for passage in answer.passages] == [True]


def test_answers_of_a_program_that_searches_are_of_one_contract(tmp_path):
    """Also where it is offered no passage, and two contracts are asked the same."""
    one, other = contract_case("A is first."), contract_case("B is second.", name="L")
    searching = program(written(tmp_path, AWAITED), passages=False)
    assert answer_key(searching, one, ()) != answer_key(searching, other, ())
    closed = program("instruct", passages=False)
    assert answer_key(closed, one, ()) == answer_key(closed, other, ())


def test_how_it_searches_is_part_of_the_key_of_who_searches():
    searching = [program("rag-multihop"), program("rag-multihop", search={"k": 7})]
    assert len({model.identity for model in searching}) == 2
    others = [program("rag"), program("rag", search={"k": 7})]
    assert len({model.identity for model in others}) == 1
    with pytest.raises(UserError, match="chunk-size 10 is too small"):
        _ = program("rag-multihop", search={"chunk_size": 10}).identity


# Examples.


def test_few_shot_shows_examples_as_turns_before_the_question(sample):
    case = next(
        c
        for c in sample.cases
        if c.contract.id in sample.test_contracts
        and {o.answerable for o in sample.cases if o.question == c.question} == {True, False}
    )
    chat = Scripted()
    model = program("few-shot", chat, examples={"dataset": "sample", "k": 4})
    answer = ask(model, case, cut(case, 600)[:2])
    assert answer.text == "Nevada"
    (_, turns), = chat.heard  # fmt: skip
    assert [turn.role for turn in turns] == ["system", *["user", "assistant"] * 4, "user"]
    assert case.question in turns[-3].content, "the nearest example asks the same"
    replies = [turn.content for turn in turns if turn.role == "assistant"]
    assert any("Not found." in reply for reply in replies)
    assert not all("Not found." in reply for reply in replies)


def test_no_example_is_of_a_test_contract_or_of_the_one_that_is_asked_about(sample):
    examples = Examples("sample", 8)
    texts = {c.digest: c.text for c in examples.contracts}
    assert len(texts) == 8
    assert not {c.id for c in examples.contracts} & sample.test_contracts
    for case in list({c.contract.id: c for c in sample.cases}.values()):
        shown = examples.of(case, case.contract.text[:600])
        assert len(shown) == 8
        for each in shown:
            (passage,) = each["passages"]
            assert passage not in case.contract.text
            assert any(passage in text for text in texts.values())


def test_a_contract_under_another_name_and_a_little_reworded_gives_no_example(sample):
    examples = Examples("sample", 8)
    train = next(c for c in sample.cases if c.contract.id not in sample.test_contracts)
    text = train.contract.text.replace("Agreement", "Contract", 5)
    renamed = contract_case(text, train.question, name="of another name")
    for each in examples.of(renamed, text[:600]):
        assert each["passages"][0] not in train.contract.text
    part = contract_case(train.contract.text[:3000], train.question, name="passages alone")
    for each in examples.of(part, part.contract.text[:600]):
        assert each["passages"][0] not in train.contract.text


def squad(folder, contracts, test=()):
    """A data set in CUAD's layout: (title, text, question, answer or None)."""

    def document(title, text, question, answer):
        answers = [] if answer is None else [{"text": answer, "answer_start": text.index(answer)}]
        asked = {"id": f"{title}__Q", "question": question, "answers": answers}
        return {"title": title, "paragraphs": [{"context": text, "qas": [asked]}]}

    folder.mkdir()
    every = [document(*each) for each in contracts]
    (folder / "CUAD_v1.json").write_text(json.dumps({"data": every}))
    held = [each for each in every if each["title"] in test]
    if held:
        (folder / "test.json").write_text(json.dumps({"data": held}))
    return str(folder)


def words(seed, number=400):
    return (
        " ".join(f"word{(seed * 7919 + n * 104729) % 5003}" for n in range(number)) + " Ohio law."
    )


def test_what_resembles_a_test_contract_is_shown_to_nobody(tmp_path):
    near = words(1).replace("word", "term", 20)
    name = squad(
        tmp_path / "data",
        [("test", words(1), "Law?", "Ohio"), ("near", near, "Law?", "Ohio"),
         ("far", words(2), "Law?", "Ohio")],
        test=("test",),
    )  # fmt: skip
    assert [contract.id for contract in Examples(name, 4).contracts] == ["far"]


def test_a_data_set_without_a_train_split_has_no_examples(tmp_path):
    name = squad(tmp_path / "data", [("one", words(1), "Law?", "Ohio")])
    with pytest.raises(UserError, match="no contract outside its test split"):
        _ = program("few-shot", examples={"dataset": name}).identity
    with pytest.raises(UserError, match="takes examples; say of which train split"):
        _ = program("few-shot").identity
    with pytest.raises(UserError, match="no such file or folder"):
        _ = program("few-shot", examples={"dataset": "nowhere"}).identity


def test_examples_are_part_of_the_key(tmp_path):
    near = [("test", words(1), "Law?", "Ohio"), ("far", words(2), "Law?", "Ohio")]
    one = squad(tmp_path / "one", near, test=("test",))
    other = squad(tmp_path / "other", [*near, ("more", words(3), "L?", None)], test=("test",))
    said = [{"dataset": one, "k": 4}, {"dataset": one, "k": 3}, {"dataset": other, "k": 4}]
    keys = [program("few-shot", examples=each).identity for each in said]
    assert len(set(keys)) == 3
    assert program("few-shot", examples=said[0]).identity == keys[0]


def test_the_answer_in_an_example_is_the_gold_one(sample):
    examples = Examples("sample", 40)
    case = next(c for c in sample.cases if c.contract.id in sample.test_contracts)
    golds = {gold for c in sample.cases for gold in c.golds}
    given = examples.of(case, "")
    assert len(given) == 40
    for each in given:
        if each["answer"] != "Not found.":
            assert each["answer"] in golds
            start = each["answer"][:20]
            assert start in each["passages"][0]
