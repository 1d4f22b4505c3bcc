"""CUAD's files become cases: nothing lost, nothing wrong let through, every mistake one line."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import Span
from fixtures.datasets import FILES, SAMPLE, as_question, load_dataset, slugify
from fixtures.errors import UserError

ALL, SEPARATE, TEST = FILES
TEXT = "Alpha Corp. and Beta LLC agree. The law of Ohio governs. Ohio courts decide."


def asks(category, details="Which law governs?"):
    return (
        f'Highlight the parts (if any) of this contract related to "{category}" that should be '
        f"reviewed by a lawyer. Details: {details}"
    )


def entry(category, spans, title="T", suffix="", **more):
    """A question with `spans`, each (text, start)."""
    return {
        "id": f"{title}__{category}{suffix}",
        "question": asks(category),
        "answers": [{"text": text, "answer_start": start} for text, start in spans],
        "is_impossible": not spans,
        **more,
    }


def write(folder, file=ALL, **contracts):
    """Write {title: (text, entries)} as one of CUAD's files."""
    data = [
        {"title": title, "paragraphs": [{"context": text, "qas": entries}]}
        for title, (text, entries) in contracts.items()
    ]
    (Path(folder) / file).write_text(json.dumps({"version": "x", "data": data}), encoding="utf-8")


def refused(folder, *words):
    with pytest.raises(UserError) as caught:
        load_dataset(str(folder))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


# A contract is numbered words, so that every slice of whole words is unique in it.
@st.composite
def answered_contracts(draw):
    contracts = {}
    for number in range(draw(st.integers(1, 3))):
        words = [f"w{number}x{word}y" for word in range(draw(st.integers(3, 12)))]
        text = " ".join(words)
        span = st.integers(0, len(words) - 1).flatmap(
            lambda first, words=words: st.integers(first, len(words) - 1).map(
                lambda last: (" ".join(words[first : last + 1]), text_start(words, first))
            )
        )
        contracts[f"C{number}"] = (
            text,
            draw(
                st.dictionaries(
                    st.sampled_from(["Governing Law", "Rofr/Rofo/Rofn", "Parties"]),
                    st.lists(span, max_size=4, unique=True),
                    min_size=1,
                )
            ),
        )
    return contracts


def text_start(words, first):
    return sum(len(word) + 1 for word in words[:first])


@given(answered_contracts(), st.data())
@settings(max_examples=40)
def test_answers_split_over_separate_questions_come_back_whole(contracts, data):
    suffix = data.draw(st.sampled_from(["_{}", "__{}", ""]))
    whole, separate = {}, {}
    for title, (text, answers) in contracts.items():
        first, rest = [], []
        for category, spans in answers.items():
            kept = data.draw(st.lists(st.sampled_from(spans), unique=True)) if spans else []
            first.append(entry(category, kept, title))
            rest += [
                entry(category, [span], title, suffix.format(number))
                for number, span in enumerate(spans)
            ]
        whole[title], separate[title] = (text, first), (text, rest)
    with TemporaryDirectory() as folder:
        write(folder, ALL, **whole)
        write(folder, SEPARATE, **separate)
        write(folder, TEST, C0=whole["C0"])
        dataset = load_dataset(folder)
    found = {
        (c.contract.id, c.category): [(s.text, s.start) for s in c.spans] for c in dataset.cases
    }
    expected = {
        (title, category): sorted(spans, key=lambda span: (span[1], span[0]))
        for title, (_, answers) in contracts.items()
        for category, spans in answers.items()
    }
    assert found == expected
    assert dataset.test_contracts == {"C0"}
    assert dataset.repaired == 0


@given(answered_contracts(), st.integers(-3, 400))
@settings(max_examples=40)
def test_a_moved_offset_of_a_unique_text_is_repaired_and_counted(contracts, offset):
    right = {
        title: (text, [entry(category, spans, title) for category, spans in answers.items()])
        for title, (text, answers) in contracts.items()
    }
    moved = {
        title: (
            text,
            [
                entry(category, [(span, offset) for span, _ in spans], title)
                for category, spans in answers.items()
            ],
        )
        for title, (text, answers) in contracts.items()
    }
    wrong = sum(
        start != offset
        for _, answers in contracts.values()
        for spans in answers.values()
        for _, start in spans
    )
    with TemporaryDirectory() as a, TemporaryDirectory() as b:
        write(a, **right)
        write(b, **moved)
        write(b, SEPARATE, **moved)
        expected, found = load_dataset(a), load_dataset(b)
    assert found.cases == expected.cases
    assert found.identity == expected.identity
    assert (expected.repaired, found.repaired) == (0, wrong)


