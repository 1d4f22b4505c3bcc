"""Open questions at the desk: what is confirmed or corrected is gold, and nothing else is."""

import json
import re
import threading
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.local_server import only_here
from fixtures.cases import Contract, Span
from fixtures.contracts.collection import read_collection
from fixtures.contracts.drafts import add_drafts, read_drafts
from fixtures.contracts.gold import Decision, settle
from fixtures.datasets import load_dataset
from reports.review.__main__ import main
from reports.review.access import Doorkeeper
from reports.review.forms import BadFormError
from reports.review.gold import gold_desk, pieces, written
from reports.review.gold_server import application
from tests.builders.desk import HERE, PORT
from tests.builders.own_contracts import ASKED, LAW, RENT, TERM, TEXT, collection, span


class Reviewer:
    """A browser at the desk of a data set."""

    def __init__(self, path, name="Ana"):
        desk = gold_desk(path, ("Ana", "Ben"))
        doorkeeper = Doorkeeper(desk.reviewers)
        app = only_here(application(desk, doorkeeper), PORT)
        self.client = TestClient(app, base_url=HERE, raise_server_exceptions=False)
        self.page = self.client.get("/enter", params={"token": doorkeeper.token(name)})
        assert self.page.status_code == 200

    def open(self, number):
        self.page = self.client.get(f"/items/{number}")
        return self.page

    def send(self, do, **cells):
        place = re.search(r'action="(/items/\d+)"', self.page.text)[1]
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', self.page.text))
        headers = {"origin": HERE}
        self.page = self.client.post(place, data={**hidden, "do": do, **cells}, headers=headers)
        return self.page


@pytest.fixture
def path(tmp_path):
    return collection(tmp_path / "own.json")


def gold(path):
    return {case.id: case.spans for case in load_dataset(str(path)).cases}


def test_a_draft_is_gold_once_it_is_confirmed(path):
    ana = Reviewer(path)
    assert gold(path) == {}
    assert '<mark id="answer">The rent is $900</mark>' in ana.page.text
    assert "page 1, paragraph 2" in ana.page.text
    ana.send("confirm")
    assert gold(path) == {RENT: (span("The rent is $900"),)}
    (paragraph,) = json.loads(path.read_text())["data"][0]["paragraphs"]
    assert paragraph["qas"][0]["confirmed"]["by"] == "Ana"
    assert "/items/2" in ana.page.text  # the next one


def test_a_draft_that_names_no_place_cannot_be_confirmed(path):
    ana = Reviewer(path)
    ana.open(2)
    assert 'value="confirm"' not in ana.page.text and "stands nowhere" in ana.page.text
    assert ana.send("confirm").status_code == 422
    assert gold(path) == {}


def test_it_is_corrected_by_a_selection_by_words_or_by_nothing(path):
    ana = Reviewer(path)
    chosen = [[TEXT.index(" two years"), " two years"], [TEXT.index("Nevada"), "Nevada"]]
    ana.open(2)
    ana.send("save", spans=json.dumps(chosen))
    ana.open(3)
    ana.send("save", words="The law  of\nNevada")
    ana.open(1)
    ana.send("absent")
    assert gold(path) == {
        RENT: (), TERM: (span("two years"), span("Nevada")), LAW: (span("The law of Nevada"),),
    }  # fmt: skip
    ana.open(1)
    assert "Decided: not answered" in ana.page.text
    ana.send("save", words="rent is $900")  # and can be decided anew
    assert gold(path)[RENT] == (span("rent is $900"),)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({}, "select the answer"),
        ({"words": "The rent is"}, "stand 2 times in the contract (page 1, paragraph 2; page 2"),
        ({"words": "Oregon"}, "do not stand so"),
        ({"spans": "[[0,"}, "cannot be read"),
        ({"spans": "[" * 100_000}, "cannot be read"),
        ({"spans": "[[3, 9]]"}, "cannot be read"),
        ({"spans": '[["0", "LEASE"]]'}, "does not stand"),
        ({"spans": '[[1, "LEASE"]]'}, "does not stand"),
        ({"spans": '[[-58, "LEASE"]]'}, "does not stand"),
        ({"spans": '[[true, "E"]]'}, "does not stand"),
        ({"spans": '[[5, "\\r\\n"]]'}, "select the answer"),
        ({"spans": '{"a": 1}'}, "cannot be read"),
    ],
)
def test_what_does_not_stand_in_the_contract_is_no_answer(path, cells, says):
    ana = Reviewer(path)
    ana.open(2)
    reply = ana.send("save", **cells)
    assert reply.status_code == 422 and says in reply.text.replace("&#39;", "'")
    assert gold(path) == {}


