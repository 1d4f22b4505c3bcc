"""A dspy program takes the exam: what it is given, what becomes of what it says, what is wrong."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from models.chat import Answer
from models.program.imported import imported_digests
from tests.builders.programs import (
    CAREFUL,
    TEXT,
    Scripted,
    contract_case,
    cut,
    fields,
    program,
    written,
)

AWAITED = CAREFUL.replace("def forward", "async def aforward").replace(
    "self.draft(", "(await self.draft.acall("
).replace("passages).answer", "passages)).answer").replace(
    "return self.check(", "return await self.check.acall("
)  # fmt: skip


def ask(model, case=None, passages=None):
    case = case or contract_case()

    async def scenario():
        try:
            return await model.answer(case, cut(case) if passages is None else passages)
        finally:
            await model.close()

    return asyncio.run(scenario())


def prompts(chat):
    return ["\n".join(turn.content for turn in turns) for _, turns in chat.heard]


def test_a_shipped_program_reasons_over_cleaned_passages_and_answers():
    chat = Scripted(reply=lambda _: fields(reasoning="Section 2 says so.", answer="Nevada"))
    case = contract_case("The \ufb01rst   state is Ne-\nvada.\n\n")
    answer = ask(program("rag", chat), case)
    assert (answer.text, answer.reasoning, answer.error) == ("Nevada", "Section 2 says so.", None)
    (prompt,) = prompts(chat)
    assert "<passage 1>\nThe first state is Nevada.\n</passage 1>" in prompt
    assert "Not found." in prompt, "whoever is measured on abstention is told how to abstain"
    (shown,) = answer.passages
    assert case.contract.text[shown.start : shown.end] == shown.text, "what was shown, as it stands"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Nevada", "Nevada"),
        ("[[ ## answer ## ]]\nNevada", "Nevada"),
        ("[[##answer##]] Nevada [[ ## completed ## ]] more", "Nevada"),
        ("<think>Ohio?</think>" + fields(reasoning="r", answer="Nevada"), "Nevada"),
        (fields(reasoning="r", answer=""), ""),
        ("Not found.", "Not found."),
    ],
)
def test_replies_of_small_models_are_read(reply, text):
    assert ask(program("rag", Scripted(reply=lambda _: reply))).text == text


def test_a_reply_that_never_came_to_the_answer_is_the_cases_error():
    answer = ask(program("rag", Scripted(reply=lambda _: "[[ ## reasoning ## ]]\nIt says that")))
    assert answer.error == (
        "a reply cannot be read as reasoning, answer: '[[ ## reasoning ## ]] It says that'"
    )
    assert answer.passages


@pytest.mark.parametrize("source", [CAREFUL, AWAITED], ids=["called", "awaited"])
def test_a_users_program_is_one_file_with_one_class(tmp_path, source):
    chat = Scripted(reply=lambda _: fields(answer=f"reply {len(chat.heard)}"))
    answer = ask(program(written(tmp_path, source), chat))
    assert answer.text == "reply 2"
    first, second = prompts(chat)
    assert "Nevada" in first
    assert "reply 1" in second, "the draft of the first call"
    counts = sum(len(prompt.split()) for prompt in (first, second))
    assert (answer.tokens_in, answer.tokens_out) == (counts, 6), "what both calls cost"
    assert list(tmp_path.iterdir()) == [tmp_path / "careful.py"], "nothing is written beside it"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import dspy\nx = (", r"careful\.py:2: SyntaxError"),
        ("import dspy\nimport nowhere_at_all", r"careful\.py:2: ModuleNotFoundError"),
        ("import dspy\nexit(3)", r"careful\.py:2: SystemExit"),
        ("import dspy", "has no dspy.Module class"),
        (CAREFUL + CAREFUL.replace("Careful", "Other"), r'Careful, Other.*"careful\.py:Careful"'),
        (CAREFUL.replace("question, passages):", "question, tools):"), "wants tools.*question, pa"),
        (CAREFUL.replace("question, passages):", "passages):"), "does not take the question"),
        (CAREFUL.replace("def forward", "def backward"), "has no forward"),
        (CAREFUL.replace("__init__(self)", "__init__(self, depth)"), r"fails, TypeError.*depth"),
        (
            CAREFUL.replace("passages: list[str], question ->", "x, y, no arrow"),
            r"careful\.py:9: ValueError",
        ),
        (
            CAREFUL.replace(
                "    def forward", "        self.set_lm(dspy.LM('openai/gpt'))\n\n    def forward"
            ),
            "language model of its own",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_before_anything_is_asked(tmp_path, source, words):
    chat = Scripted()
    with pytest.raises(UserError, match=f"model candidate: .*{words}") as caught:
        _ = program(written(tmp_path, source), chat).identity
    assert "\n" not in str(caught.value)
    assert not chat.heard


def test_one_of_several_classes_is_named_in_the_entry(tmp_path):
    two = CAREFUL + CAREFUL.replace("Careful", "Other")
    path = written(tmp_path, two)
    assert ask(program(f"{path}:Other")).text == "Nevada"
    with pytest.raises(UserError, match=r"has no dspy\.Module Third; it has Careful, Other"):
        _ = program(f"{path}:Third").identity


def test_options_of_the_entry_are_handed_to_the_class(tmp_path):
    source = CAREFUL.replace("__init__(self)", "__init__(self, greeting='hello')").replace(
        "draft=draft)", "draft=self.greeting)"
    ).replace("self.draft =", "self.greeting = greeting\n        self.draft =")  # fmt: skip
    path, chat = written(tmp_path, source), Scripted()
    ask(program(path, chat, options={"greeting": "good day"}))
    assert "good day" in prompts(chat)[1]
    assert program(path).identity != program(path, options={"greeting": "good day"}).identity


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise KeyError('draft')", r"^the program raised careful\.py:13: KeyError: 'draft'$"),
        ("raise SystemExit(2)", r"^the program raised careful\.py:13: SystemExit: 2$"),
        ("raise StopIteration", r"careful\.py:13: RuntimeError: StopIteration$"),
        ("next(iter([]))", r"careful\.py:13: RuntimeError: StopIteration$"),
        ("raise GeneratorExit", r"careful\.py:13: RuntimeError: GeneratorExit$"),
        ("raise KeyboardInterrupt", r"careful\.py:13: RuntimeError: KeyboardInterrupt$"),
        ("import asyncio; raise asyncio.CancelledError", r"careful\.py:13: RuntimeError: Canc"),
        ("return None", "^the program returned no field `answer`"),
        ("return dspy.Prediction(answer=7)", "^the program returned a int as answer"),
    ],
)
def test_a_program_that_raises_is_this_cases_error_in_one_line(tmp_path, line, words):
    source = CAREFUL.replace("        draft = self", f"        {line}\n        draft = self")
    answer = ask(program(written(tmp_path, source)))
    assert answer.lasting
    assert answer.text == ""
    with pytest.raises(ValueError, match=words):
        raise ValueError(answer.error)


@pytest.mark.parametrize("source", [CAREFUL, AWAITED], ids=["called", "awaited"])
def test_an_answer_that_rests_on_a_failed_call_is_none(tmp_path, source):
    """Also of a program that catches the failure and goes on."""
    caught = source.replace(" draft = ", " try:\n            draft = ").replace(
        "        return", "        except Exception:\n            draft = ''\n        return"
    )
    down = Answer("", error="not asked: --max-calls 1 reached")
    chat = Scripted(reply=lambda _: down if len(chat.heard) == 1 else fields(answer="Nevada"))
    answer = ask(program(written(tmp_path, caught), chat))
    assert (answer.text, answer.error) == ("", down.error)


def test_a_server_that_is_gone_ends_more_than_a_case(tmp_path):
    def gone(_):
        raise UserError("model m: no server at http://127.0.0.1:9")

    with pytest.raises(UserError, match="no server"):
        ask(program(written(tmp_path), Scripted(reply=gone)))


@pytest.mark.parametrize("name", ["rag", "careful"])
def test_a_prompt_that_does_not_fit_loses_its_last_passages(tmp_path, name):
    path = written(tmp_path) if name == "careful" else name
    case = contract_case(" ".join(f"{n}. Clause {n} is here." for n in range(400)))
    chat = Scripted(context=600, reply=lambda _: fields(reasoning="r", answer="Clause 1"))
    answer = ask(program(path, chat), case, cut(case, 200))
    assert answer.text == "Clause 1"
    assert 1 < len(answer.passages) < len(cut(case, 200))
    shown = "".join(passage.text for passage in answer.passages)
    assert case.contract.text.startswith(shown), "the best first, and the last cut"
    assert all(chat.count(prompt) <= 600 for prompt in prompts(chat))
    assert max(chat.count(prompt) for prompt in prompts(chat)) > 450, "no more is lost than must be"


def test_one_huge_contract_is_cut_and_rules_that_do_not_fit_are_said():
    case = contract_case("word " * 50_000)
    whole = cut(case, 10**6)
    assert len(whole) == 1
    answer = ask(program("rag", Scripted(context=1000)), case, whole)
    assert answer.error is None
    assert 0 < answer.passages[0].end < 5000
    answer = ask(program("rag", Scripted(context=60)), case, whole)
    assert answer.error is not None
    assert answer.error.startswith("its prompt has ")
    assert answer.error.endswith(" tokens, 60 fit")


def test_a_closed_book_program_is_shown_nothing():
    chat = Scripted()
    answer = ask(program("instruct", chat, passages=False))
    assert answer.passages == ()
    assert TEXT[:20] not in prompts(chat)[0]


def test_modules_that_try_a_prompt_several_times_draw_anew_each_time(tmp_path):
    source = """
