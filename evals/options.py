"""The options of `pytest evals`, read once into one typed object."""

import fnmatch
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_args

from common.errors import UserError
from common.paths import STORE
from common.settings import nearest
from evals.gate import SHIPPED as SHIPPED_GATE
from evals.metrics.table import METRICS
from fixtures.datasets import seals_beside
from fixtures.imports.source import Source
from fixtures.retrieval.embedder import MINILM
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import Given, RetrieverOptions, retriever_kinds
from fixtures.selection import Selection, Split
from models.price import read_dollars
from models.promotion.champion import read_champion
from models.promotion.ledger.files import ledger_beside
from models.registry import SHIPPED as SHIPPED_REGISTRY

if TYPE_CHECKING:
    import pytest

DEFAULT_MODEL = "smollm2"
REFERENCE = "reference"
ALIGNED = "reference:"
"""What the name of an aligned reference judge begins with; its file follows."""

MOST = 10**12
"""The largest whole number that an option takes."""
JUDGED_BY_DEFAULT = 2000
"""Answers beyond which nobody judges unless asked: the reference judge takes some 3 ms each."""


@dataclass(frozen=True, slots=True)
class ExamOptions:
    """What the user asked for."""

    models: tuple[str, ...]
    registry: Path
    dataset: str
    cuad: Path | None
    selection: Selection
    retriever: RetrieverOptions
    gate: Path
    baseline: str | None
    inconclusive: Literal["pass", "fail", "skip"]
    sequential: bool
    store: str
    runs: Path
    ledger: Path
    seals: Path
    max_calls: int | None
    max_tokens: int | None
    strict_cases: bool
    missed: bool
    judges: tuple[str, ...]
    judged_by_default: bool
    judge_samples: int
    metrics: tuple[str, ...]
    full: bool
    variants: int
    labels: Path | None
    pairwise: bool
    lm_eval: tuple[str, ...]
    errored: bool = False
    keep: int | None = None
    wait: bool = True
    judge_exam: Literal["take", "skip"] = "take"
    leave_out_trained: bool = False
    sealed: bool = False
    repeats: int = 1
    max_cost: Decimal | None = None


