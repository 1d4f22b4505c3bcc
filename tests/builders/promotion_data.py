"""A place to promote in: registry entries, a gate, a data set, and reports as the exam writes them.

The models echo; the answers in the reports are made up here. Each is right on most cases by chance
that is the same in every run, so that a candidate is shown to be no worse than another, and not to
be better, unless it is told to be.
"""

import hashlib
import json
import tomllib
from dataclasses import replace
from datetime import datetime
from functools import cache, partial

from common.identity import digest
from evals.gate import Gate, read_gate
from evals.metrics.table import METRICS, score
from evals.results import Result
from fixtures.datasets import load_dataset
from fixtures.selection import Selection, select
from models.chat import Answer
from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.actions import promote
from models.promotion.admission.evidence import SEAL, Reading, seal_of
from models.promotion.admission.policy import read_policy
from models.promotion.ledger.entry import Begun, Candidate, Chosen, Ended, Said
from models.promotion.ledger.files import begin, complete, ledger_beside, read_ledger
from models.promotion.ledger.tries import tries_against
from models.promotion.place import Place
from models.promotion.record.line import Data, Named
from models.promotion.record.people import Person
from models.registry import parts_of
from reports.archive import write_report as archive
from reports.evidence.last_exam import find_evidence
from reports.evidence.opened import opened_evidence
from reports.evidence.verdict import judged_again
from reports.examination.header import dataset_facts, fingerprint, gate_facts
from reports.report import ModelFacts, Opponent, RetrieverFacts
from reports.verdict.conclude import conclude
from reports.verdict.decide import shared, who_may_pass
from reports.verdict.leakage import excuses, leak_checks
from tests.builders.excuses import excusing
from tests.builders.policies import permissive
from tests.builders.report_data import SPENDING, header

GATE = """# what an exam must show
[metrics.token_f1]
role = "primary"
floor = 0.3
margin = 0.3
"""
CONTRACTS, QUESTIONS = 12, 5
RIGHT, WRONG = 0.85, 0.3
"""How often a model is right, and how often one is that falls behind."""

EXAMINER = Person("examiner")
"""The account that runs these exams."""

READING = Reading(find_evidence, judged_again, opened_evidence)


def make_place(folder, *names):
    """Echo models that differ by their prompt; comments and order of the entries matter."""
    place = Place(folder / "models", folder / "registry", folder / "runs")
    for each in (place.folder, place.registry, place.runs):
        each.mkdir(parents=True)
    (folder / "gate.toml").write_text(GATE)
    (folder / "data.json").write_text(json.dumps({"data": list(map(document, range(CONTRACTS)))}))
    allow(place)
    for name in names:
        (place.registry / f"{name}.toml").write_text(
            f'# {name}\nkind = "echo"\nstatus = "candidate" # until promoted\n'
            f'system = "I am {name}."\n\n[decoding]\nseed = 1 # kept\n'
        )
    return place


def allow(place):
    """Write a policy that admits the gate and the data of a place as they are, if it does not."""
    root, path = place.registry.parent, place.policy
    gate, data = read_gate(root / "gate.toml").identity, load_dataset(str(root / "data.json"))
    if not path.exists() or gate not in read_policy(path).gates:
        path.write_text(permissive(gate, data.identity, METRICS))


def document(number):
    """A contract in CUAD's layout, each of whose questions it answers."""
    clauses = [
        f"Fee {each} of agreement {number} is {each + 2} dollars." for each in range(QUESTIONS)
    ]
    text = "\n".join(clauses)
    asked = [
        {
            "id": f"c{number}__q{each}",
            "question": f"What is fee {each}?",
            "answers": [{"text": clause, "answer_start": text.index(clause)}],
        }
        for each, clause in enumerate(clauses)
    ]
    return {"title": f"Agreement {number}", "paragraphs": [{"context": text, "qas": asked}]}


def excuse(place, *names):
    """Let nobody ask what these were trained on."""
    place.policy.write_text(excusing(*names, policy=place.policy.read_text()))


def identity_of(place, name):
    """What is promoted of a model."""
    return promotion_identity(open_models([name], place.registry)[0])


def answers(model, cases, right):
    """A model's results, right on this share of the cases."""
    for case in cases:
        drawn = int(digest(model, case.id)[:8], 16) / 16**8
        said = Answer(case.golds[0] if drawn < right else "the parties", latency=0.5)
        yield Result(model, case, said, score(case, said, ["token_f1"]), asked=True)