@pytest.mark.parametrize(
    ("quote", "offset", "state"),
    [("Ohio", 3, "more than once"), ("Texas", 7, "nowhere"), ("", 0, "nowhere")],
)
def test_a_wrong_offset_names_file_id_and_offset(tmp_path, quote, offset, state):
    write(tmp_path, TEST, T=(TEXT, [entry("Governing Law", [(quote, offset)])]))
    refused(tmp_path, str(tmp_path / TEST), "T__Governing Law", f"offset {offset} ", state)


def test_the_second_of_two_like_answers_is_kept_where_it_stands(tmp_path):
    second = TEXT.rindex("Ohio")
    write(tmp_path, T=(TEXT, [entry("Governing Law", [("Ohio", second)])]))
    dataset = load_dataset(str(tmp_path))
    assert dataset.cases[0].spans == (Span("Ohio", second),)
    assert dataset.repaired == 0


def test_impossible_with_answers_is_a_contradiction(tmp_path):
    spans = [("Ohio", TEXT.index("Ohio"))]
    write(tmp_path, T=(TEXT, [entry("Governing Law", spans, is_impossible=True)]))
    refused(tmp_path, ALL, "T__Governing Law", "is_impossible")


def test_a_contract_with_two_texts_is_refused(tmp_path):
    write(tmp_path, ALL, T=(TEXT, []))
    write(tmp_path, TEST, T=(TEXT + " ", []))
    refused(tmp_path, TEST, "T has another text")


GOOD_QUESTION = entry("Governing Law", [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"data": 3}',
        b'{"data": [{"paragraphs": []}]}',
        b'{"data": [{"title": "T"}]}',
        b'{"data": [{"title": "T", "paragraphs": [{"context": "x"}]}]}',
        b'{"data": [{"title": "T", "paragraphs": [{"qas": []}]}]}',
        b'{"data": [{"title": "T", "paragraphs": [{"context": null, "qas": []}]}]}',
        b'{"data": [{"title": "T", "paragraphs": [{"context": "\\ud800", "qas": []}]}]}',
        b'{"data": [{"title": "T", "paragraphs": [{"context": "x", "qas": [3]}]}]}',
        b'{"data": ' + b"[" * 100_000,
        *(
            json.dumps(
                {"data": [{"title": "T", "paragraphs": [{"context": "x", "qas": [question]}]}]}
            ).encode()
            for question in (
                {key: value for key, value in GOOD_QUESTION.items() if key != "id"},
                {key: value for key, value in GOOD_QUESTION.items() if key != "question"},
                {key: value for key, value in GOOD_QUESTION.items() if key != "answers"},
                {**GOOD_QUESTION, "question": 3},
                {**GOOD_QUESTION, "answers": [{"text": "x"}]},
                {**GOOD_QUESTION, "answers": [{"answer_start": 0}]},
                {**GOOD_QUESTION, "answers": [{"text": "x", "answer_start": None}]},
                {**GOOD_QUESTION, "answers": [{"text": 3, "answer_start": 0}]},
            )
        ),
    ],
)
def test_malformed_files_are_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / ALL).write_bytes(content)
    refused(tmp_path, str(tmp_path / ALL))
    refused(tmp_path / ALL, str(tmp_path / ALL))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["data", "title", "paragraphs", "context", "qas", "id", "answers"]),
                x,
            )
        ),
    )
)
@settings(max_examples=60)
def test_any_json_is_read_or_refused(value):
    with TemporaryDirectory() as folder:
        (Path(folder) / ALL).write_text(json.dumps(value))
        try:
            assert load_dataset(folder).cases == ()
        except UserError as error:
            assert "\n" not in str(error)


def test_nothing_where_data_should_be(tmp_path, monkeypatch):
    refused(tmp_path / "gone", "no such file or folder", "sample, cuad, recorded:PATH")
    refused(tmp_path, "holds none of", *FILES)
    monkeypatch.setenv("CUAD_DIR", str(tmp_path))
    refused("cuad", "$CUAD_DIR", str(tmp_path), "python -m fixtures.download cuad")
    with pytest.raises(UserError, match=r"--cuad-dir \(.*other\)"):
        load_dataset("cuad", tmp_path / "other")
    monkeypatch.setenv("CUAD_DIR", "")
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    refused("cuad", "the download folder", str(tmp_path / "cache" / "cuad"))


