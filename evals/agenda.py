"""Everything that one exam asks beside its cases: judges, their exams, variants, probes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from evals.gate import Gate
from evals.judges.align.judge import AlignedJudge, check_use, read_alignment
from evals.judges.factory import JUDGEMENT, judge_exams, open_judges, wanted_metrics
from evals.judges.judge import Judge
from evals.judges.judge_exam import JudgeExam
from evals.judges.llm.pairwise import PairwiseJudge
from evals.judges.metric_exam import MetricExam, metric_exams
from evals.judges.wording import Wording, rubric_digest
from evals.labels import Label, read_labels
from evals.metrics.table import METRICS
from evals.options import ALIGNED, REFERENCE, ExamOptions, asks_nobody
from evals.plan import Plan
from evals.probes.contamination import REPLY, ContaminationExam
from evals.probes.forgetting import HarnessExam, ProbeExam
from evals.probes.openings import choose_twins
from evals.probes.probe import read_probes
from evals.suites import CONTAMINATION, FORGETTING, JUDGE, varied_suites
from evals.variants.variant import Variant
from evals.variants.vary import vary
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from fixtures.selection import sample
from models.chat import Model
from models.entry import Prompted
from models.factory import Chats
from models.local.entry import LocalEntry, adapter_folder
from models.local.weights import base_folder
from models.prices import Prices
from models.registry import parts_of, read_entry


@dataclass(frozen=True)
class Agenda:
    """What is asked: `rules` and `judges` score the cases, `varied` are those that are varied.

    `suites` are those for which cases are varied. `pairings` are the models whose answers
    `preference` compares. `labels` are people's scores.
    """

    rules: tuple[str, ...]
    judges: tuple[Judge, ...]
    judge_exams: tuple[JudgeExam, ...]
    metric_exams: tuple[MetricExam, ...]
    probe_exams: tuple[ProbeExam, ...]
    harness_exams: tuple[HarnessExam, ...]
    contamination_exams: tuple[ContaminationExam, ...]
    suites: tuple[str, ...]
    varied: frozenset[str]
    pairings: tuple[tuple[str, str], ...]
    preference: PairwiseJudge | None
    labels: tuple[Label, ...]

    def plan(
        self,
        models: tuple[Model, ...],
        cases: tuple[Case, ...],
        stages: tuple[tuple[Case, ...], ...],
        limits: tuple[int | None, int | None],
        needs_answers: bool,
    ) -> Plan:
        """The engine's plan; `limits` are the most calls and the most tokens."""
        return Plan(
            models=models,
            cases=cases,
            judges=self.judges,
            max_calls=limits[0],
            max_tokens=limits[1],
            needs_answers=needs_answers,
            stages=stages,
            rules=self.rules,
            vary=self._vary,
            tasks=(
                *self.judge_exams,
                *self.metric_exams,
                *self.probe_exams,
                *self.harness_exams,
                *self.contamination_exams,
            ),
            pairings=self.pairings,
            preference=self.preference,
        )

    def _vary(self, case: Case, passages: Sequence[Passage]) -> Sequence[Variant]:
        return vary(case, passages, self.suites) if case.id in self.varied else ()


def plan_agenda(
    options: ExamOptions,
    gate: Gate,
    cases: Sequence[Case],
    opponents: Sequence[str],
    marked: Collection[str],
    suites: Collection[str],
    chats: Chats,
) -> Agenda:
    """Open what the selected tests, the gate file and the command line ask for.

    Args:
        options: of the command line.
        gate: the gate file; its judged metrics that gate have their judges examined.
        cases: every case of the exam.
        opponents: names of those that the candidates are measured against.
        marked: metrics that the selected tests look up.
        suites: names of those with a selected test.
        chats: opens the judges and the models that are probed.

    Raises:
        UserError: a metric lacks its judge, a name is no chat model, or the labels are malformed.
    """
    prices = Prices(options.registry)
    billed = any(prices.billed(name) for name in (*options.models, *opponents))
    chosen = (*options.metrics, *(("cost",) if billed else ()))
    metrics = wanted_metrics(gate, chosen, marked, options.judges)
    told = gate.judge.wording
    judges = open_judges(metrics, options.judges, options.judge_samples, chats, told)
    for judge in judges:
        if isinstance(judge, AlignedJudge):
            check_use(judge, rubric_digest(told), options.labels)
    examines = options.judge_exam == "take" and (gate.relies_on_judges or JUDGE.name in suites)
    forgets = FORGETTING.name in suites
    varying = varied_suites(suites)
    pairwise = _pairwise(options, chats, told)
    return Agenda(
        rules=tuple(name for name in metrics if METRICS[name].rule is not None),
        judges=judges,
        judge_exams=_judge_exams(options, judges, chats, told) if examines else (),
        metric_exams=(
            tuple(metric_exams({*gate.gating, *gate.critical.metrics}, judges))
            if options.judge_exam == "take"
            else ()
        ),
        probe_exams=tuple(_probe_exams(options.models, options.registry, chats)) if forgets else (),
        harness_exams=tuple(_harness_exams(options)) if forgets else (),
        contamination_exams=(
            tuple(_contamination_exams(options, cases, chats))
            if CONTAMINATION.name in suites
            else ()
        ),
        suites=varying,
        varied=varied_cases(cases, options.variants) if varying else frozenset(),
        pairings=_pairings(options.models, opponents) if pairwise else (),
        preference=pairwise,
        labels=_labels(options, cases, told),
    )


