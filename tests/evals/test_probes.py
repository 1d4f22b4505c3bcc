"""General questions: each shipped probe knows right from wrong, and its checks forgive manners."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.language.quantities import numbers, spoken
from evals.probes.lm_eval import TaskScore, run_tasks
from evals.probes.probe import (
    SHIPPED,
    AnyOf,
    Exact,
    Json,
    Number,
    Pattern,
    Probe,
    is_right,
    read_probes,
)

PROBES = read_probes()
EACH = pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.id)

DENIALS = (
    "Not found.",
    "",
    "   \n",
    "I don't know.",
    "The contract does not say.",
    "N/A",
    "**Not specified** in the provided passages.",
    "I'm sorry, I cannot answer that.",
)


def asked(check, question="Q?"):
    return Probe("p", "knowledge", question, check, "")


def number(value):
    return asked(Number("number", value))


def any_of(*words, **more):
    return asked(AnyOf("any_of", words, **more))


def exact(text, cased=False):
    return asked(Exact("exact", text, cased))


# What is shipped


def test_there_are_enough_of_each_kind():
    kinds = Counter(probe.kind for probe in PROBES)
    assert set(kinds) == {"arithmetic", "knowledge", "instruction"}
    assert len(PROBES) >= 96 and min(kinds.values()) >= len(PROBES) / 3 - 2
    assert {type(probe.check) for probe in PROBES} == {Number, AnyOf, Exact, Pattern, Json}
    assert len({probe.question for probe in PROBES}) == len(PROBES)


@EACH
def test_its_example_is_right(probe):
    assert is_right(probe, probe.example)
    assert is_right(probe, f"  **{probe.example}**\n")


@EACH
def test_a_denial_is_wrong(probe):
    assert [text for text in DENIALS if is_right(probe, text)] == []


@EACH
def test_answers_to_other_kinds_are_wrong(probe):
    others = [other for other in PROBES if other.kind != probe.kind]
    passing = [other.id for other in others if is_right(probe, other.example)]
    # A few share their answer: seven days, 10 - 3.
    assert len(passing) <= 3, passing


@EACH
def test_the_question_itself_is_wrong(probe):
    """A model that repeats what it was asked has not answered."""
    echoes = {"Read this sentence", "Write one sentence with the word tree"}
    if not probe.question.startswith(tuple(echoes)):
        assert not is_right(probe, probe.question)


def test_no_number_is_given_away_by_its_question():
    for probe in PROBES:
        if isinstance(probe.check, Number):
            text = probe.question.lower()
            given_away = {value for _, value in [*numbers(text), *spoken(text)]}
            assert str(probe.check.value) not in given_away, probe.id


def test_long_replies_are_read_and_raise_nothing():
    for text in ("banana" * 16_000, "{" * 100_000, "word " * 20_000):
        for probe in PROBES[::9]:
            assert is_right(probe, text) in (True, False)


def test_numbers_are_compared_by_value():
    assert is_right(number(1000), "That is 1,000 in all.")
    assert is_right(number(2.5), "2.50")
    assert is_right(number(40), "40%")


@pytest.mark.parametrize(
    "text", ["Paris", "PARIS!", "The capital is *Paris*.", "It's “Paris”, of course."]
)
def test_any_of_finds_whole_words(text):
    assert is_right(any_of("Paris"), text)


def test_any_of_wants_whole_words_and_no_others():
    assert not is_right(any_of("Paris"), "Parisian")
    assert not is_right(any_of("New York"), "New Haven and York")
    assert is_right(any_of("New York"), "It is New York.")
    assert not is_right(any_of("yes", without=("no",)), "Yes and no.")
    assert is_right(any_of("yes", without=("no",)), "Yes, I know.")
    assert is_right(any_of("no", without=("yes",)), "No.")


def test_any_of_counts_words():
    assert is_right(any_of("cold", most=3), "It is cold.")
    assert not is_right(any_of("cold", most=3), "The opposite is cold.")


@pytest.mark.parametrize(
    "text",
    [
        "YES",
        "yes.",
        '"YES"',
        "**YES**",
        "Sure! YES",
        "Certainly.\n\nYES",
        "Here is the word: YES",
        "Sure, here is the word you asked for:\n\nYES",
        "The word is YES.",
        "`YES`",
    ],
)
def test_exact_forgives_manners(text):
    assert is_right(exact("YES"), text)


@pytest.mark.parametrize("text", ["YES YES", "Yes, I can do that", "I said YES", "No", "Y E S"])
def test_exact_forgives_nothing_else(text):
    assert not is_right(exact("YES"), text)


def test_exact_may_look_at_the_case():
    assert is_right(exact("CONTRACT", cased=True), "The word in upper case is **CONTRACT**.")
    assert not is_right(exact("CONTRACT", cased=True), "Contract")


def test_pattern_is_of_the_whole_reply():
    thrice = asked(Pattern("pattern", re.compile(r"(?i)(?:banana\W*){3}")))
    assert is_right(thrice, "Banana, banana, banana!")
    assert is_right(thrice, "Here you go: banana banana banana")
    assert not is_right(thrice, "banana banana")
    assert not is_right(thrice, "banana banana banana banana")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"name": "Ann", "age": 30}', True),
        ('```json\n{"age": "thirty",\n "name": null}\n```', True),
        ('Sure! Here it is: {"name": "Ann", "age": 30}. Enjoy!', True),
        ('{"name": "Ann"}', False),
        ('{"name": "Ann", "age": 30, "city": "Rome"}', False),
        ("{'name': 'Ann', 'age': 30}", False),
        ('["name", "age"]', False),
        ("name: Ann, age: 30", False),
        ('{"name": "Ann", "age": ', False),
        ("}{", False),
        ('{"a":' * 50_000 + "}" * 50_000, False),
    ],
)
def test_json_has_the_keys(text, right):
    assert is_right(asked(Json("json", ("name", "age"))), text) is right


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_reply_is_right_or_wrong(text):
    for probe in PROBES[::7]:
        assert is_right(probe, text) in (True, False)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_number_and_no_other_is_right(value, other):
    for text in (f"{value}", f"The answer is {value:,}.", f"{other} and {value}", f"# {value}!"):
        assert is_right(number(value), text)
    assert is_right(number(value), f"It is {other}.") == (value == other)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["Rome", "blue", "New York"]), st.text(" .,!*_\"'\n", max_size=6))
def test_marks_around_a_word_do_not_matter(word, marks):
    assert is_right(any_of(word), f"{marks}{word}{marks}")
    assert is_right(exact(word), f"{marks}{word.upper()}{marks}")


# The file


def lines(tmp_path, *rows):
    path = tmp_path / "probes.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


GOOD = json.loads(SHIPPED.read_text(encoding="utf-8").splitlines()[0])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", ["line 2"]),
        ("[]", ["line 2"]),
        ({**GOOD, "id": "b", "kind": "poetry"}, ["line 2", "kind"]),
        ({**GOOD, "id": "b", "hint": "x"}, ["line 2", "hint"]),
        ({**GOOD, "id": "b", "check": {"form": "guess"}}, ["line 2", "check"]),
        ({**GOOD, "id": "b", "check": {"form": "number"}}, ["line 2", "value"]),
        ({**GOOD, "id": "b", "check": {"form": "pattern", "pattern": "("}}, ["line 2", "pattern"]),
        ({**GOOD, "id": "b", "check": {"form": "any_of", "words": []}}, ["line 2", "words"]),
        ({**GOOD, "id": "b", "example": "No idea."}, ["line 2", "example"]),
        (GOOD, [GOOD["id"], "twice"]),
    ],
)
def test_what_is_no_probe_is_one_line(tmp_path, row, words):
    path = lines(tmp_path, GOOD, row)
    with pytest.raises(UserError) as caught:
        read_probes(path)
    assert "\n" not in str(caught.value)
    for word in (*words, str(path)):
        assert word in str(caught.value)


def test_blank_lines_are_skipped_and_no_probes_are_a_mistake(tmp_path):
    assert [probe.id for probe in read_probes(lines(tmp_path, "", GOOD, ""))] == [GOOD["id"]]
    for path in (lines(tmp_path, ""), tmp_path / "missing.jsonl"):
        with pytest.raises(UserError, match="probes"):
            read_probes(path)


# The harness of others


class Harness:
    """Stands in for the package, which is not among our requirements."""

    def __init__(self, results=None, error=None):
        self.results, self.error, self.asked = results, error, None
        self.tasks = SimpleNamespace(
            TaskManager=lambda: SimpleNamespace(all_tasks=["arc_easy", "hellaswag", "gsm8k"])
        )

    def simple_evaluate(self, **asked):
        self.asked = asked
        if self.error:
            raise self.error
        return {"results": self.results}


@pytest.fixture
def install(monkeypatch):
    def installed(harness):
        monkeypatch.setitem(sys.modules, "lm_eval", harness)
        monkeypatch.setitem(sys.modules, "lm_eval.tasks", harness and harness.tasks)
        return harness

    return installed


def test_without_the_package_it_is_named(install):
    install(None)
    with pytest.raises(UserError, match="pip install lm-eval"):
        run_tasks(["arc_easy"], Path("base"))


def test_tasks_are_run_and_their_first_metric_read(install):
    row = {"alias": "arc_easy", "samples": 5, "acc,none": 0.4, "acc_stderr,none": 0.1,
           "acc_norm,none": 0.5}  # fmt: skip
    bare = {
        "alias": "gsm8k",
        "exact_match,strict-match": 1,
        "exact_match_stderr,strict-match": "N/A",
    }
    harness = install(Harness({"arc_easy": row, "gsm8k": bare, "mmlu": {}}))
    found = run_tasks(["arc_easy", "gsm8k"], Path("a,b"), Path("adapter"), limit=5)
    assert found == {
        "arc_easy": TaskScore("acc,none", 0.4, 0.1),
        "gsm8k": TaskScore("exact_match,strict-match", 1.0, None),
    }
    assert harness.asked["model_args"] == {"pretrained": "a,b", "peft": "adapter"}
    assert (harness.asked["model"], harness.asked["limit"]) == ("hf", 5)
    run_tasks(["gsm8k"], Path("base"))
    assert harness.asked["model_args"] == {"pretrained": "base"}


@pytest.mark.parametrize(
    ("harness", "task", "words"),
    [
        (Harness({}), "arc_eazy", "did you mean arc_easy"),
        (Harness({}), "zzz", "no such task"),
        (Harness({"arc_easy": {"alias": "x", "acc,none": float("nan")}}), "arc_easy", "no score"),
        (Harness({}), "arc_easy", "no score"),
        (Harness(error=OSError("no network\nat all")), "arc_easy", "no network; "),
        (Harness(error=ValueError()), "arc_easy", "ValueError"),
    ],
)
def test_what_the_harness_cannot_do_is_one_line(install, harness, task, words):
    install(harness)
    with pytest.raises(UserError) as caught:
        run_tasks([task], Path("base"))
    assert words in str(caught.value) and "\n" not in str(caught.value)
