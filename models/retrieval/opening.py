"""From what was typed to a retriever: embedders and Chroma servers are opened here alone.

Passages are contract text, and vectors tell of it: whoever sends them anywhere is asked about at
`models/egress.py` first.
"""

import re
from pathlib import Path

from common.errors import UserError
from common.redaction import address, redacted
from fixtures.retrieval.chroma import ChromaServer
from fixtures.retrieval.embedder import MINILM, Embedder, load_embedder
from fixtures.retrieval.log_odds import Priors
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.egress import Egress
from models.registry import entry_path
from models.retrieval.entry import (
    OPTION,
    SentencesEntry,
    TitanEntry,
    embedders_beside,
    read_embedder,
)
from models.retrieval.sentences import SentenceEmbedder
from models.retrieval.served import ServedEmbedder
from models.retrieval.titan import TitanEmbedder


def open_retriever(
    options: RetrieverOptions,
    dataset: str,
    folder: Path,
    egress: Egress,
    *,
    priors: Priors | None = None,
) -> Retriever:
    """A retriever with embedder and index as its options name them; nothing is loaded or sent yet.

    Args:
        options: what was typed.
        dataset: the data set's name, under which passages are indexed.
        folder: where the index is kept.
        egress: what data is sent, and the registry beside which embedders and the policy lie.
        priors: the shipped ones where None.

    Raises:
        UserError: the embedder is unknown, its key or package is missing, `index` is no URL, or
            the data may not be sent to one of them.
    """
    embedder = None if options.embedder == MINILM else open_embedder(options.embedder, egress)
    chroma = open_server(options.index, egress) if options.index else None
    return Retriever(options, dataset, folder, chroma=chroma, embedder=embedder, priors=priors)


def open_server(url: str, egress: Egress) -> ChromaServer:
    """The Chroma server of a URL, as `open_retriever` opens it."""
    bare = address(url).bare
    if not re.fullmatch(r"https?://[^/?#]+[^?#]*", bare):
        raise UserError(f"--index {redacted(url)}: give a Chroma server as http://HOST:PORT")
    egress.check(bare, "--index", {})
    return ChromaServer(url)


def open_embedder(name: str, egress: Egress) -> Embedder:
    """The embedder of a name, as `open_retriever` opens it."""
    if name == MINILM:
        return load_embedder()
    entry = read_embedder(name, egress.registry)
    if isinstance(entry, SentencesEntry):
        return SentenceEmbedder(entry)
    if isinstance(entry, TitanEntry):
        return TitanEmbedder(name, entry, egress)
    file = entry_path(name, embedders_beside(egress.registry), OPTION)
    return ServedEmbedder(name, entry, egress, file)
