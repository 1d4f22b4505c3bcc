"""Which metrics have no meaning for a kind of model, or a kind of exam.

That follows from the registry entry, the data set and the options, all of which the report
records; never from a value that is missing, or a guard could be escaped by losing what it reads.
"""

from collections.abc import Mapping, Sequence

from bar_exam.evals.metrics.table import METRICS
from bar_exam.fixtures.cases import Case
from bar_exam.fixtures.retrieval.passages import Chunker
from bar_exam.fixtures.retrieval.retrieval import RetrieverOptions
from bar_exam.models.entry import Entry, Prompted
from bar_exam.models.registry import RecordedEntry


def inapplicable(
    entry: Entry, cases: Sequence[Case], retriever: RetrieverOptions
) -> Mapping[str, str]:
    """The metrics that do not apply to a model in this exam, each with the reason.

    Only those of retrieval can be: they say how good the passages are, whoever reads them.
    """
    why = _no_retrieval(entry, cases, retriever)
    return {name: why for name, metric in METRICS.items() if metric.of_retrieval} if why else {}


def _no_retrieval(entry: Entry, cases: Sequence[Case], retriever: RetrieverOptions) -> str:
    """Why nothing can be said of what a model is shown; empty where something can."""
    if isinstance(entry, Prompted) and not entry.passages:
        return "the model is asked without passages"
    if isinstance(entry, RecordedEntry):
        return "the answers were recorded, and not what was retrieved for them"
    if retriever.kind == "none":
        return "--retriever none shows the contract, and ranks nothing"
    return _nothing_to_rank(cases, retriever.chunker)


def _nothing_to_rank(cases: Sequence[Case], chunker: Chunker) -> str:
    located = [case for case in cases if any(span.start is not None for span in case.spans)]
    if not located:
        return "no expected answer is located in its contract"
    contracts = {case.contract.digest: case.contract for case in located}.values()
    if any(len(contract.text) > chunker.size for contract in contracts):
        return ""
    if any(len(chunker.split(contract)) > 1 for contract in contracts):
        return ""
    return "every contract is one passage, so that all of it is shown"
