"""The README says what is there, and each of its commands is run by CI or says why not."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tree_names_every_module_and_no_other():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named, folder = set(), ""
    for line in re.search(r"```tree\n(.*?)```", page, re.DOTALL)[1].splitlines():
        if line.startswith(" "):
            named.update(f"{folder}{name}.py" for name in line.split())
        else:
            folder = line.split()[0]
    rooms = ("common", "fixtures", "models", "evals", "reports", "training")
    present = {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py" and not path.name.startswith("test_")
    }
    assert present == named


CI = (ROOT / ".ci" / "newcomer").read_text(encoding="utf-8")
TYPED = set(re.findall(r"^typed \d '([^']+)'$", CI, re.MULTILINE))

STANDS_FOR = {  # names that the README leaves to the reader, and rows of a size that takes hours
    "pytest evals --model dpo-x": "make eval",
    "pytest evals --model dpo-x --baseline champion": "pytest evals --model extractive --baseline "
    "champion",
    "python -m models.promote dpo-x": "python -m models.promote extractive",
    "python -m reports.compare RUN_A RUN_B --html": "python -m reports.compare dpo-smollm2~1 "
    "extractive --html",
    "python -m reports.comment --pr": "python -m reports.comment --dry-run",
    "python -m models.approve dpo-x --by NAME": 'python -m models.approve better --by "A. Person" '
    "--registry world/models/registry --runs world/runs",
    "python -m models.evidence dpo-x": "python -m models.evidence better --registry "
    "world/models/registry --runs world/runs --out pack.zip",
    "python -m training.loop run loop.toml": "python -m training.loop run loop.toml --dry-run",
    "python -m fixtures.contracts add lease.pdf nda.docx": "python -m fixtures.contracts add "
    "7-oak-street.txt --questions two.toml",
    "python -m evals.store purge --contract TITLE --dataset contracts.json": "python -m evals.store"
    " purge --contract 7-oak-street --dataset contracts.json --yes",
    "python -m training.data --dataset cuad --most-passages 1 --n 6000 --unanswerable 0.25 "
    "--further 4": "python -m training.data --most-passages 1 --n 60 --unanswerable 0.25 "
    "--further 1",
    "python -m training.sft training/recipes/sft-smollm2.yaml --set name=mine": "python -m "
    "training.sft training/recipes/sft-smollm2.yaml --set name=mine --try",
    "python -m training.preferences --model mine --n 1 --cases 160 --opposites 2600": "python -m "
    "training.preferences --model sft-smollm2 --judge metrics --n 1 --cases 4 --opposites 20",
    "python -m training.dpo training/recipes/dpo-smollm2.yaml --set adapter=mine --set "
    "name=mine-dpo": "python -m training.dpo training/recipes/dpo-smollm2.yaml --set name=mine-dpo "
    "--try",
}

NEEDS_A_NETWORK = {
    "python -m fixtures.download cuad",
    "python -m training.optimize training/recipes/rag-bootstrap.toml",
    "pytest evals --dataset cuad --model extractive",
    "pytest evals --dataset cuad --limit 400 --balanced --model mine-dpo --baseline champion",
}

RUN_BEFORE = {"make test"}  # by .ci/run itself

SERVERS = {  # test_review_command.py and test_serve.py start them as they are typed
    "python -m models.serve --shadow dpo-x",
    "python -m reports.review latest",
    "python -m reports.review --gold contracts.json",
}


def commands():
    lines = re.findall(r"^    ((?:make|pytest|python -m) [^#\n]*)", README, re.MULTILINE)
    return [" ".join(line.split()) for line in lines]


def test_every_command_is_run_as_a_newcomer_types_it_or_says_why_not():
    found = commands()
    assert len(found) >= 15
    run = TYPED | NEEDS_A_NETWORK | RUN_BEFORE | SERVERS
    assert [line for line in found if STANDS_FOR.get(line, line) not in run] == []


def test_what_is_excused_stands_in_the_readme():
    assert {*STANDS_FOR, *NEEDS_A_NETWORK, *RUN_BEFORE, *SERVERS} <= set(commands())