def _labels(options: ExamOptions, cases: Sequence[Case], told: Wording) -> tuple[Label, ...]:
    return read_labels(options.labels, cases, rubric_digest(told)) if options.labels else ()


def _judge_exams(
    options: ExamOptions, judges: Sequence[Judge], chats: Chats, told: Wording
) -> tuple[JudgeExam, ...]:
    """Judges are examined on correctness, whatever they score."""
    if not any(judge.metric == "correctness" for judge in judges):
        judges = open_judges(("correctness",), options.judges, options.judge_samples, chats, told)
    return tuple(judge_exams(judges))


def _pairings(models: Sequence[str], opponents: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((one, other) for one in models for other in opponents if one != other)


def _pairwise(options: ExamOptions, chats: Chats, told: Wording) -> PairwiseJudge | None:
    """The first chat model among the judges, if answers are to be compared in pairs."""
    if not options.pairwise:
        return None
    name = next((name for name in options.judges if not asks_nobody(name)), None)
    if name is None or options.baseline is None:
        raise UserError("--pairwise needs --judge MODEL and --baseline NAME")
    return PairwiseJudge(chats.open(name, JUDGEMENT), wording=told)


def varied_cases(cases: Sequence[Case], limit: int) -> frozenset[str]:
    """The ids of the cases that are varied: a deterministic sample, as `--limit` draws."""
    return frozenset(case.id for case in sample(list(cases), limit))


def _probe_exams(models: Sequence[str], registry: Path, chats: Chats) -> list[ProbeExam]:
    """One for each model that has a base of its own; a program knows what its generator does."""
    voices = {name: parts_of(name, registry)[-1][0] for name in models}
    bases = {name: chats.open_base(voice) for name, voice in voices.items()}
    probes = read_probes() if any(bases.values()) else ()
    return [
        ProbeExam(name, chats.open(voices[name]), base, probes)
        for name, base in bases.items()
        if base
    ]


def _contamination_exams(
    options: ExamOptions, cases: Sequence[Case], chats: Chats
) -> Iterator[ContaminationExam]:
    """One for each model that chats, on as many contracts of the exam as cases are varied."""
    contracts = {case.contract.id: case.contract for case in cases}
    every = sorted(contracts.values(), key=lambda contract: contract.digest)
    twins = choose_twins(every[: options.variants], every)
    for name in options.models if twins else ():
        *_, (voice, entry) = parts_of(name, options.registry)
        if isinstance(entry, Prompted):
            yield ContaminationExam(name, chats.open(voice, REPLY), twins)


def _harness_exams(options: ExamOptions) -> Iterator[HarnessExam]:
    """The harness's tasks, for each model that is an adapter on a base, or asks one."""
    entries = {name: parts_of(name, options.registry)[-1][1] for name in options.models}
    for name, entry in entries.items() if options.lm_eval else ():
        if isinstance(entry, LocalEntry) and (adapter := adapter_folder(entry)):
            base = base_folder(entry.base, entry.revision)
            yield HarnessExam(name, base, adapter, options.lm_eval)


def check_judges(judges: Sequence[str], registry: Path) -> None:
    """Raise a UserError for a judge that is in no registry or file, before anything is done."""
    beside = (REFERENCE, "none")
    for name in judges:
        if name.startswith(ALIGNED):
            read_alignment(name)
        elif name != REFERENCE and not isinstance(
            read_entry(name, registry, "--judge", beside), Prompted
        ):
            raise UserError(f"--judge {name}: it answers cases, but cannot chat; give a chat model")
