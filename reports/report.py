"""Everything that a report of an exam holds: the one schema of report.json.

`archive.py` writes a `Report` and reads it back, or its `Overview` alone. The members of `Header`
stand at the top of the file beside those of `Report`; everything else is laid out as it is here.
Fields that have a default were not written by early releases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from evals.metrics.table import METRICS
from evals.results import Spending
from fixtures.cases import Span
from fixtures.retrieval.embedder import MINILM
from fixtures.selection import Split
from models.promotion.ledger.tries import Judged
from reports.statistics.estimates import Estimate, Outcome

RIGHT_OR_WRONG: Mapping[str, float] = {"abstention": 1.0, "laziness": 0.0}
"""Metrics that a case passes or misses without a pass mark in the gate file."""


Count = Annotated[int, Field(ge=1, le=10**9)]
"""Of things of which there is one at least."""

Amount = Annotated[int, Field(ge=0, le=10**12)]
"""Of things that may be none."""

SlotName = Annotated[
    str, Field(pattern=r"^(question|answer|reason|(passage|gold) (0|[1-9][0-9]{0,8}))$")
]
"""A text of a case that a turn of a chat holds."""


# What was examined, with what


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """The data set, what was selected of it, and how much of that was examined."""

    name: str
    """As `--dataset` names it."""

    identity: str
    """SHA-256 over the identities of all cases, and the split."""

    split: Split
    """Of the data set."""

    limit: Count | None = None
    """Of `--limit`; None asks every selected case."""

    balanced: bool = False
    """Whether half of `limit` was to be answerable."""

    categories: tuple[str, ...] = ()
    """Of `--category`; empty for all."""

    contracts: tuple[str, ...] = ()
    """Of `--contract`; empty for all."""

    left_out: tuple[str, ...] = ()
    """Titles of contracts that were not asked because a candidate was trained on them."""

    source: str = ""
    """What `--dataset` loads it by again: a path is seen from the root of the checkout where it
    lies below."""

    sealed: bool = False
    """Whether these were the contracts that are kept for promotions: then no case is shown."""

    open_questions: Amount = 0
    """Questions that were left out because no person has confirmed an answer to them yet."""

    repaired_offsets: Amount = 0
    """Gold answers whose offsets were mended when the data set was read."""

    examined_cases: Amount = 0
    """Cases that were asked."""

    examined_contracts: Amount = 0
    """Contracts that these cases are of."""


@dataclass(frozen=True, slots=True)
class RetrieverFacts:
    """How passages were found."""

    kind: str
    """`dense`, `bm25`, `hybrid`, `graph` or `none`."""

    k: Amount
    """Passages shown, at most."""

    chunk_size: Amount = 0
    """Characters of a passage, at most."""

    chunk_overlap: Amount = 0
    """Characters that a passage may repeat of the one before."""

    identity: str = ""
    """SHA-256 of all that decides which passages were given."""

    passages: Literal["retrieved", "gold"] = "retrieved"
    """As `--passages` says: with `gold` the gold passages were put among those retrieved."""

    embedder: str = MINILM
    """As `--embedder` says; what it is, the identity holds."""


Role = Literal["candidate", "baseline", "champion", "anchor"]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model of the exam."""

    name: str
    """In the registry."""

    identity: str = ""
    """SHA-256 of what is promoted: of what moves its answers, and of its manifest."""

    answers: str = ""
    """SHA-256 of what moves its answers: two exams with one such key asked the same model."""

    role: Role = "candidate"
    """What it is in this exam."""

    further: Mapping[str, Any] = field(default_factory=dict)
    """Its registry entry. In the file these keys stand beside the others."""

    @property
    def answers_key(self) -> str:
        """`answers`, which early reports held as the identity."""
        return self.answers or self.identity


