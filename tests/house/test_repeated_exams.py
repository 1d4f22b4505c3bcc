"""A model that draws, examined with --repeats as typed: asked once each, promoted, never edited."""

import re
from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest

from evals.gate import read_gate
from fixtures.datasets import load_dataset
from fixtures.selection import Selection, select
from reports.archive import read_report
from reports.evidence.verdict import judge_again
from tests.builders.fake_server import fake_server
from tests.builders.world import World

NAME = "drawing"
CONTRACTS = 40
ERRS = 0.15
"""How often a drawn answer is another than the clause."""


class Drawn:
    """Replies that quote a clause of the question that stands in the passages, or by chance err.

    What is said depends on the question and on how often it was asked before, as draws do.
    """

    def __init__(self, cases):
        self.clauses: dict[str, list[str]] = {}
        for case in cases:
            self.clauses.setdefault(case.question, []).extend(case.golds)
        self.times = Counter()

    def __call__(self, messages):
        asked = messages[-1]["content"]
        self.times[asked] += 1
        question = next((each for each in self.clauses if each in asked), None)
        chance = int(sha256(f"{self.times[asked]} {asked}".encode()).hexdigest()[:8], 16) / 16**8
        if question is None or chance < ERRS:
            return "Notices are sent to the addresses on the first page."
        return next((each for each in self.clauses[question] if each in asked), "Not found.")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, checkout):
    """A world with an endpoint that draws; calls and output of exams with 2, and with 3 repeats."""
    mine = World.written(tmp_path_factory.mktemp("drawn") / "world", contracts=CONTRACTS)
    mine.checkout = checkout
    policy = mine.models / "policy.toml"
    policy.write_text(policy.read_text() + f'{NAME} = "made up by a server of tests"\n')
    reply = Drawn(load_dataset(str(mine.folder / "contracts")).cases)
    exams = []
    with fake_server(reply=reply) as server:
        (mine.registry / f"{NAME}.toml").write_text(
            f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "{NAME}"\nconcurrency = 8\n'
            "[decoding]\ntemperature = 0.7\nseed = 5\n"
        )
        for words in (["--repeats", "2"], ["--repeats", "3"]):
            before = server.calls
            done = mine.examine("--model", NAME, *words)
            seeds = Counter(each["seed"] for each in server.requests)
            server.requests.clear()
            exams.append((done, server.calls - before, seeds))
    return mine, exams


def cases_of(mine):
    return select(load_dataset(str(mine.folder / "contracts")), Selection())


def test_more_repeats_ask_the_further_ones_alone(drawn):
    mine, [(two, calls, seeds), (three, further, seed)] = drawn
    cases = len(cases_of(mine))
    assert two.returncode == three.returncode == 0, two.stdout[-3000:] + three.stdout[-3000:]
    assert f"each of {cases} cases is asked 2 times, {2 * cases} answers" in two.stdout
    assert "cannot promote" not in two.stdout
    # each exam begins with a call that finds whether the server answers
    assert (calls, further) == (2 * cases + 1, cases + 1)
    assert {number for number, times in seeds.items() if times >= cases} == {5, 6}
    assert {number for number, times in seed.items() if times >= cases} == {7}


def test_the_report_lists_every_answer_and_scores_are_their_means(drawn):
    mine, _ = drawn
    rows = mine.report["results"]
    assert {row["repeats"] for row in rows} == {3}
    assert {len(row["further"]) for row in rows} == {2}
    assert len({row["scores"]["token_f1"] for row in rows if "token_f1" in row["scores"]}) > 3
    assert any(row["answer"] != row["further"][0]["answer"] for row in rows)


def test_it_is_promoted(drawn):
    mine, _ = drawn
    promoted = mine.promote(NAME)
    assert promoted.returncode == 0, promoted.stderr
    assert f"\nchampion: {NAME} " in promoted.stdout


@pytest.fixture(scope="module")
def report(drawn):
    """The report, and what computes its verdict again."""
    mine, _ = drawn
    gate, data = read_gate(mine.gate), load_dataset(str(mine.folder / "contracts"))
    written = read_report(mine.folder / "latest" / "report.json")
    return written, lambda changed: judge_again(changed, NAME, gate, data, mine.registry)


def with_row(report, number, change):
    rows = list(report.results)
    rows[number] = change(rows[number])
    return replace(report, results=tuple(rows))


def split(report):
    """A case whose answers earn different scores."""
    return next(
        number for number, row in enumerate(report.results)
        if 0 < (row.scores.get("token_f1") or 0) < 0.99
    )  # fmt: skip


def said_otherwise(row):
    return replace(row, further=(replace(row.further[0], answer="Nothing."), *row.further[1:]))


def alone(row):
    """As if it had been asked once, and well."""
    best = {"token_f1": 1.0}
    return replace(row, repeats=None, further=(), scores={**row.scores, **best})


EDITS = {
    "a further answer": (said_otherwise, r"of the 3 answers of drawing to .* is 0\.\d+, and it"),
    "a further answer less": (
        lambda row: replace(row, further=row.further[:1]), "lists 2 answers of drawing where it",
    ),
    "a further answer more": (
        lambda row: replace(row, further=(*row.further, row.further[0])), "lists 4 answers",
    ),
    "a case asked once": (alone, "not all cases as often"),
    "a mean": (
        lambda row: replace(row, scores={**row.scores, "token_f1": 1.0}), "and it says 1$",
    ),
    "tokens that are no number": (
        lambda row: replace(row, further=(replace(row.further[0], tokens_out=10**400),
                                          *row.further[1:])),
        "of the 3 answers of drawing to .* is unscored",
    ),
    "a lost case with answers": (
        lambda row: replace(row, error="gone", answer=""), "lists 3 answers of drawing where",
    ),
}  # fmt: skip


def test_computed_again_it_comes_to_the_same(report):
    written, again = report
    verdict, _ = again(written)
    assert verdict.outcome == written.verdicts[0].outcome == "PROMOTE"
    assert [each.estimate for each in verdict.checks] == [
        each.estimate for each in written.verdicts[0].checks
    ]


@pytest.mark.parametrize(("change", "said"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_refused_and_named(report, change, said):
    written, again = report
    with pytest.raises(ValueError, match=re.compile(said)):
        again(with_row(written, split(written), change))
