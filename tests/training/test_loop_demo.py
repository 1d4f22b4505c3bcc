"""`python -m training.loop demo`: its contracts, its policies, its log and its figures."""

import json
import tomllib

import pytest

from common.errors import UserError
from fixtures.agreements import agreement_type
from fixtures.served import read_served
from tests.conftest import ROOT
from training.dpo import METHOD as DPO
from training.loop.demo.acts import Played, acts_of
from training.loop.demo.figures import BEGIN, END, notebook, write_page
from training.loop.demo.material import NEW, divide
from training.loop.demo.place import Place, loop_files
from training.loop.demo.serving import DAY, serve
from training.loop.demo.sizes import SMALL, WHOLE
from training.loop.policy import read_policy
from training.loop.steps import steps_of
from training.sft import METHOD as SFT
from training.trainer.arguments import check_arguments
from training.trainer.recipe import read_recipe

METHODS = {"training.sft": SFT, "training.dpo": DPO}
TITLES = [f"Firm {n} - {kind} Agreement" for n in range(60) for kind in ("Supply", "Franchise")]


def test_every_contract_has_one_part_and_the_first_half_no_new_kind():
    found = divide(TITLES, WHOLE)
    parts = (found.half, found.waiting, found.arriving, found.old, found.new)
    titles = [title for part in parts for title in part]
    assert sorted(titles) == sorted(TITLES) and len(set(titles)) == len(titles)
    for part, new in zip(parts, (False, False, True, False, True), strict=True):
        assert part and all((agreement_type(title) in NEW) == new for title in part)
    assert divide(TITLES[::-1], WHOLE) == found
    with pytest.raises(UserError, match="40 of each are needed: name CUAD's folder"):
        divide(TITLES[:20], SMALL)


@pytest.mark.parametrize("sizes", [WHOLE, SMALL])
def test_its_policies_are_policies(tmp_path, sizes):
    steps = {}
    for name, text in loop_files(sizes).items():
        (tmp_path / name).write_text(text)
        policy = read_policy(tmp_path / name)
        steps[name] = [each.name for each in steps_of(policy, 1, people=False)]
    assert steps["first.toml"] == steps["poisoned.toml"] == ["data", "sft", "examine", "promote"]
    assert steps["loop.toml"] == [
        "synthesize", "data", "sft", "preferences", "align", "examine", "promote",
    ]  # fmt: skip
    poisoned = tomllib.loads((tmp_path / "poisoned.toml").read_text())
    assert "--shuffle-answers" in poisoned["data"]["arguments"]


def test_every_training_is_one_that_its_trainer_takes(tmp_path):
    lines = [each.words for each in acts_of(Place(tmp_path, WHOLE)) if each.module in METHODS]
    modules = [each.module for each in acts_of(Place(tmp_path, WHOLE)) if each.module in METHODS]
    for name, text in loop_files(WHOLE).items():
        (tmp_path / name).write_text(text)
        policy = read_policy(tmp_path / name)
        for step in steps_of(policy, 2, people=False, champion="demo-r1"):
            if step.kind == "training":
                lines.append(step.arguments)
                modules.append(step.module)
    assert len(lines) == 6
    for module, (recipe, *words) in zip(modules, lines, strict=True):
        settings = [word for at, word in enumerate(words) if at and words[at - 1] == "--set"]
        check_arguments(METHODS[module], read_recipe(ROOT / recipe, settings))


def test_answers_of_an_exam_become_a_log_of_days(tmp_path):
    cases = [
        {"contract": f"c{n}", "identity": f"{n:064}", "question": "Q?", "category": "Fees"}
        for n in range(20)
    ]
    results = [
        {"case": n, "model": "m", "answer": "yes", "error": None, "passages": [0],
         "latency": 0.5, "tokens_in": 9, "tokens_out": 2}
        for n in range(20)
    ]  # fmt: skip
    report = tmp_path / "report.json"
    passages = [{"text": "Fees are due."}]
    report.write_text(json.dumps({"cases": cases, "results": results, "passages": passages}))
    folder = tmp_path / "served"
    assert serve(report, folder, 1_790_000_000 // DAY * DAY, range(7, 0, -1)) == 20
    rows = list(read_served([folder], tmp_path / "kept", now=1_790_000_000.0))
    assert {row.contract for row in rows} == {f"c{n}" for n in range(20)}
    assert {row.passages for row in rows} == {("Fees are due.",)}
    files = sorted(path.name for path in folder.glob("*.jsonl"))
    assert 3 < len(files) <= 7 and files[-1] <= "2026-09-20.jsonl"


def test_figures_stand_between_the_markers_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(page, "| new |")
    assert page.read_text() == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    page.write_text("no markers\n")
    with pytest.raises(UserError, match="add them where the figures belong"):
        write_page(page, "x")
    assert (ROOT / "docs" / "loop.md").read_text().count(BEGIN) == 1


def test_the_notebook_types_the_acts_and_shows_what_they_printed(tmp_path):
    place = Place(tmp_path, WHOLE)
    acts = list(acts_of(place))
    printed = (f"said in {place.clone}/models",)
    played = [Played(each.name, each.about, each.line, 0, 1.0, printed) for each in acts]
    cells = json.loads(notebook(place, played))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in code] == [[f"!{each.line}"] for each in acts]
    assert all(cell["outputs"][0]["text"] == ["said in models\n"] for cell in code)


def test_the_shipped_notebook_types_what_the_demonstration_does(tmp_path):
    cells = json.loads((ROOT / "docs" / "loop.ipynb").read_text())["cells"]
    typed = ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]
    known = [
        [f"!{each.line}" for each in acts_of(Place(tmp_path, sizes))] for sizes in (WHOLE, SMALL)
    ]
    assert any([line for line in lines if line in typed] == typed for lines in known)
