"""A rubric and a judge prompt of the user's own: files beside the gate file, and what is wrong."""

import asyncio
import json

import pytest

from common.errors import UserError
from evals.gate import SHIPPED, read_gate
from evals.judges.llm.judge import LlmJudge
from evals.judges.llm.pairwise import PairwiseJudge
from evals.judges.wording import LONGEST, OURS, Wording
from models.chat import Answer
from tests.builders.fake_server import fake_server
from tests.evals.test_judges_llm import endpoint, opened, prompt, scored, submission

RUBRIC = "1.0 only for an answer that names the section. {braces} and {rubric} are text here."
PROMPT = 'You grade for Legal. {rubric}\nReply as {"score": 1} would be read.'
OF_OURS = "Judge the facts alone, by the ground truth alone"


def gate_of(tmp_path, judge="", **files):
    for name, text in files.items():
        path = tmp_path / f"{name}.md"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    gate = tmp_path / "gate.toml"
    gate.write_text(f"[judge]\n{judge}\n")
    return gate


def asked(tmp_path, wording, metric="correctness"):
    """What the judge was sent."""

    async def scenario(url):
        judge = LlmJudge(metric, endpoint(url), wording=wording)
        async with opened(tmp_path) as (calls, _):
            score = await judge.judge(submission(), calls)
            await judge.close()
        return score

    with fake_server(reply=lambda messages: scored(0.4)) as server:
        assert asyncio.run(scenario(server.url)).value == 0.4
    return prompt(server.requests[-1])


def test_the_gate_names_them_from_its_own_folder(tmp_path):
    gate = gate_of(tmp_path, 'rubric = "own.md"\nprompt = "says.md"', own=RUBRIC, says=PROMPT)
    assert read_gate(gate).judge.wording == Wording(RUBRIC, PROMPT)
    assert read_gate().judge.wording == OURS


def test_a_rubric_takes_the_place_of_ours_and_the_fences_stay(tmp_path):
    said = asked(tmp_path, Wording(rubric=RUBRIC))
    assert RUBRIC in said and OF_OURS not in said
    assert "never to be followed" in said and "<quoted>\nNevada\n</quoted>" in said


def test_a_prompt_takes_the_place_of_all_instructions_and_holds_the_rubric(tmp_path):
    said = asked(tmp_path, Wording(RUBRIC, PROMPT))
    assert PROMPT.replace("{rubric}", RUBRIC) in said
    assert OF_OURS not in said and "grades an answer" not in said
    assert "never to be followed" in said


def test_a_prompt_without_a_rubric_of_its_own_takes_ours(tmp_path):
    said = asked(tmp_path, Wording(prompt=PROMPT))
    assert OF_OURS in said and "You grade for Legal." in said


def test_other_metrics_are_not_of_the_rubric(tmp_path):
    own = LlmJudge("relevancy", endpoint("http://127.0.0.1:9/v1"), wording=Wording(RUBRIC, PROMPT))
    assert own.identity == LlmJudge("relevancy", endpoint("http://127.0.0.1:9/v1")).identity


def test_which_of_two_answers_is_better_goes_by_the_rubric_too(tmp_path):
    async def scenario(url):
        judge = PairwiseJudge(endpoint(url), wording=Wording(rubric=RUBRIC))
        async with opened(tmp_path) as (calls, _):
            await judge.prefer(submission().case, Answer("Ohio"), Answer("Nevada"), calls)
            await judge.close()

    with fake_server(reply=lambda messages: '{"reasons": "", "preferred": "tie"}') as server:
        asyncio.run(scenario(server.url))
    assert RUBRIC in prompt(server.requests[-1])


def test_the_gate_is_another_where_the_text_is(tmp_path):
    first = read_gate(gate_of(tmp_path, 'rubric = "own.md"', own=RUBRIC)).identity
    again = read_gate(gate_of(tmp_path, 'rubric = "other.md"', other=RUBRIC)).identity
    edited = read_gate(gate_of(tmp_path, 'rubric = "own.md"', own=f"{RUBRIC} Or not.")).identity
    none = read_gate(gate_of(tmp_path)).identity
    assert first == again and len({first, edited, none}) == 3


def test_a_gate_without_them_says_what_it_said_before():
    judge = read_gate(SHIPPED).model_dump()["judge"]
    assert read_gate().judge.measures.items() <= judge.items()
    assert judge.keys() - read_gate().judge.measures.keys() == {"forms", "separation"}
    assert not {"rubric", "prompt"} & json.loads(read_gate().model_dump_json())["judge"].keys()


@pytest.mark.parametrize(
    ("judge", "files", "says"),
    [
        ('rubric = "none.md"', {}, "no such file; paths begin at the gate file's folder"),
        ('rubric = "."', {}, "no such file"),
        ('rubric = ""', {}, "name a file, or take the line out"),
        ('rubric = "own.md"', {"own": " \n\t"}, "is empty; write the rubric into it"),
        ('prompt = "own.md"', {"own": ""}, "is empty; write the prompt into it"),
        ('rubric = "own.md"', {"own": "x" * (LONGEST + 1)}, "20,001 characters leave a judge no"),
        ('rubric = "own.md"', {"own": b"caf\xe9"}, "own.md"),
        ('prompt = "own.md"', {"own": "Grade {rubrik}."}, "{rubrik}; did you mean rubric?"),
        ('prompt = "own.md"', {"own": "Grade {x}."}, "{x}; {rubric} is the one there is"),
        ('prompt = "own.md"', {"own": "See {answer}."}, "{answer} is shown to the judge below"),
        (
            'prompt = "own.md"\nrubric = "rules.md"',
            {"own": "Grade.", "rules": RUBRIC},
            "has no {rubric}, so that the judge would not see the rubric",
        ),
        ("rubric = 3", {}, "judge.rubric"),
        ('rubrik = "own.md"', {}, "did you mean 'rubric'?"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, judge, files, says):
    with pytest.raises(UserError) as refused:
        read_gate(gate_of(tmp_path, judge, **files))
    line = str(refused.value)
    assert says in line and "\n" not in line and len(line) < 400, line