def test_cuad_is_found_where_it_is_said_to_be(tmp_path, monkeypatch):
    for place in ("given", "environment", "cache/cuad"):
        (tmp_path / place).mkdir(parents=True)
        write(tmp_path / place, **{place: (TEXT, [entry("Governing Law", [])])})
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CUAD_DIR", str(tmp_path / "environment"))
    assert load_dataset("cuad", tmp_path / "given").cases[0].contract.id == "given"
    assert load_dataset("cuad").cases[0].contract.id == "environment"
    monkeypatch.delenv("CUAD_DIR")
    assert load_dataset("cuad").cases[0].contract.id == "cache/cuad"


def sample_prompts():
    data = json.loads((SAMPLE / ALL).read_bytes())["data"]
    return {q["id"].rpartition("__")[2]: q["question"] for q in data[0]["paragraphs"][0]["qas"]}


def test_all_41_questions_of_cuad_ask():
    prompts = sample_prompts()
    assert len(prompts) == 41
    for category, prompt in prompts.items():
        asked = as_question(prompt)
        assert "?" in asked, category
        assert "Highlight" not in asked
        assert "Details:" not in asked
        assert as_question(asked) == asked


@pytest.mark.parametrize(
    ("category", "question"),
    [
        ("Document Name", "What is the name of the contract?"),
        ("Parties", "Who are the two or more parties who signed the contract?"),
        ("Agreement Date", "What is the date of the contract?"),
        ("Effective Date", "What is the date when the contract is effective?"),
        ("Expiration Date", "On what date will the contract's initial term expire?"),
        (
            "Competitive Restriction Exception",
            "What are the exceptions or carveouts to Non-Compete, Exclusivity and No-Solicit of "
            "Customers?",
        ),
        (
            "Governing Law",
            "Which state/country's law governs the interpretation of the contract?",
        ),
    ],
)
def test_noun_phrases_become_questions(category, question):
    assert as_question(sample_prompts()[category]) == question


@pytest.mark.parametrize(
    ("details", "question"),
    [
        ("A list of schedules.", "What is a list of schedules?"),
        ("  Is it\n so?  ", "Is it so?"),
        ("Name the buyer", "Name the buyer?"),
    ],
)
def test_other_details_become_questions(details, question):
    assert as_question(asks("X", details)) == question
    assert as_question(details) == question


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
NAMES = st.lists(NAME, min_size=1, max_size=5, unique=True)


@given(NAMES, NAMES)
@settings(max_examples=60)
def test_slugs_are_unique_and_safe_for_pytest(titles, categories):
    contracts = {
        title: (TEXT, [{**entry(c, []), "id": f"x__{c}", "question": "Why?"} for c in categories])
        for title in titles
    }
    with TemporaryDirectory() as folder:
        write(folder, **contracts)
        cases = load_dataset(folder).cases
    slugs = [case.slug for case in cases]
    assert len(set(slugs)) == len(slugs) == len({case.id for case in cases})
    assert all(re.fullmatch(r"[0-9A-Za-z_]+-[0-9A-Za-z_]+", slug) for slug in slugs)


def test_long_titles_with_one_beginning_get_slugs_of_their_own(tmp_path):
    long = "ACME CORP - EX-10.1 - MASTER SERVICES AGREEMENT, part "
    rows = [entry("Governing Law", [])]
    write(tmp_path, **{f"{long}{n}": (TEXT, rows) for n in "AB"}, Short=(TEXT, rows))
    slugs = [case.slug for case in load_dataset(str(tmp_path)).cases]
    assert len(set(slugs)) == 3
    assert slugs[2] == "Short-governing_law"
    assert all(slug.startswith("ACME_CORP_EX_10_1_MASTER_SERVIC") for slug in slugs[:2])


