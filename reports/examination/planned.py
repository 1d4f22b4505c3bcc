"""An exam before its first call: models and judges opened, cases divided, all that can be known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from common.paths import cache_dir
from evals.agenda import Agenda, plan_agenda
from evals.metrics.table import METRICS
from evals.plan import Plan
from evals.repeats import format_draws
from evals.selected import Selected
from fixtures.retrieval.retrieval import Retriever
from models.factory import Chats
from models.prices import Prices
from models.promotion.ledger.tries import Judged
from models.registry import parts_of, read_entry
from models.retrieval.opening import open_retriever
from reports.examination.admissible import admissibility, passed_over
from reports.examination.beforehand import (
    Beforehand,
    drafted_notes,
    gold_notes,
    look_ahead,
    slow_notes,
)
from reports.examination.header import model_facts
from reports.examination.imports import import_notes
from reports.examination.looks import Looks, plan_stages
from reports.examination.prepare import Prepared
from reports.report import Check, ModelFacts, Role
from reports.sections.contamination import contamination_needs
from reports.sections.fairness import fairness_needs
from reports.verdict.leakage import excuses, leak_checks
from reports.verdict.opponents import open_with_opponents
from reports.verdict.preconditions import partial_check


@dataclass(frozen=True, slots=True)
class Planned:
    """What one exam asks, and what is known of it before it asks.

    The opponents of `prepared` have their identities now. `models` are as the report's header has
    them; `leaks` are checks by candidate; `judged` is how often these contracts judged before.
    """

    prepared: Prepared
    agenda: Agenda
    plan: Plan
    looks: Looks
    retriever: Retriever
    models: tuple[ModelFacts, ...]
    leaks: Mapping[str, list[Check]]
    beforehand: Beforehand
    judged: Judged | None = None

    @property
    def partial(self) -> list[Check]:
        """The check that it is the whole exam, where it is a part."""
        selection, given = self.prepared.options.selection, self.prepared.options.retriever.passages
        return partial_check(len(self.plan.cases), len(self.prepared.cases), selection, given)

    @property
    def part(self) -> bool:
        """Whether it can promote nobody: cases or answers were left out, or all but a reserve."""
        return bool(self.partial) or not self.plan.needs_answers or self.prepared.options.sealed


def plan_exam(prepared: Prepared, selected: Selected, chats: Chats) -> Planned:
    """Open everything that the selected tests need; nothing is asked yet.

    Raises:
        UserError: a champion is not what was promoted, a metric lacks its judge, or what a model
            was trained on cannot be read.
    """
    options, gate = prepared.options, prepared.gate
    models, opponents = open_with_opponents(
        options.models, prepared.opponents, options.registry, chats
    )
    prepared = replace(prepared, opponents=opponents)
    agenda = plan_agenda(
        options,
        gate,
        prepared.cases,
        [opponent.name for opponent in opponents],
        selected.metrics,
        selected.suites,
        chats,
    )
    cases = tuple(case for case in prepared.cases if case.id in selected.cases)
    looks = plan_stages(cases, prepared.corrected.alpha, sequential=options.sequential)
    answers = selected.answers or any(METRICS[m].needs == "answer" for m in selected.metrics)
    limits = options.max_calls, options.max_tokens
    excused = excuses(options.registry)
    leaks = {
        name: leak_checks(parts_of(name, options.registry), cases, gate.leakage, excused)
        for name in options.models
    }
    retriever = open_retriever(
        options.retriever, prepared.dataset.name, cache_dir() / "passages", chats.egress
    )
    promotes = (
        (admissibility(prepared, cases, retriever.identity, agenda.judges),) if gate.rules else ()
    )
    roles: dict[str, Role] = {opponent.name: opponent.role for opponent in opponents}
    beside = (
        *format_draws(models, len(cases), options.repeats if answers else 1),
        *fairness_needs(agenda, cases, len(models), gate),
        *contamination_needs(agenda.contamination_exams, gate),
    )
    entries = {model.name: read_entry(model.name, options.registry) for model in models}
    gold = tuple(gold_notes(entries, cases)) if options.retriever.passages == "gold" else ()
    imported = (
        ()
        if options.sealed or not selected.cases
        else tuple(import_notes(models, prepared.dataset, options.dataset, options.repeats))
    )
    own = tuple(drafted_notes(models, cases))
    prices = Prices(options.registry)
    ahead = look_ahead(prepared, cases, leaks, agenda.judge_exams, beside)
    return Planned(
        prepared=prepared,
        agenda=agenda,
        plan=replace(
            agenda.plan(models, cases, looks.stages, limits, answers),
            repeats=options.repeats,
            max_cost=options.max_cost,
            prices=prices.of,
            embedding=prices.of_embedder(options.retriever.embedder),
            gold=options.retriever.chunker if options.retriever.passages == "gold" else None,
        ),
        looks=looks,
        retriever=retriever,
        models=tuple(
            model_facts(model, entries[model.name], roles.get(model.name, "candidate"))
            for model in models
        ),
        leaks=leaks,
        beforehand=Beforehand(
            (*ahead.notes, *own, *gold, *imported, *passed_over(prepared)),
            (*ahead.announced, *own, *gold, *imported, *slow_notes(models), *promotes),
        ),
    )