import dspy


class Best(dspy.Module):
    def __init__(self):
        def reward(arguments, prediction):
            return float(prediction.answer == "third")

        self.best = dspy.BestOfN(dspy.Predict("question -> answer"), 5, reward, 1.0)

    def forward(self, question):
        return self.best(question=question)
"""
    said = iter(["first", "second", "third", "fourth"])
    chat = Scripted(reply=lambda _: fields(answer=next(said)))
    assert ask(program(written(tmp_path, source), chat)).text == "third"
    drawn = [(decoding.temperature, decoding.seed) for decoding, _ in chat.heard]
    assert drawn == [(1.0, 0), (1.0, 1), (1.0, 2)]


def test_a_call_where_it_has_to_be_awaited_is_said(tmp_path):
    source = AWAITED.replace("(await self.draft.acall(", "(self.draft(")
    answer = ask(program(written(tmp_path, source)))
    assert "await MODULE.acall" in answer.error


def compiled(folder, source=CAREFUL, change=lambda state: None):
    """What an optimiser saves of a user's program, with one demonstration."""
    model = program(written(folder, source))
    module = model.program.module
    module.draft.demos = [{"question": "When?", "passages": ["In May."], "answer": "In May"}]
    module.save(folder / "compiled.json")
    module.draft.demos = []
    state = json.loads((folder / "compiled.json").read_text())
    change(state)
    (folder / "compiled.json").write_text(json.dumps(state))
    return folder / "compiled.json"


