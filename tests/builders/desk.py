"""A desk over a written report, and what a reviewer's browser does at it."""

import html
import re
from pathlib import Path

from fastapi.testclient import TestClient

from common.local_server import only_here
from reports.archive import read_report
from reports.labelling.draw import next_to_label
from reports.review.access import Doorkeeper
from reports.review.desk import Desk, Rules
from reports.review.items import answers, pairs
from reports.review.journal import Journal
from reports.review.server import application
from tests.builders.run_data import contents, put, written

RUN = "20260101-010000-aaaa"
MODELS = ("zeta-candidate-7b", "omega-champion-3b")
PORT = 8123
HERE = f"http://127.0.0.1:{PORT}"
CASES = contents(contracts=4, questions=3)
RUBRIC = "# House rules\n\n| score | the answer |\n| --- | --- |\n| 1.0 | is right |\n"


def run_of(folder: Path, texts=None, **changes) -> Path:
    """A report.json in which `texts` gives each model's answer by the number of the case."""
    texts = texts or {
        MODELS[0]: lambda number: f"answer {number}",
        MODELS[1]: lambda number: f"answer {number}" if number % 2 else f"another {number}",
    }
    scores = {model: {name: {"correctness": 0.731} for name in CASES} for model in texts}
    value = written(RUN, scores, CASES, **changes)
    for row in value["results"]:
        row["answer"] = texts[row["model"]](row["case"])
    for case in value["cases"][::2]:
        case["expected"] = [{"text": f"gold of {case['id']}", "start": 3}]
    return put(folder / "runs", value)


def desk_of(path: Path, journal: Path, *, kind="answers", cases=6, seed=0, scale="0-1",
            digest="ab" * 8, reviewers=("Ana", "Ben")) -> Desk:  # fmt: skip
    """The desk of a report."""
    report = read_report(path)
    if kind == "pairs":
        items = pairs(report, *MODELS, cases)
    else:
        items = answers(report, next_to_label(report, (), cases))
    return Desk(kind, items, reviewers, Rules(RUBRIC, digest, scale), Journal(journal), seed)


class Browser:
    """A reviewer's: it keeps cookies, follows redirects, and sends what the page's form holds."""

    def __init__(self, desk: Desk, reviewer: str, doorkeeper: Doorkeeper | None = None) -> None:
        doorkeeper = doorkeeper or Doorkeeper(desk.reviewers)
        app = only_here(application(desk, doorkeeper), PORT)
        self.client = TestClient(app, base_url=HERE, raise_server_exceptions=False)
        self.page = self.client.get("/enter", params={"token": doorkeeper.token(reviewer)})
        assert self.page.status_code == 200, self.page.text

    def get(self, place):
        self.page = self.client.get(place)
        return self.page

    def post(self, origin=HERE, **cells):
        """Send the form of the page, with these cells changed; None leaves one out."""
        whole = {**self.hidden(), "do": "save", **cells}
        data = {name: value for name, value in whole.items() if value is not None}
        headers = {"origin": origin} if origin else {}
        self.page = self.client.post(self.place, data=data, headers=headers)
        return self.page

    @property
    def place(self):
        return re.search(r'action="(/items/\d+)"', self.page.text)[1]

    def hidden(self):
        cells = re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', self.page.text)
        assert len(cells) == 2
        return dict(cells)

    def answer(self):
        return [html.unescape(each) for each in
                re.findall(r'<p class="said">(.*?)</p>', self.page.text, re.DOTALL)]  # fmt: skip