@dataclass(frozen=True, slots=True)
class MetricRule:
    """What the gate asked of one metric."""

    role: Literal["guard", "primary", "report"] = "report"
    """`report` gates nothing."""

    floor: float | None = None
    """What the mean must reach; what it may reach at most where less is better."""

    goal: Literal["non-inferior", "superior"] = "non-inferior"
    """What is to be shown against the champion."""

    margin: float | None = None
    """How much worse than an opponent it may be."""

    direction: Literal["higher", "lower"] | None = None
    """As the gate file says; None leaves it to the table of metrics."""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """The gate file as it was."""

    file: str = ""
    """Its path, from the root of the checkout where it lies below."""

    sha256: str = ""
    """Of the file's bytes: a promotion asks for the same."""

    identity: str = ""
    """SHA-256 of what it says."""

    alpha: float = 0.05
    """Risk of each bound, as it was used: that of the file divided among the candidates of the
    exam, and less at an early look."""

    nominal_alpha: float | None = None
    """As the file says; None where nobody noted it."""

    pass_marks: Mapping[str, float] = field(default_factory=dict)
    """What a case must reach, by metric."""

    metrics: Mapping[str, MetricRule] = field(default_factory=dict)
    """What each metric must show."""

    further: Mapping[str, Any] = field(default_factory=dict)
    """Its other tables. In the file these keys stand beside the others."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two exams must share for their numbers to be comparable; None where nobody noted it."""

    dataset: str | None = None
    """Name of the data set."""

    split: str | None = None
    """Of the data set."""

    cases: str | None = None
    """SHA-256 over the identities of the cases that were asked."""

    retriever: str | None = None
    """Identity of the retriever."""

    prompt: str | None = None
    """SHA-256 of the template that all models share; a system prompt is part of its model."""

    metrics: Mapping[str, int] | None = None
    """Versions of the metrics of the table, by name."""

    judges: tuple[tuple[str, str, str] | str, ...] | None = None
    """Metric, name and identity of each judge; early reports noted the identity alone."""


@dataclass(frozen=True, slots=True)
class Header:
    """What was examined, with what, where and by whom."""

    id: str
    """Of the run, and of its folder: time and chance, as 20260131-120000-c0de."""

    started: str
    """UTC, as 2026-01-31T12:00:00Z."""

    command: str
    """What was typed, without secrets."""

    provenance: Mapping[str, Any]
    """Commit, versions and machine, as `common/provenance.py` finds them."""

    dataset: DatasetFacts
    """The data set."""

    retriever: RetrieverFacts
    """The retriever."""

    models: tuple[ModelFacts, ...]
    """Candidates first, then their opponents."""

    gate: GateFacts
    """What a candidate had to show."""

    fingerprint: Fingerprint
    """What makes this exam comparable."""

    judges: tuple[str, ...] = ()
    """As `--judge` names them."""

    look: Count | None = None
    """With `--sequential`: the look at which the exam ended, counted from 1."""

    part: bool = False
    """Whether cases or answers were left out by choice: such an exam can promote nobody, and
    takes back nothing that a whole one showed."""

    judged: Judged | None = None
    """How often these contracts had judged before, as the ledger knows; early reports do not."""


# What was found


@dataclass(frozen=True, slots=True)
class Finding:
    """One measure of one subject (a model, a judge)."""

    subject: str
    """Whom it is of."""

    measure: str
    """What was measured."""

    estimate: Estimate | None
    """None where it could not be measured."""

    reason: str = ""
    """Of the outcome; or what is missing where there is no estimate."""

    outcome: Outcome | None = None
    """None where the gate file asks nothing of it."""

    @property
    def line(self) -> str:
        """Measure, value, interval and reason."""
        shown = self.measure if self.estimate is None else f"{self.measure} {self.estimate}"
        return f"{shown}; {self.reason}" if self.reason else shown


@dataclass(frozen=True, slots=True)
class Section:
    """Findings that are read together."""

    name: str
    """By which tests find it."""

    title: str
    """Above it on a page."""

    note: str
    """What the measures mean."""

    findings: tuple[Finding, ...]
    """One a subject and measure."""

    def of(self, subject: str, measure: str) -> Finding | None:
        """The finding of one measure of one subject, if there is one."""
        matching = (f for f in self.findings if (f.subject, f.measure) == (subject, measure))
        return next(matching, None)


@dataclass(frozen=True, slots=True)
class CategoryDifference:
    """Candidate minus opponent in one category: reported, never gated."""

    model: str
    """The candidate."""

    against: str
    """Role and name of the opponent."""

    metric: str
    """A primary metric."""

    category: str
    """Of the cases."""

    estimate: Estimate
    """Of the difference, in the metric's own unit."""

    q_value: float
    """The two-sided p-value corrected by Benjamini and Hochberg's method over the categories of
    this metric: among those at 0.05 or below, one in twenty is expected by chance."""