def test_whoever_saw_something_else_is_told_and_nothing_is_taken_back_unseen(path):
    ana, ben = Reviewer(path), Reviewer(path, "Ben")
    ana.send("absent")
    reply = ben.send("confirm")
    assert reply.status_code == 409 and "decided otherwise" in reply.text
    assert gold(path) == {RENT: ()}
    ben.send("save", words="rent is $900")
    assert gold(path)[RENT] == (span("rent is $900"),)


def test_a_draft_that_came_since_is_not_confirmed_unseen(path):
    """Another draft takes the place of the one that the page shows: `draft --again`."""
    ana = Reviewer(path)
    (old, *_) = read_drafts(path)
    add_drafts(path, [replace(old, answer="Nevada", spans=(span("Nevada"),))])
    assert ana.send("confirm").status_code == 409
    assert gold(path) == {} and '<mark id="answer">Nevada</mark>' in ana.page.text
    ana.send("confirm")
    assert gold(path) == {RENT: (span("Nevada"),)}


def test_of_two_at_once_one_is_told(path):
    desk = gold_desk(path, ("Ana",))
    seen = desk.questions()[RENT].seen
    outcomes = []

    def decide(text):
        try:
            desk.decide(RENT, (span(text),), "Ana", seen)
            outcomes.append(text)
        except Exception as error:
            outcomes.append(type(error).__name__)

    texts = ("LEASE", "two years", "$900", "Nevada")
    threads = [threading.Thread(target=decide, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("StaleError") == 3
    (winner,) = set(outcomes) - {"StaleError"}
    assert gold(path)[RENT] == (span(winner),)


def test_a_question_that_is_gone_and_a_disk_that_is_full_are_one_line(path, monkeypatch):
    ana = Reviewer(path)
    monkeypatch.setattr("reports.review.gold.settle", _full)
    reply = ana.send("save", words="Nevada")
    assert reply.status_code == 507 and "Nevada</textarea>" in reply.text
    monkeypatch.undo()
    content = json.loads(path.read_text())
    content["data"][0]["paragraphs"][0]["open"].pop(0)
    path.write_text(json.dumps(content))
    assert ana.send("save", words="Nevada").status_code == 404
    assert ana.client.get("/overview").status_code == 200
    assert ana.client.get("/").url.path == "/items/2"
    path.write_text("{")
    assert ana.client.get("/overview").status_code == 500


def _full(*_):
    raise UserError("own.json cannot be written: No space left on device")


def test_no_page_says_who_drafted_it(path):
    ana = Reviewer(path)
    pages = [ana.open(number).text for number in range(1, 5)] + [ana.client.get("/overview").text]
    assert not any("zeta" in page or str(path) in page for page in pages)
    assert all(question in pages[-1] for question in ASKED.values())


def test_a_browser_counts_the_characters_of_the_contract_as_they_are(path):
    """It would read both characters of a line end as one."""
    page = Reviewer(path).page.text
    shown = re.search(r'tabindex="0">(.*?)</div>', page, re.DOTALL)[1]
    assert "LEASE&#13;\n&#13;\n" in shown and "&lt;b&gt;raised" in shown
    assert "<b>" not in shown


@given(st.text("ab \n", max_size=30), st.data())
def test_pieces_are_the_text_and_mark_every_answer(text, data):
    places = st.integers(0, len(text))
    spans = tuple(
        Span(text[min(pair):max(pair)], min(pair))
        for pair in data.draw(st.lists(st.tuples(places, places), max_size=4))
    )  # fmt: skip
    found = pieces(Contract("A", text), spans)
    assert "".join(piece.text for piece in found) == text
    marked = {at for span_ in spans for at in range(span_.start, span_.start + len(span_.text))}
    at, seen = 0, set()
    for piece in found:
        seen |= set(range(at, at + len(piece.text))) if piece.marked else set()
        at += len(piece.text)
    assert seen == marked and sum(piece.first for piece in found) == bool(marked)


@given(st.text("abc. \n\r(", min_size=1, max_size=40), st.data())
def test_words_that_are_found_are_those_of_the_contract(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    words = text[start : data.draw(st.integers(start + 1, len(text)))]
    if not words.split():
        return
    try:
        found = written(words, Contract("A", text))
    except BadFormError as error:
        assert "times" in str(error)
        return
    assert text.startswith(found.text, found.start) and found.text.split() == words.split()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gold", "nowhere.json"], "no such file"),
        (["--gold", "own.json", "--export", "labels"], "leave the others out"),
        (["--gold", "done.json"], "no question is open"),
    ],
)
def test_what_is_typed_wrongly_is_one_line(path, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    done = collection(tmp_path / "done.json")
    settle(done, {case.id: Decision((), "ana", "") for case in read_collection(done).open})
    assert main([*words, "--reviewer", "Ana"]) == 4
    line = capsys.readouterr().err
    assert says in line and line.count("\n") == 1
