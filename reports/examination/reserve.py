"""`--sealed`: the reserve of a data set, taken whole, for a promotion."""

from common.errors import UserError
from evals.options import ExamOptions
from fixtures.cases import Dataset
from fixtures.sealing import opened, read_seal
from reports.verdict.opponents import CHAMPION


def open_reserve(options: ExamOptions, dataset: Dataset) -> Dataset:
    """The sealed contracts of a data set, for an exam that takes all of them.

    Raises:
        UserError: there are none, or the exam would read some of them, or compare with nobody.
    """
    if read_seal(options.seals, dataset.name) is None:
        raise UserError(
            f"--sealed: nothing of {dataset.name} is sealed; type "
            f"`python -m fixtures.seal --dataset {options.dataset}`"
        )
    chosen = options.selection
    narrow = chosen.limit or chosen.categories or chosen.contracts or options.leave_out_trained
    if narrow or chosen.split != "test" or options.missed or options.errored or options.full:
        raise UserError(
            "--sealed examines all sealed contracts, once: leave out --split, --limit, --category, "
            "--contract, --leave-out-trained, --missed, --errored and --full"
        )
    if options.baseline != CHAMPION:
        raise UserError("--sealed is for a promotion: add --baseline champion")
    return opened(dataset)
