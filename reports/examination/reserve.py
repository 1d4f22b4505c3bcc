"""`--sealed`: the reserve of a data set, taken whole, for a promotion."""

from common.errors import UserError
from evals.options import ExamOptions
from fixtures.cases import Dataset
from fixtures.sealing import opened, seal_to_open
from models.promotion.ledger.files import own_ledger
from reports.verdict.opponents import CHAMPION


def open_reserve(options: ExamOptions, dataset: Dataset) -> Dataset:
    """The sealed contracts of a data set, for an exam that takes all of them.

    Raises:
        UserError: there are none, the exam would read some of them, or compare with nobody, or its
            opening would not be counted where all are.
    """
    seal = seal_to_open(dataset.reserve, dataset.name, options.seals)
    if seal is None:
        raise UserError(
            f"--sealed: nothing of {dataset.name} is sealed; type "
            f"`python -m fixtures.seal --dataset {options.dataset}`"
        )
    chosen = options.selection
    narrow = chosen.limit or chosen.categories or chosen.contracts or options.leave_out_trained
    narrow = narrow or options.retriever.passages == "gold"
    if narrow or chosen.split != "test" or options.missed or options.errored or options.full:
        raise UserError(
            "--sealed examines all sealed contracts, once: leave out --split, --limit, --category, "
            "--contract, --leave-out-trained, --passages, --missed, --errored and --full"
        )
    if options.baseline != CHAMPION:
        raise UserError("--sealed is for a promotion: add --baseline champion")
    if options.ledger.resolve() != (counted := own_ledger(options.registry)).resolve():
        raise UserError(
            f"--sealed: openings are counted in {counted} alone; leave out --ledger, and unset "
            "BAR_EXAM_LEDGER"
        )
    return opened(dataset, seal)
