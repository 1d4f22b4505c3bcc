"""A search of the contract that a case asks about, for programs that look further themselves."""

from dataclasses import dataclass, field, replace

from common.paths import cache_dir
from fixtures.cases import Case
from fixtures.retrieval.passages import Chunker, Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.program.entry import SearchOptions


@dataclass
class Search:
    """Passages of one contract by any query; `found` are all that came, each once."""

    case: Case
    retriever: Retriever
    found: list[Passage] = field(default_factory=list)

    def __call__(self, query: str) -> list[str]:
        """The texts of the best passages, the best first; none of a query without words."""
        if not str(query).strip():
            return []
        asked = replace(self.case, question=str(query), category="")
        (passages,) = self.retriever.retrieve([asked])
        self.found += [each for each in passages if each not in self.found]
        return [each.text for each in passages]


def open_search(options: SearchOptions) -> Retriever:
    """What ranks passages for a query.

    Raises:
        UserError: the options are impossible.
    """
    chunker = Chunker(options.chunk_size, options.chunk_overlap)
    chosen = RetrieverOptions(kind=options.retriever, k=options.k, chunker=chunker, prior=False)
    return Retriever(chosen, "programs", cache_dir() / "passages")