def test_identity_moves_with_question_gold_and_text_and_with_nothing_else(tmp_path):
    spans = [("Ohio", TEXT.index("Ohio")), ("Ohio courts", TEXT.index("Ohio courts"))]

    def identities(name, title, text, question, spans, file=ALL, **more):
        folder = tmp_path / name
        folder.mkdir()
        rows = [{**entry("Governing Law", spans, title, **more), "question": question}]
        write(folder, file, **{title: (text, rows)})
        dataset = load_dataset(str(folder))
        return dataset.cases[0].identity, dataset.identity

    asked = asks("Governing Law")
    base = identities("base", "T", TEXT, asked, spans)
    assert identities("folder", "T", TEXT, asked, spans) == base
    assert identities("file", "T", TEXT, asked, spans, TEST) == base
    assert identities("order", "T", TEXT, asked, spans[::-1]) == base
    assert identities("noise", "T", TEXT, asked, spans, author="someone", id="other__x") == base
    assert identities("title", "U", TEXT, asked, spans)[0] == base[0]
    assert identities("wording", "T", TEXT, asked.replace("Highlight", "Mark"), spans) == base

    changed = [
        identities("gold", "T", TEXT, asked, spans[:1]),
        identities("place", "T", TEXT, asked, [spans[0], ("Ohio", TEXT.rindex("Ohio"))]),
        identities("question", "T", TEXT, asks("Governing Law", "Where?"), spans),
        identities("text", "T", TEXT + ".", asked, spans),
    ]
    cases, datasets = zip(base, *changed, strict=True)
    assert len(set(cases)) == len(set(datasets)) == 5


def test_the_split_is_part_of_a_data_set(tmp_path):
    contracts = {title: (TEXT + title, [entry("Governing Law", [], title)]) for title in "AB"}
    write(tmp_path, **contracts)
    without = load_dataset(str(tmp_path))
    assert without.test_contracts == {"A", "B"}
    write(tmp_path, TEST, A=contracts["A"])
    with_split = load_dataset(str(tmp_path))
    assert with_split.test_contracts == {"A"}
    assert with_split.cases == without.cases
    assert with_split.identity != without.identity


def test_a_contract_only_in_the_test_file_is_there(tmp_path):
    write(tmp_path, ALL, A=(TEXT, [entry("Governing Law", [], "A")]))
    write(tmp_path, TEST, B=(TEXT, [entry("Governing Law", [], "B")]))
    dataset = load_dataset(str(tmp_path))
    assert [case.id for case in dataset.cases] == ["A__Governing Law", "B__Governing Law"]
    assert dataset.test_contracts == {"B"}


def test_one_json_file_is_a_data_set(tmp_path):
    shutil.copy(SAMPLE / TEST, tmp_path / "mine.json")
    dataset = load_dataset(str(tmp_path / "mine.json"))
    assert dataset.name == "mine"
    assert len(dataset.cases) == 4 * 41
    assert len(dataset.test_contracts) == 4


def test_plain_squad_is_a_data_set(tmp_path):
    paragraphs = [
        {
            "context": TEXT,
            "qas": [
                {
                    "id": f"q{n}",
                    "question": "Who?",
                    "answers": [{"text": "Alpha", "answer_start": 0}],
                }
            ],
        }
        for n in range(2)
    ]
    content = {"data": [{"title": "Doc", "paragraphs": paragraphs}]}
    (tmp_path / "squad.json").write_text(json.dumps(content))
    cases = load_dataset(str(tmp_path / "squad.json")).cases
    assert [(case.contract.id, case.category) for case in cases] == [("Doc", "q0"), ("Doc#2", "q1")]
    assert all(case.answerable for case in cases)


def test_slugify():
    assert slugify("Rofr/Rofo/Rofn (a)") == "rofr_rofo_rofn_a"


def test_the_real_contracts_are_read_whole(cuad):
    assert len({case.contract.id for case in cuad.cases}) == 408
    assert len(cuad.cases) == 16_727
    assert sum(case.answerable for case in cuad.cases) == 5_457
    assert sum(len(case.spans) for case in cuad.cases) == 11_178
    assert len(cuad.test_contracts) == 68
    assert len({case.slug for case in cuad.cases}) == 16_727
    assert cuad.repaired == 0
    assert {"?" in case.question for case in cuad.cases} == {True}


def test_a_gold_answer_is_what_the_contract_says(cuad):
    for case in cuad.cases:
        for span in case.spans:
            assert case.contract.text.startswith(span.text, span.start), case.id


def test_the_name_of_a_data_set_is_no_part_of_it(sample):
    assert replace(sample, name="other").identity == sample.identity
    assert load_dataset(str(SAMPLE)).identity == sample.identity
