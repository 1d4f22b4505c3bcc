"""From options to what is examined: gate, registry, data set and opponents, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from common.errors import UserError
from common.extensions import Extension
from evals.agenda import check_judges
from evals.gate import Gate, read_gate
from evals.options import JUDGED_BY_DEFAULT, ExamOptions, asks_nobody
from fixtures.cases import Case, Dataset
from fixtures.datasets import load_dataset
from fixtures.recorded import NO_CONTRACT
from fixtures.selection import select
from models.prices import Prices
from models.promotion.admission.policy import Policy, policy_path, read_policy
from models.registry import parts_of
from reports.examination.reserve import open_reserve
from reports.examination.run_folder import check_runs, new_run_id
from reports.report import Opponent
from reports.verdict.decide import shared, who_may_pass
from reports.verdict.leakage import without_trained
from reports.verdict.opponents import check_registered, name_opponents

Kind = Literal["all", "answerable", "unanswerable"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one exam is of. Cheap to make: nothing is embedded, loaded or asked yet."""

    options: ExamOptions
    root: Path
    gate: Gate
    dataset: Dataset
    cases: tuple[Case, ...]
    opponents: tuple[Opponent, ...]
    run_id: str
    extensions: tuple[Extension, ...] = ()
    policy: Policy | None = None

    @property
    def candidates(self) -> tuple[str, ...]:
        """The models that may pass."""
        return who_may_pass(self.options.models, self.opponents)

    @property
    def corrected(self) -> Gate:
        """The gate at the risk that each of several candidates may run."""
        return shared(self.gate, self.candidates)

    @property
    def folder(self) -> Path:
        """Where the report of this run lies."""
        return self.options.runs / self.run_id

    def of_kind(self, kind: Kind) -> list[Case]:
        """The selected cases that the contract answers, does not answer, or all."""
        return [
            case
            for case in self.cases
            if kind == "all" or case.answerable == (kind == "answerable")
        ]


def prepare(
    options: ExamOptions,
    root: Path,
    run_id: str | None = None,
    extensions: tuple[Extension, ...] = (),
) -> Prepared:
    """Read gate, policy, registry and data set; everything a user may have got wrong shows here.

    Args:
        options: of the command line.
        root: folder of the checkout, from which the report names the gate file.
        run_id: of the run that an xdist worker asserts about; None to begin one.
        extensions: what the repository adds to the tables.

    Raises:
        UserError: any of them is missing or malformed, or no case is selected.
    """
    gate = read_gate(options.gate)
    policy = read_policy(policy_path(options.registry))
    parts = [part for name in options.models for part in parts_of(name, options.registry)]
    dataset = load_dataset(options.dataset, options.cuad, options.seals)
    if options.sealed:
        dataset = open_reserve(options, dataset)
    if options.leave_out_trained:
        learnt = [entry for _, entry in parts]
        selection = without_trained(dataset, options.selection, learnt, gate.leakage)
        options = replace(options, selection=selection)
    cases = select(dataset, options.selection)
    _check_gold(options, dataset.name, cases)
    _check_clusters(options, cases)
    if options.judged_by_default and len(cases) * len(options.models) > JUDGED_BY_DEFAULT:
        options = replace(options, judges=())
    check_judges(options.judges, options.registry)
    check_runs(options.runs)
    if options.sequential and not options.baseline:
        raise UserError("--sequential needs an opponent: give --baseline champion, or a model")
    opponents = name_opponents(options.baseline, options.registry.parent)
    check_registered(opponents, options.registry)
    if options.max_cost is not None:
        judges = [name for name in options.judges if not asks_nobody(name)]
        named = (*options.models, *(opponent.name for opponent in opponents), *judges)
        prices = Prices(options.registry)
        prices.check(named)
        prices.check_embedder(options.retriever.embedder)
    run_id = run_id or new_run_id()
    return Prepared(options, root, gate, dataset, cases, opponents, run_id, extensions, policy)


def _check_clusters(options: ExamOptions, cases: Sequence[Case]) -> None:
    """Ask what belongs together, where no row of a recording says which contract it is about."""
    if len(cases) > 1 and all(case.contract.id == NO_CONTRACT for case in cases):
        raise UserError(
            f"--dataset {options.dataset}: no row says which contract it is about, and answers "
            "about one contract are not independent; give --cluster COLUMN, the column that tells, "
            "or --cluster question, which counts each question as a contract of its own"
        )


def _check_gold(options: ExamOptions, name: str, cases: Sequence[Case]) -> None:
    """Refuse to give gold passages where nobody knows which they are."""
    answerable = [case for case in cases if case.answerable]
    known = any(case.located for case in answerable)
    if options.retriever.passages == "gold" and answerable and not known:
        raise UserError(
            f"--passages gold: no expected answer of {name} is located in its contract, so that no "
            "passage is known to hold one; leave it out"
        )