def add_options(parser: "pytest.Parser") -> None:
    """Declare the options; everything is validated by `read_options`, in our own words."""
    group = parser.getgroup("exam", "examine contract-QA models (pytest evals)")
    add = group.addoption
    add(
        "--model",
        action="append",
        metavar="NAME",
        default=[],
        help="model of the registry, recorded:PATH, inspect:LOG or promptfoo:FILE; may be repeated "
        "(default: the champion, smollm2 where there is none; the file of --dataset recorded:PATH)",
    )
    add(
        "--registry",
        metavar="DIR",
        default=str(SHIPPED_REGISTRY),
        help="folder of NAME.toml files (default: models/registry)",
    )
    add(
        "--dataset",
        metavar="NAME",
        default="sample",
        help="sample, cuad, recorded:PATH, inspect:LOG, promptfoo:FILE, or a path in CUAD's layout "
        "(default: sample)",
    )
    add(
        "--cluster",
        metavar="COLUMN",
        help="of --dataset recorded:PATH: the column that says which answers belong together, in "
        "place of the contract; question counts each question by itself",
    )
    add("--cuad-dir", metavar="DIR", help="where CUAD lies (else $CUAD_DIR, else the download)")
    add("--split", metavar="SPLIT", default="test", help="test, train or all (default: test)")
    add(
        "--category",
        action="append",
        metavar="NAME",
        default=[],
        help="only this category; may be repeated",
    )
    add(
        "--contract",
        action="append",
        metavar="TEXT",
        default=[],
        help="only contracts with this in their title; may be repeated",
    )
    add(
        "--leave-out-trained",
        action="store_true",
        help="leave out the contracts that a candidate was trained on, as its manifest says",
    )
    add("--limit", metavar="N", help="a stratified, deterministic sample of N cases")
    add("--balanced", action="store_true", help="half of --limit answerable, half not")
    add(
        "--retriever",
        metavar="KIND",
        default="hybrid",
        help="dense, bm25, hybrid, graph, or none: as much of the contract as fits "
        "(default: hybrid)",
    )
    add("--k", metavar="N", default="5", help="passages shown to the model (default: 5)")
    add("--chunk-size", metavar="N", default="1000", help="characters of a passage (default: 1000)")
    add(
        "--chunk-overlap",
        metavar="N",
        default="100",
        help="characters that neighbours share (default: 100)",
    )
    add(
        "--embedder",
        metavar="NAME",
        default=MINILM,
        help="what dense, hybrid and graph compare passages by: minilm, one of `embedders` beside "
        "the registry, or sentence-transformers:MODEL (default: minilm)",
    )
    add(
        "--index",
        metavar="URL",
        default="",
        help="a Chroma server that keeps the passages' vectors, as http://HOST:PORT (default: "
        "Chroma in the cache folder)",
    )
    add(
        "--passages",
        metavar="WHAT",
        default="retrieved",
        help="retrieved, or gold: the gold passages among distractors, to examine reading alone; "
        "such an exam cannot promote (default: retrieved)",
    )
    add(
        "--gate",
        metavar="PATH",
        default=str(SHIPPED_GATE),
        help="gate file (default: evals/gate.toml)",
    )
    add(
        "--store",
        metavar="URL",
        default=STORE,
        help=f"path or SQLAlchemy URL of the answers kept (default: {STORE})",
    )
    add(
        "--runs",
        metavar="DIR",
        default="reports/runs",
        help="folder of reports (default: reports/runs)",
    )
    add(
        "--ledger",
        metavar="DIR",
        help="folder where every exam is noted (default: ledger, beside the registry)",
    )
    add(
        "--sealed",
        action="store_true",
        help="with --baseline champion: the contracts that are kept for promotions, and they alone",
    )
    add(
        "--repeats",
        metavar="N",
        default="1",
        help="ask a model that draws its answers (temperature above 0) each case N times; its "
        "scores are means (default: 1)",
    )
    add("--max-calls", metavar="N", help="stop asking after N calls, and keep what is there")
    add("--max-tokens", metavar="N", help="stop asking before N tokens are exceeded")
    add(
        "--max-cost",
        metavar="USD",
        help="stop asking before this exam, however often it is typed, costs more US dollars; 0 "
        "shows what it may cost and pays for nothing",
    )
    add("--strict-cases", action="store_true", help="a missed case fails the session")
    add("--baseline", metavar="NAME", help="measure against this model, or against champion")
    add(
        "--inconclusive",
        metavar="WHAT",
        default="fail",
        help="pass, fail or skip gate tests that cannot conclude (default: fail)",
    )
    add(
        "--sequential",
        action="store_true",
        help="with --baseline: ask in four looks, and stop once the verdict is certain",
    )
    add(
        "--judge",
        metavar="NAMES",
        help="reference, reference:FILE as evals.judges.align writes it, none, or chat models of "
        f"the registry, with commas (default: reference, none beyond {JUDGED_BY_DEFAULT:,} "
        "answers)",
    )
    add(
        "--judge-exam",
        metavar="WHAT",
        default="take",
        help="take, or skip: ask nothing to know what a judge is worth; what it scores then "
        "cannot pass the gate (default: take)",
    )
    add("--judge-samples", metavar="N", default="1", help="ask a judge N times, take the mean")
    add(
        "--metric",
        action="append",
        metavar="NAME",
        default=[],
        help="score this metric too (docs/metrics.md), or a pattern such as 'ragas:*'",
    )
    add(
        "--full",
        action="store_true",
        help="also robustness, safety, fairness, forgetting and contamination, which ask much more",
    )
    add(
        "--variants",
        metavar="N",
        default="60",
        help="cases, or contracts, of which these suites ask (default: 60)",
    )
    add(
        "--pairwise",
        action="store_true",
        help="with --baseline and a chat model as judge: whose answer is better, in both orders",
    )
    add("--labels", metavar="PATH", help="people's scores of some answers (JSONL or CSV)")
    add(
        "--lm-eval",
        metavar="TASKS",
        default="",
        help="forgetting: also these tasks of lm-evaluation-harness, with commas",
    )
    add("--missed", action="store_true", help="only the tests that missed in the last exam")
    add(
        "--errored",
        action="store_true",
        help="only the tests of cases that had an error in the last exam; they are asked again",
    )
    add("--keep", metavar="N", help="keep the reports of the last N runs (default: of all)")
    add(
        "--no-wait",
        action="store_true",
        help="go on beside another exam of the same model on this store, and ask what it asks too",
    )


def asks_nobody(judge: str) -> bool:
    """Whether a name of `--judge` is the reference judge's, aligned or not, and no chat model's."""
    return judge == REFERENCE or judge.startswith(ALIGNED)


def option_names() -> set[str]:
    """The options of an exam, as `add_options` declares them."""
    names: set[str] = set()
    group = SimpleNamespace(addoption=lambda name, **_: names.add(name))
    add_options(SimpleNamespace(getgroup=lambda *_: group))  # type: ignore[arg-type]
    return names


def _model_in_service(registry: Path) -> str:
    champion = read_champion(registry.parent)
    return champion.model if champion else DEFAULT_MODEL


