"""Commands: found by walking, run as typed, and through one parser, one runner and one hint."""

import ast
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.command import Parser, choice, one_line, run
from common.errors import UserError
from common.settings import nearest
from tests.seams import ROOT, commands, users

HEAVY = {
    *("torch", "transformers", "trl", "peft", "datasets", "chromadb", "openai", "dspy", "deepeval"),
    *("ragas", "boto3", "sqlalchemy", "pandas", "scipy", "sklearn", "statsmodels", "numpy"),
}

CONTAINER = "training.sagemaker.container"
"""Is started by SageMaker with the standard library alone."""


def test_the_walk_finds_the_commands():
    found = commands()
    assert {"bench", "reports.history", "training.sft", "models.promote", CONTAINER} < set(found)
    assert len(found) == len(set(found)) > 25


def test_every_command_helps_without_heavy_imports():
    def helped(name):
        words = [sys.executable, "-X", "importtime", "-m", name, "--help"]
        return name, subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as pool:
        every = list(pool.map(helped, commands()))
    assert [name for name, done in every if done.returncode or not done.stdout] == []
    imported = {
        name: HEAVY & set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
        for name, done in every
    }
    assert {name: heavy for name, heavy in imported.items() if heavy} == {}


def test_every_command_goes_through_the_one_parser_and_runner():
    assert users("argparse.ArgumentParser") <= {"common/command.py"}
    doors = {f"{name.replace('.', '/')}.py" for name in commands()}
    doors = {each if (ROOT / each).is_file() else f"{each[:-3]}/__main__.py" for each in doors}
    through = users(
        "common.command.run",
        "common.command",
        "training.command.run_command",
    )
    assert doors - through == {f"{CONTAINER.replace('.', '/')}.py"}


def test_makers_of_data_see_what_argparse_made_only_where_they_read_it():
    """Every stage after that is given frozen options, whose types mypy checks."""
    makers = ("training/data/", "training/synthesize/", "training/preferences/")
    makers += ("training/sagemaker/", "training/command.py", "models/promote.py")
    seen = {each for each in users("argparse.Namespace") if each.startswith(makers)}
    assert seen == {"training/data/options.py", "training/preferences/options.py"}


def test_every_hint_is_given_by_one_function():
    assert users("difflib.get_close_matches") == {"common/settings.py"}


def test_no_command_is_imported_by_what_it_imports():
    """Else its classes exist twice when it is run: as `__main__`'s and as its own."""
    for name in commands():
        door = name if (ROOT / f"{name.replace('.', '/')}.py").is_file() else f"{name}.__main__"
        assert door not in reached(door), name


def reached(name):
    """The product's modules that a module imports, at whatever depth, in functions too."""
    found, open_ = set(), [name]
    while open_:
        for each in imports(open_.pop()):
            if each not in found:
                found.add(each)
                open_.append(each)
    return found


@cache
def imports(name):
    return tuple(_imports(name))


def _imports(name):
    path = ROOT / f"{name.replace('.', '/')}.py"
    if not path.is_file():
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# The parser and the runner


def parser():
    made = Parser(prog="python -m some.thing")
    made.add_argument("name", nargs="?")
    made.add_argument("--number", type=int, default=1)
    made.add_argument("--mode", type=choice("fast", "slow"))
    made.add_argument("--flag", action="store_true")
    return made


def test_what_was_typed_reaches_the_work():
    seen = []
    assert (
        run(parser().parse_args, lambda options: seen.append(options) or 3, ["x", "--number", "5"])
        == 3
    )
    assert (seen[0].name, seen[0].number) == ("x", 5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nubmer", "3"], "did you mean --number?"),
        (["--number", "three"], "--number: invalid int value: 'three'"),
        (["--mode", "fsat"], "did you mean fast?"),
        (["--number"], "--number: expected one argument"),
        (["a", "b"], "unrecognized arguments: b"),
        (["--zzz=1"], "unrecognized arguments: --zzz; known are --flag"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest(words, said, capsys):
    assert run(parser().parse_args, lambda options: 0, words) == 4
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert "some.thing --help" in captured.err


@settings(max_examples=250)
@given(st.lists(st.text(max_size=12), max_size=5))
def test_no_words_end_in_anything_but_an_exit_code(words):
    """Whatever is typed runs, asks for help, or is one printable line and exit 4."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    err = StringIO()
    with redirect_stderr(err), redirect_stdout(StringIO()):
        try:
            code = run(parser().parse_args, lambda options: 0, words)
        except SystemExit as leaving:
            assert leaving.code == 0 and any(word.startswith("-") for word in words)
            return
    assert code in (0, 4)
    lines = err.getvalue().splitlines()
    assert len(lines) == (code == 4)
    assert all(line.startswith("ERROR: ") and line.isprintable() for line in lines)


@settings(max_examples=250)
@given(st.text())
def test_an_error_is_one_line_that_a_terminal_does_not_obey(text):
    line = one_line(UserError(text))
    assert line.isprintable() or line == ""


def test_what_the_reader_refuses_is_one_line_and_nothing_is_done(capsys):
    def read(typed):
        raise UserError(f"{len(typed)} words; give none")

    assert run(read, lambda options: pytest.fail("it was done"), ["a", "b"]) == 4
    assert capsys.readouterr().err == "ERROR: 2 words; give none\n"


def test_interruption_has_a_line_and_a_code(capsys):
    def stopped(options):
        raise KeyboardInterrupt

    assert run(parser().parse_args, stopped, [], stopped="type it again") == 2
    assert capsys.readouterr().err == "type it again\n"


def test_a_reader_that_goes_away_is_no_fault():
    code = (
        "import sys; from common.command import Parser, run;"
        "sys.exit(run(Parser().parse_args, lambda o: print('x' * 1000000), []))"
    )
    line = [sys.executable, "-c", code]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 0


def test_what_a_terminal_cannot_show_is_escaped():
    code = (
        "import sys; from common.command import Parser, run;"
        "sys.exit(run(Parser().parse_args, lambda o: print('\\ud800 − é'), []))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False,
        env={"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"\\ud800 \\u2212 \\xe9\n"


# Names that nobody knows


@settings(max_examples=250)
@given(st.lists(st.text("abc-_XYZ09", min_size=1, max_size=9), max_size=20), st.text(max_size=9))
def test_a_hint_names_what_there_is(known, name):
    hint = nearest(name, known)
    if hint.startswith("did you mean "):
        assert hint.removeprefix("did you mean ").removesuffix("?") in known
    else:
        assert hint.startswith("known are ")
        assert nearest(name, known, otherwise="look") == "look"


@pytest.mark.parametrize("typed", ["GPT-4o", "gpt_4o", "gpt4o", "gpt-4", "gtp-4o"])
def test_letter_case_and_signs_do_not_hide_a_name(typed):
    assert nearest(typed, ["llama-3", "gpt-4o", "reference"]) == "did you mean gpt-4o?"