def test_a_compiled_program_shows_its_demonstrations(tmp_path):
    path, chat = compiled(tmp_path), Scripted()
    ask(program(tmp_path / "careful.py", chat, compiled=path))
    first, second = prompts(chat)
    assert "In May." in first
    assert "In May." not in second


def other_version(state):
    state["metadata"]["dependency_versions"]["dspy"] = "2.6.0"


def other_signature(state):
    state["check"]["signature"]["fields"].pop()


def other_program(state):
    state["other"] = state.pop("check")


def own_model(state):
    state["check"]["lm"] = {"model": "openai/gpt-4o", "cache": False, "num_retries": 0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_version, r"saved by dspy 2\.6\.0, and this is dspy 3.*compile it again"),
        (lambda state: state.pop("metadata"), r"is not what program\.save"),
        (lambda state: state["metadata"]["dependency_versions"].clear(), "of no known version"),
        (
            other_signature,
            r"compiled for another signature of check \(now passages, question",
        ),
        (
            other_program,
            "another program: it is of draft, metadata, other, and the program has check, draft",
        ),
        (own_model, "language model of its own"),
        (lambda state: state["draft"].pop("demos"), "draft: demos: field required"),
        (lambda state: state["draft"].update(demos=["x"]), r"draft: demos\.0: input should be a"),
        (lambda state: state["draft"].update(signature=7), "draft: signature: "),
        (lambda state: state.update(draft=[]), "draft: input should be a dictionary"),
    ],
)
def test_what_is_wrong_with_a_compiled_program_is_one_line(tmp_path, change, words):
    path = compiled(tmp_path, change=change)
    model = program(tmp_path / "careful.py", compiled=path)
    with pytest.raises(UserError, match=f"^model candidate: .*{words}") as caught:
        _ = model.identity
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', "\ud800".encode("utf-8", "replace")])
def test_what_is_no_compiled_program_is_said(tmp_path, text):
    path = tmp_path / "compiled.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"compiled\.json"):
        _ = program(written(tmp_path), compiled=path).identity