@dataclass(frozen=True, slots=True)
class ContractDifference:
    """Candidate minus opponent on one contract: reported, never gated."""

    model: str
    """The candidate."""

    against: str
    """Role and name of the opponent."""

    metric: str
    """A primary metric."""

    contract: str
    """Its id."""

    estimate: Estimate
    """Of the difference, in the metric's own unit. The interval is of questions of this kind on
    this very contract: it says nothing of another."""

    q_value: float
    """As of a category, over the contracts of this metric."""


@dataclass(frozen=True, slots=True)
class Performance:
    """How fast one model answered in this run.

    All figures are None where the run asked nothing: times of another run say nothing of this one.
    """

    model: str
    """Whose answers."""

    calls: int
    """Answers that were asked for."""

    p50_latency: float | None
    """Seconds, the median."""

    p95_latency: float | None
    """Seconds, the 95th percentile."""

    tokens_per_second: float | None
    """Tokens generated, over the time in which the model was busy with calls of this run: retrieval
    and other models do not count. None for models without tokens."""


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Cases in which an exception was raised that was nobody's mistake."""

    model: str
    """Whose cases; empty for tasks beside the answers."""

    cases: Amount
    """How many."""

    example: str
    """The most frequent, in one line."""

    times: Count = 1
    """How often that one was raised."""


OPPONENTS: tuple[Literal["champion", "baseline", "anchor"], ...] = (
    "champion",
    "baseline",
    "anchor",
)
"""Roles of whom a candidate is compared with; whom it is shown beside is the first of them."""

Decision = Literal["PROMOTE", "PASS", "REJECT", "INCONCLUSIVE"]
"""PASS is a PROMOTE that cannot be one: the champion was not compared (`opponents.unpromoted`)."""


@dataclass(frozen=True, slots=True)
class Opponent:
    """A model that the candidate is measured against."""

    role: Literal["baseline", "champion", "anchor"]
    """Why it is an opponent."""

    name: str
    """In the registry."""

    identity: str
    """Of what was promoted."""

    tries: Count = 1
    """Of the anchor: how many tries its contracts have judged when the exam began, this one with
    them (models/promotion/ledger/tries.py). They share the risk."""

    @property
    def words(self) -> str:
        """What a check calls it."""
        return f"{self.role} {self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    metric: str
    """Or what else is checked."""

    against: str
    """`floor`, an opponent, or what the check is about."""

    outcome: Outcome
    """N/A is of a metric that does not apply to this kind of model or exam: it neither holds the
    candidate up nor speaks for it."""

    reason: str
    """In words, with its numbers."""

    estimate: Estimate | None = None
    """Of the mean, or of the difference, over the cases that have a value."""

    worst: Estimate | None = None
    """The same with the worst that may have stood for what was lost; None where nothing was, and
    of amounts, of which nobody knows the worst."""

    best: Estimate | None = None
    """The same with the best."""

    p_value: float | None = None
    """Of what the check has to refute, on what decides: with the worst for what was lost."""

    @property
    def compares(self) -> bool:
        """Whether it is against an opponent."""
        return self.against.partition(" ")[0] in OPPONENTS

    @property
    def speaks(self) -> bool:
        """Whether it shows something good of the answers."""
        known = METRICS.get(self.metric)
        return self.outcome == "PASS" and known is not None and known.reads_answers


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion about one candidate."""

    model: str
    """The candidate."""

    outcome: Decision
    """What follows from the checks."""

    reasons: tuple[str, ...]
    """Of the checks that did not pass; why a PASS is no PROMOTE."""

    checks: tuple[Check, ...]
    """Everything that had to hold."""

    champion: Opponent | None = None
    """Whom it was compared with; None without a champion."""

    anchor: Opponent | None = None
    """The best champion so far, where that is another."""

    improves_anchor: bool = True
    """Whether every gated metric is shown to be better than the best champion's so far (the
    anchor, or the champion where that is the anchor): such a candidate becomes the anchor when it
    is promoted. Were a better mean enough, luck would carry the anchor along a chain of small
    losses."""


@dataclass(frozen=True, slots=True)
class Group:
    """Estimates of one model on one group of cases."""

    model: str
    """Whose answers."""

    name: str
    """`all`, a category, or a contract."""

    cases: int
    """How many."""

    estimates: Mapping[str, Estimate]
    """By metric; one without a value is left out."""

    unscored: Mapping[str, int]
    """Cases without a value, by metric; a metric that has all of them is left out."""


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """A metric of the table, as this exam understood it."""

    direction: Literal["higher", "lower"]
    """Which is better."""

    unit: str
    """`s`, `tokens`, `ppl`, or nothing for a share in 0..1."""

    summary: str
    """What it measures, in a sentence."""

    of_retrieval: bool = False
    """Whether it reads passages alone, and so may not apply."""


# What was asked and answered


@dataclass(frozen=True, slots=True)
class ReportedPassage:
    """A piece of a contract that was shown to a model."""

    contract: str
    """Id of the contract."""

    start: int
    """Offset of its first character."""

    end: int
    """Offset after its last character."""

    text: str
    """What stands there."""


@dataclass(frozen=True, slots=True)
class ReportedCase:
    """A question about a contract."""

    id: str
    """In its data set."""

    slug: str
    """The same as a test's id has it."""

    identity: str
    """SHA-256 over question, gold answers and contract text."""

    contract: str
    """Id of the contract."""

    category: str
    """Of the question."""

    question: str
    """As it was asked."""

    expected: tuple[Span, ...]
    """The gold answers, any of which is right; empty where the contract does not answer."""