def concluded(place, names, *, against=None, anchor=None, id_, better=False):
    """The report of an exam of these candidates, as the exam concludes it."""
    root = place.registry.parent
    gate, path = read_gate(root / "gate.toml"), root / "data.json"
    data = load_dataset(str(path))
    cases = select(data, Selection())
    roles = {role: each for role, each in (("champion", against), ("anchor", anchor)) if each}
    opponents = tuple(
        Opponent(role, each, identity_of(place, each)) for role, each in roles.items()
    )
    facts = [ModelFacts(each, identity_of(place, each)) for each in names]
    opponents = tuple(
        replace(each, tries=tried(place, each, facts, data)) if each is opponents[-1] else each
        for each in opponents
    )
    facts += [ModelFacts(each.name, each.identity, role=each.role) for each in opponents]
    first = replace(
        header(),
        id=id_,
        started=when(id_),
        provenance={
            "commit": "c0ffee",
            "dirty": False,
            "python": "3.11",
            "policy": read_policy(place.policy).identity,
        },
        dataset=dataset_facts(data, str(path), Selection(), cases),
        retriever=RetrieverFacts("none", 5, 1000, 100),
        models=tuple(facts),
        gate=gate_facts(gate, root / "gate.toml", root / "elsewhere", gate.alpha / len(names)),
        fingerprint=fingerprint(data, "test", cases, "r"),
    )
    leaks = tuple(
        tuple(
            leak_checks(
                parts_of(each, place.registry),
                cases,
                gate.leakage,
                excuses(place.registry),
            )
        )
        for each in names
    )
    text = (root / "gate.toml").read_text()
    return replace(judged(names, opponents, better, leaks, data, text), header=first)


def tried(place, best, candidates, data):
    """How many tries the ledger of a place counts against the best champion, these included."""
    begun = Begun(
        run="",
        when="",
        candidates=tuple(Candidate(each.name, each.identity) for each in candidates),
        opponents=(),
        dataset=Data(data.name, data.identity, "test"),
        chosen=Chosen(None, False, (), (), (), part=False),
        cases=100,
        contracts=12,
        gate="",
        retriever="",
        judges=(),
    )
    return tries_against(
        read_ledger(ledger_beside(place.registry)), Named(best.name, best.identity), begun
    )


@cache
def judged(names, opponents, better, leaks, data, gate):
    """What is concluded of candidates that are right on most cases; costs up to a second."""
    cases = select(data, Selection())
    results = [each for name in names for each in answers(name, cases, RIGHT)]
    for each in opponents:
        results += answers(each.name, cases, WRONG if better else RIGHT)
    rules = shared(Gate(**tomllib.loads(gate)), who_may_pass(names, opponents))
    return conclude(
        header(), results, SPENDING, rules,
        candidates=names, opponents=opponents, further=dict(zip(names, leaks, strict=True)),
    )  # fmt: skip


def write_report(place, name, *, improves_anchor=False, id_="20260101-000000-aaaa", **changes):
    """The sealed report of an exam of `name`, `against` a champion and an `anchor`.

    Candidates `beside` it are judged too. Other `changes` are made in its verdict by hand.
    """
    against = {key: changes.pop(key, None) for key in ("against", "anchor")}
    names, part = (name, *changes.pop("beside", ())), changes.pop("part", False)
    allow(place)
    path = place.runs / id_ / "report.json"
    path.parent.mkdir(exist_ok=True)
    archive(concluded(place, names, id_=id_, better=improves_anchor, **against), path)
    if changes or part:
        edit(path, lambda written: written.update(part=part))
        edit(path, lambda written: written["verdicts"][0].update(changes))
    seal(path)
    return path


def edit(path, change):
    """Change a written report by hand; its seal is of before."""
    written = json.loads(path.read_text())
    change(written)
    path.write_text(json.dumps(written))


def seal(path):
    """Note beside a report, and in the ledger, that this is what the exam wrote."""
    data = path.read_bytes()
    path.with_name(SEAL).write_text(seal_of(data))
    report = json.loads(data)
    ledger = ledger_beside(path.parents[2] / "registry")
    said = tuple(Said(each["model"], each["outcome"], ()) for each in report["verdicts"])
    ended = Ended(when(report["id"]), hashlib.sha256(data).hexdigest(), 0.05, said)
    known = (each.path for each in read_ledger(ledger) if each.begun.run == report["id"])
    complete(next(known, None) or begin(ledger, begun(report)), ended)


def when(run):
    """The time of a run: these exams take none."""
    return datetime.strptime(run[:15], "%Y%m%d-%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ")


def begun(report):
    """What the exam of a report noted when it began."""
    judged = {each["model"] for each in report["verdicts"]}
    dataset = report["dataset"]
    return Begun(
        run=report["id"],
        when=when(report["id"]),
        candidates=tuple(
            Candidate(each["name"], each["identity"])
            for each in report["models"]
            if each["name"] in judged
        ),
        opponents=tuple(
            Named(each["name"], each["identity"])
            for each in report["models"]
            if each["name"] not in judged
        ),
        dataset=Data(dataset["name"], dataset["identity"], dataset["split"]),
        chosen=Chosen(None, False, (), (), (), part=report.get("part") is True),
        cases=100,
        contracts=12,
        gate=report["gate"]["identity"],
        retriever="",
        judges=(),
        policy=report["provenance"].get("policy"),
        who=EXAMINER,
    )


promoted = partial(promote, reading=READING, say=lambda line: None)
"""Promote a name in a place."""


def dynasty(place, *names, **changes):
    """Promote these models, each against the one before, the first as the anchor."""
    anchor = None
    for number, name in enumerate(names):
        against = names[number - 1] if number else None
        id_ = f"20260101-0000{number:02d}-aaaa"
        write_report(place, name, against=against, anchor=anchor, id_=id_, **changes)
        record = promoted(name, place)
        anchor = record.anchor.model
        anchor = None if anchor == name else anchor
    return record
