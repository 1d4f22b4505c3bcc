"""A place to promote in: registry entries, a gate, and reports as the exam writes them."""

import hashlib
import json

from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.actions import Place
from models.promotion.evidence import SEAL, seal_of
from models.promotion.ledger import begin, complete, ledger_beside, read_ledger
from models.promotion.ledger_entry import Begun, Candidate, Chosen, Ended, Said
from models.promotion.record import Data

GATE = "# what an exam must show\nalpha = 0.05\n"


def make_place(folder, *names):
    """Echo models that differ by their prompt; comments and order of the entries matter."""
    place = Place(folder / "models", folder / "registry", folder / "runs")
    for each in (place.folder, place.registry, place.runs):
        each.mkdir(parents=True)
    (folder / "gate.toml").write_text(GATE)
    for name in names:
        (place.registry / f"{name}.toml").write_text(
            f'# {name}\nkind = "echo"\nstatus = "candidate" # until promoted\n'
            f'system = "I am {name}."\n\n[decoding]\nseed = 1 # kept\n'
        )
    return place


def identity_of(place, name):
    """What is promoted of a model."""
    return promotion_identity(open_models([name], place.registry)[0])


def compared(role, name, mean):
    """A check against an opponent, none of whose numbers a margin of 0.05 refuses."""
    estimate = {"mean": mean, "low": mean - 0.02, "high": mean + 0.02, "n": 100, "clusters": 12}
    return {"metric": "token_f1", "against": f"{role} {name}", "outcome": "PASS",
            "reason": "not worse", "estimate": estimate}  # fmt: skip


def write_report(
    place, name, *, against=None, anchor=None, id_="20260101-000000-aaaa", part=None, **changes
):
    """The sealed report of an exam of `name` against the champion `against`."""
    gate = place.registry.parent / "gate.toml"
    named = {each: identity_of(place, each) for each in (name, against, anchor) if each}
    opponents = {"champion": against, "anchor": anchor}
    gain = 0.01 if changes.get("improves_anchor") else -0.01
    estimate = {"mean": 0.61, "low": 0.58, "high": 0.64, "n": 100, "clusters": 12}
    verdict = {
        "model": name,
        "outcome": "PROMOTE",
        "reasons": ["token_f1 holds"],
        "checks": [
            {"metric": "token_f1", "against": "floor", "outcome": "PASS", "reason": "holds",
             "estimate": estimate},
            *(compared(role, other, gain) for role, other in opponents.items() if other),
        ],
        "champion": {"name": against, "identity": named[against]} if against else None,
        "anchor": {"name": anchor, "identity": named[anchor]} if anchor else None,
        "improves_anchor": False,
        **changes,
    }  # fmt: skip
    report = {
        "schema": 2,
        "id": id_,
        "provenance": {"commit": "c0ffee", "dirty": False, "python": "3.11"},
        "dataset": {"name": "sample", "identity": "d" * 64, "split": "test", "limit": None},
        "models": [
            {"name": each, "identity": value, "kind": "echo"} for each, value in named.items()
        ],
        "gate": {
            "file": str(gate),
            "sha256": hashlib.sha256(gate.read_bytes()).hexdigest(),
            "identity": "9" * 64,
            "alpha": 0.05,
        },
        "summary": [
            {
                "model": each,
                "name": "all",
                "cases": 100,
                "estimates": {"token_f1": estimate},
                "unscored": {},
            }
            for each in named
        ],
        "verdicts": [verdict],
        "part": part,
    }
    path = place.runs / id_ / "report.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report))
    seal(path)
    return path


def seal(path):
    """Note beside a report, and in the ledger, that this is what the exam wrote."""
    data = path.read_bytes()
    path.with_name(SEAL).write_text(seal_of(data))
    report = json.loads(data)
    ledger = ledger_beside(path.parents[2] / "registry")
    said = tuple(Said(each["model"], each["outcome"], ()) for each in report["verdicts"])
    ended = Ended("2026-01-01T00:01:00Z", hashlib.sha256(data).hexdigest(), 0.05, said)
    known = (each.path for each in read_ledger(ledger) if each.begun.run == report["id"])
    complete(next(known, None) or begin(ledger, begun(report)), ended)


def begun(report):
    """What the exam of a report noted when it began."""
    judged = {each["model"] for each in report["verdicts"]}
    dataset = report["dataset"]
    return Begun(
        run=report["id"],
        when="2026-01-01T00:00:00Z",
        candidates=tuple(
            Candidate(each["name"], each["identity"])
            for each in report["models"]
            if each["name"] in judged
        ),
        opponents=(),
        dataset=Data(dataset["name"], dataset["identity"], dataset["split"]),
        chosen=Chosen(None, False, (), (), (), part=report.get("part") is True),
        cases=100,
        contracts=12,
        gate=report["gate"]["identity"],
        retriever="",
        judges=(),
    )


def dynasty(place, *names, **changes):
    """Promote these models, each against the one before, the first as the anchor."""
    from models.promotion.actions import promote

    anchor = None
    for number, name in enumerate(names):
        against = names[number - 1] if number else None
        id_ = f"20260101-0000{number:02d}-aaaa"
        write_report(place, name, against=against, anchor=anchor, id_=id_, **changes)
        record = promote(name, place, say=lambda line: None)
        anchor = record.anchor.model
    return record