@dataclass(frozen=True, slots=True)
class FurtherAnswer:
    """Another answer of a model that draws to the same case: what its scores are made from."""

    answer: str
    """Its text."""

    passages: tuple[int, ...]
    """What the model was shown: places in `Report.passages`."""

    finish_reason: str
    """As these of `ReportedResult`."""

    tokens_in: int
    tokens_out: int
    latency: float
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ReportedTurn:
    """One turn of a chat, in parts that join to what it says.

    A part is a place in `Report.texts`, or a text of the result whose chat it is: `question`,
    `answer`, `reason` (of the judged metric), `passage 0` (the first of its passages), `gold 0`.
    """

    role: Literal["system", "user", "assistant"]
    """Who speaks."""

    parts: tuple[Amount | SlotName, ...]
    """In their order."""


@dataclass(frozen=True, slots=True)
class ReportedConversation:
    """A chat that led to an answer or to a score."""

    model: str
    """Who was asked."""

    metric: str
    """That was judged; empty where the case was answered."""

    turns: tuple[int, ...]
    """What was sent, and the reply where one came: places in `Report.turns`."""

    tokens_in: Amount = 0
    """Of the prompt."""

    tokens_out: Amount = 0
    """Of the reply."""

    cost: Decimal | None = None
    """US dollars that were paid for it, whenever that was; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class ReportedResult:
    """What one model made of one case."""

    model: str
    """Whose answer."""

    case: int
    """Its place in `Report.cases`."""

    answer: str
    """Empty when there is an error."""

    error: str | None
    """Why there is no answer; None when there is one."""

    passages: tuple[int, ...]
    """What the model was shown: places in `Report.passages`."""

    scores: Mapping[str, FiniteFloat | None]
    """By metric; None where it could not be computed."""

    reasons: Mapping[str, str]
    """Why, by metric; and what a judge said of its score."""

    missed: tuple[str, ...] = ()
    """The tests that this answer missed."""

    finish_reason: str = "stop"
    """`stop`, `length`, or what the server said."""

    cost: Decimal | None = None
    """US dollars that were paid for it, whenever that was; None where nobody knows."""

    tokens_in: int = 0
    """Tokens of the prompt; 0 where the model has none."""

    tokens_out: int = 0
    """Tokens of the answer."""

    latency: float = 0.0
    """Seconds from the request to the whole reply, queueing excluded."""

    confidence: FiniteFloat | None = None
    """Mean log-probability of the answer's tokens, where the model gives one."""

    asked: bool = False
    """Whether this run made the call; else the answer was there already."""

    reasoning: str = ""
    """What the model wrote for itself before the answer; kept, never scored."""

    repeats: Count | None = None
    """Of how many answers the scores are means, where there were more than this one."""

    further: tuple[FurtherAnswer, ...] = ()
    """The others of these answers; none of a case that is lost as a whole."""

    votes: Mapping[str, Mapping[str, FiniteFloat | None]] = field(default_factory=dict)
    """By metric that several judges scored: each judge's own score; None where it gave none."""

    conversations: tuple[ReportedConversation, ...] = ()
    """The chats that led to this answer, and those of its judges; early reports have none, nor has
    what was judged before by judges that cannot say again what they asked."""

    judging: Mapping[str, Decimal | None] = field(default_factory=dict)
    """By metric whose judges were paid: US dollars, whenever that was; None where nobody knows."""


