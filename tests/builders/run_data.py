"""Written reports for the tests that compare runs: chosen scores, no data set and no model."""

import json
from pathlib import Path
from typing import Any

from common.identity import digest
from evals.metrics.table import METRICS
from reports.archive import read_report
from reports.report import Report
from reports.statistics.intervals import cluster_mean

GATE = {
    "alpha": 0.05,
    "pass_marks": {"token_f1": 0.5, "hit@5": 1.0},
    "metrics": {
        "token_f1": {"role": "primary", "floor": 0.02, "margin": 0.02},
        "laziness": {"role": "guard", "floor": 0.95, "margin": 0.05},
        "hit@5": {"role": "report"},
    },
}


def contents(contracts: int = 8, questions: int = 3) -> dict[str, str]:
    """Case ids (`contract__question`) with what stands for their content."""
    return {f"c{c}__q{q}": "old" for c in range(contracts) for q in range(questions)}


def written(
    id_: str,
    scores: dict[str, dict[str, dict[str, float | None]]],
    cases: dict[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The value of report.json.

    Args:
        id_: of the run.
        scores: by model, case id and metric.
        cases: content by case id.
        changes: `roles` and `identities` by model, `fingerprint`, `gate`, `retriever`, `verdicts`.
    """
    cases = cases or contents()
    rows = [
        {
            "id": name,
            "slug": name.replace("_", "-"),
            "identity": digest(name, content),
            "contract": name.split("__")[0],
            "category": name.split("__")[1],
            "question": name,
            "expected": [],
        }
        for name, content in cases.items()
    ]
    place = {name: number for number, name in enumerate(cases)}
    identities = sorted(row["identity"] for row in rows)
    roles, named = changes.get("roles", {}), changes.get("identities", {})
    value = {
        "schema": 1,
        "id": id_,
        "started": f"{id_[:4]}-{id_[4:6]}-{id_[6:8]}T{id_[9:11]}:00:00Z",
        "command": "pytest evals",
        "provenance": {},
        "dataset": {
            "name": "sample",
            "identity": digest(identities),
            "split": "test",
            "limit": None,
            "categories": [],
            "contracts": [],
            "examined_cases": len(rows),
            **changes.get("dataset", {}),
        },
        "retriever": {"kind": "hybrid", "k": 5, **changes.get("retriever", {})},
        "models": [
            {
                "name": model,
                "identity": named.get(model, digest(model)),
                "role": roles.get(model, "candidate"),
            }
            for model in scores
        ],
        "gate": changes.get("gate", GATE),
        "fingerprint": {
            "dataset": "sample",
            "cases": digest(identities),
            "retriever": "r",
            "prompt": "p",
            "split": "test",
            "metrics": {"token_f1": 1},
            "judges": [],
            **changes.get("fingerprint", {}),
        },
        "notes": [],
        "spending": {
            "calls": 0,
            "tokens_in": 0,
            "tokens_out": 0,
            "seconds": 1.0,
            "peak_memory": 0,
        },
        "metrics": {
            name: {"direction": metric.direction, "unit": metric.unit, "summary": ""}
            for name, metric in METRICS.items()
        },
        "summary": [_group(model, taken) for model, taken in scores.items()],
        "categories": [],
        "contracts": [],
        "verdicts": [
            {"model": model, "outcome": outcome, "reasons": [], "checks": []}
            for model, outcome in changes.get("verdicts", {}).items()
        ],
        "performance": [],
        "passages": [],
        "cases": rows,
        "results": [
            {
                "model": model,
                "case": place[name],
                "answer": f"{model} says of {name}",
                "error": None,
                "passages": [],
                "missed": [],
                "scores": each,
                "reasons": {},
            }
            for model, taken in scores.items()
            for name, each in taken.items()
        ],
    }
    copied: dict[str, Any] = json.loads(json.dumps(value))
    return copied


def _group(model: str, taken: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    estimates = {}
    for metric in {metric: None for each in taken.values() for metric in each}:
        found = [
            (score, name.split("__")[0])
            for name, each in taken.items()
            if (score := each.get(metric)) is not None
        ]
        if found:
            mean = cluster_mean([score for score, _ in found], [c for _, c in found])
            estimates[metric] = {
                "mean": mean.mean,
                "low": mean.low,
                "high": mean.high,
                "n": mean.n,
                "clusters": mean.clusters,
            }
    return {
        "model": model,
        "name": "all",
        "cases": len(taken),
        "estimates": estimates,
        "unscored": {},
    }


def reported(folder: Path, value: dict[str, Any]) -> Report:
    """The report that such a file is read as."""
    return read_report(put(folder, value))


def put(runs: Path, value: dict[str, Any]) -> Path:
    """Write it where an exam would."""
    path = runs / value["id"] / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":"), allow_nan=False), encoding="utf-8")
    return path