def read_options(config: "pytest.Config") -> ExamOptions:
    """The options, checked as far as they can be without reading any data.

    Raises:
        UserError: a value is not possible; the line says which are.
    """
    option = config.getoption
    dataset = str(option("--dataset"))
    models = tuple(dict.fromkeys(option("--model")))
    if cluster := option("--cluster"):
        clustered = _clustered(dataset, str(cluster))
        models = tuple(clustered if name == dataset else name for name in models)
        dataset = clustered
    if not models:
        recorded = Source.typed(dataset) is not None
        models = (dataset if recorded else _model_in_service(Path(option("--registry"))),)
    cuad = option("--cuad-dir")
    store = str(option("--store"))
    return ExamOptions(
        models=models,
        registry=Path(option("--registry")),
        dataset=dataset,
        cuad=Path(cuad) if cuad else None,
        selection=Selection(
            split=_one_of("--split", option("--split"), get_args(Split)),
            categories=tuple(option("--category")),
            contracts=tuple(option("--contract")),
            limit=_number("--limit", option("--limit")),
            balanced=bool(option("--balanced")),
        ),
        retriever=RetrieverOptions(
            kind=_one_of("--retriever", option("--retriever"), retriever_kinds()),
            k=_number("--k", option("--k")) or 0,
            chunker=Chunker(
                size=_number("--chunk-size", option("--chunk-size")) or 0,
                overlap=_number("--chunk-overlap", option("--chunk-overlap"), least=0) or 0,
            ),
            passages=_one_of("--passages", option("--passages"), get_args(Given)),
            embedder=option("--embedder"),
            index=option("--index"),
        ),
        gate=Path(option("--gate")),
        baseline=option("--baseline"),
        inconclusive=_one_of("--inconclusive", option("--inconclusive"), ("pass", "fail", "skip")),
        store=store if "://" in store else str(config.rootpath / store),
        runs=config.rootpath / str(option("--runs")),
        ledger=_ledger(config, option("--ledger")),
        seals=seals_beside(Path(option("--registry"))),
        max_calls=_number("--max-calls", option("--max-calls"), least=0),
        max_tokens=_number("--max-tokens", option("--max-tokens"), least=0),
        max_cost=read_dollars("--max-cost", option("--max-cost")),
        sequential=bool(option("--sequential")),
        strict_cases=bool(option("--strict-cases")),
        missed=bool(option("--missed")),
        judges=_judges(option("--judge") or REFERENCE),
        judged_by_default=option("--judge") is None,
        judge_samples=_number("--judge-samples", option("--judge-samples")) or 1,
        metrics=_metrics(option("--metric")),
        full=bool(option("--full")),
        variants=_number("--variants", option("--variants")) or 0,
        pairwise=bool(option("--pairwise")),
        labels=Path(option("--labels")) if option("--labels") else None,
        lm_eval=tuple(t.strip() for t in option("--lm-eval").split(",") if t.strip()),
        errored=bool(option("--errored")),
        keep=_number("--keep", option("--keep")),
        wait=not option("--no-wait"),
        judge_exam=_one_of("--judge-exam", option("--judge-exam"), ("take", "skip")),
        leave_out_trained=bool(option("--leave-out-trained")),
        sealed=_sealed(config),
        repeats=_number("--repeats", option("--repeats")) or 1,
    )


def _clustered(dataset: str, column: str) -> str:
    """The data set whose rows belong together by what stands in a column."""
    source = Source.typed(dataset)
    if source is None:
        raise UserError(
            f"--cluster {column}: {dataset} says itself which contract a question is about; the "
            "option goes with --dataset recorded:PATH, inspect:LOG or promptfoo:FILE"
        )
    if "contract" in source.names:
        raise UserError(
            f"--cluster {column}: --dataset names its contract already; give one of them"
        )
    clustered = f"{dataset},contract={column}"
    Source.typed(clustered)
    return clustered


def _ledger(config: "pytest.Config", given: str | None) -> Path:
    if given:
        return config.rootpath / given
    return ledger_beside(Path(config.getoption("--registry")))


def _sealed(config: "pytest.Config") -> bool:
    spread = hasattr(config, "workerinput") or getattr(config.option, "dist", "no") != "no"
    if config.getoption("--sealed") and spread:
        raise UserError("--sealed examines in one process, and tells of no case: leave out -n")
    return bool(config.getoption("--sealed"))


def _judges(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names or ("none" in names and len(names) > 1):
        raise UserError(f"--judge {value}: give reference, none, or chat models, with commas")
    return () if names == ("none",) else names


def _metrics(patterns: list[str]) -> tuple[str, ...]:
    """The metrics that the patterns name, in the table's order."""
    for pattern in patterns:
        if not fnmatch.filter(METRICS, pattern):
            hint = nearest(pattern, METRICS, otherwise="docs/metrics.md lists them")
            raise UserError(f"--metric {pattern}: no such metric; {hint}")
    return tuple(n for n in METRICS if any(fnmatch.fnmatchcase(n, p) for p in patterns))


def _one_of(option: str, value: str, known: tuple[str, ...]) -> Any:
    if value in known:
        return value
    hint = nearest(value, known, otherwise=f"choose from {', '.join(known)}")
    raise UserError(f"{option} {value}: no such choice; {hint}")


def _number(option: str, value: str | None, least: int = 1) -> int | None:
    if value is None:
        return None
    digits = value.strip()
    if digits.isdecimal() and len(digits) <= len(str(MOST)) and least <= int(digits) <= MOST:
        return int(digits)
    raise UserError(f"{option} {value[:40]}: give a whole number, {least} to {MOST:,}")