# The whole


@dataclass(frozen=True)
class Overview:
    """A report without its cases: what the file begins with, and what can be read alone."""

    header: Header
    """See `Report`, as for all of these."""

    notes: tuple[str, ...]
    spending: Spending
    summary: tuple[Group, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Report:
    """One exam, concluded. It begins with what an `Overview` has."""

    header: Header
    """What was examined, with what, where and by whom."""

    notes: tuple[str, ...]
    """Lines for the reader: what the exam was too small for, what changed in the data."""

    spending: Spending
    """What the run cost."""

    summary: tuple[Group, ...]
    """Each model on all cases, in the order of the exam."""

    verdicts: tuple[Verdict, ...]
    """One a candidate."""

    metrics: Mapping[str, MetricFacts]
    """The table of metrics, by name. Metrics of judges that it does not list are shares of which
    more is better."""

    categories: tuple[Group, ...]
    """Each model on each category."""

    contracts: tuple[Group, ...]
    """Each model on each contract."""

    performance: tuple[Performance, ...]
    """One a model."""

    passages: tuple[ReportedPassage, ...]
    """Each passage once, whoever was shown it."""

    cases: tuple[ReportedCase, ...]
    """Each case once."""

    results: tuple[ReportedResult, ...]
    """Each model's answer to each case."""

    differences: tuple[CategoryDifference, ...] = ()
    """Where candidates differ from opponents, by category."""

    contract_differences: tuple[ContractDifference, ...] = ()
    """The same by contract."""

    sections: tuple[Section, ...] = ()
    """What was found beside the metrics."""

    exceptions: tuple[Exceptions, ...] = ()
    """One a model that had any."""

    turns: tuple[ReportedTurn, ...] = ()
    """Of every conversation, each once."""

    texts: tuple[str, ...] = ()
    """What turns say beside the texts of cases, each once."""

    @property
    def failed_answers(self) -> int:
        """Answers that are errors."""
        return sum(result.error is not None for result in self.results)

    @property
    def examined_contracts(self) -> int:
        """Contracts of the cases, which a report on sealed ones does not list."""
        return self.header.dataset.examined_contracts or len({each.contract for each in self.cases})

    def section(self, name: str) -> Section | None:
        """The section of a name, if there is one."""
        return next((each for each in self.sections if each.name == name), None)

    @cached_property
    def by_case(self) -> Mapping[str, Mapping[str, ReportedResult]]:
        """Results by model, then by case id; a model without any has none."""
        found: dict[str, dict[str, ReportedResult]] = {each.model: {} for each in self.summary}
        for result in self.results:
            found.setdefault(result.model, {})[self.cases[result.case].id] = result
        return found

    @property
    def marks(self) -> Mapping[str, float]:
        """What a case must reach, by metric."""
        return {**self.header.gate.pass_marks, **RIGHT_OR_WRONG}

    @property
    def gating(self) -> list[str]:
        """Metrics that gate."""
        rules = self.header.gate.metrics
        return [name for name, rule in rules.items() if rule.role != "report"]

    def unit_of(self, metric: str) -> str:
        """The metric's unit; empty for a share."""
        return self.metrics[metric].unit if metric in self.metrics else ""

    def lower_is_better(self, metric: str) -> bool:
        """Whether less of it is better."""
        return metric in self.metrics and self.metrics[metric].direction == "lower"

    def passes(self, metric: str, score: float) -> bool:
        """Whether the score reaches the metric's mark.

        Raises:
            KeyError: it has none.
        """
        mark = self.marks[metric]
        return score <= mark if self.lower_is_better(metric) else score >= mark