def test_identity_is_of_all_that_moves_an_answer(tmp_path, monkeypatch):
    import dspy

    path = compiled(tmp_path)
    file = tmp_path / "careful.py"

    def reworded(state):
        state["draft"]["signature"]["instructions"] = "Answer in French."

    other = tmp_path / "other"
    other.mkdir()
    base = program(file)
    different = [
        program(file, compiled=path),
        program(file, compiled=compiled(other, change=reworded)),
        program(file, most_passages=1),
        program(file, passages=False),
        program(file, Scripted(identity="another generator")),
        program(file, Scripted(context=100)),
        program(written(tmp_path, CAREFUL + "\n# changed", "second.py")),
        program("rag"),
        program("instruct"),
    ]
    assert len({model.identity for model in [base, *different]}) == len(different) + 1
    moved = Path(tmp_path / "elsewhere.py")
    moved.write_text(CAREFUL)
    assert program(moved, name="renamed").identity == base.identity, "neither name nor place"
    monkeypatch.setattr(dspy, "__version__", "9.9.9")
    assert program(file).identity != base.identity


@pytest.mark.parametrize(
    "line",
    ["import aiding", "from aiding import deep", "import aiding.deep as d", "from aiding import *",
     "def late():\n    from aiding.deep import WORDS"],
)  # fmt: skip
def test_what_it_imports_of_a_users_own_is_part_of_the_key(tmp_path, monkeypatch, line):
    """Also what that imports; neither Python's own nor installed nor this project's modules."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "aiding"
    package.mkdir()
    (package / "__init__.py").write_text("from . import deep\nimport json, dspy, common.paths\n")
    (package / "deep.py").write_text("WORDS = 'a'\n")
    file = written(tmp_path, CAREFUL + f"\n{line}\n")
    first = program(file).identity
    assert program(file).identity == first
    assert set(imported_digests(file.read_bytes(), file)) == {"aiding", "aiding.deep"}
    (package / "deep.py").write_text("WORDS = 'b'\n")
    assert program(file).identity != first
    for name in ("aiding", "aiding.deep"):
        sys.modules.pop(name, None)


def test_what_was_drawn_is_another_answer_and_shares_the_program(tmp_path):
    model = program(written(tmp_path))
    drawn = model.drawn(0.7, 3)
    assert drawn is not None
    assert drawn.identity != model.identity
    assert drawn.program is model.program
