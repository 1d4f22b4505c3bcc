"""Retrieval ranks inside the case's contract, and its identity costs no heavy import."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.retrieval import table
from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.errors import UserError
from fixtures.passages import Chunker
from fixtures.priors import Priors
from fixtures.retrieval import Retriever, RetrieverOptions, fuse

ROOT = Path(__file__).parents[1]
CUAD = ROOT.parent / "shared" / "cuad"

CLAUSES = (
    "1. Rent. The tenant pays the monthly rent in advance. ",
    "2. Pets. Animals are kept in the premises with permission alone. ",
    "3. Law. This lease is governed by the statutes of Ohio. ",
    "4. End. Either side may cancel with ninety days of warning. ",
    "5. Arms. No weapons are stored in the cellar or the attic. ",
)
LEASE = Contract("lease", "\n".join(clause * 3 for clause in CLAUSES))
OTHER = Contract("other", LEASE.text.replace("Ohio", "Utah"))
CHUNKER = Chunker(200, 0)
PRIORS = Priors({"Governing Law": {"animals": 1.0, "statutes": -1.0}}, {})


def case(contract=LEASE, category="", question="Can I have a dog or a cat?"):
    return Case("id", "slug", contract, category, question, ())


def retrieve(tmp_path, kind, cases, k=1, priors=PRIORS, **options):
    options = RetrieverOptions(kind, k, CHUNKER, **options)
    return Retriever(options, "toy", tmp_path, priors=priors).retrieve(cases)


def clauses(found):
    return [passages[0].text.split()[1] for passages in found]


def test_dense_finds_meaning_that_no_word_shares(tmp_path):
    questions = [case(), case(question="Must the lessee make payments?")]
    assert clauses(retrieve(tmp_path, "dense", questions)) == ["Pets.", "Rent."]


def test_bm25_finds_words_in_the_case_s_own_contract(tmp_path):
    asked = [case(contract, question="statutes?") for contract in (LEASE, OTHER, LEASE)]
    found = retrieve(tmp_path, "bm25", asked)
    assert clauses(found) == ["Law."] * 3
    assert [passages[0].contract_id for passages in found] == ["lease", "other", "lease"]
    assert "Utah" in found[1][0].text
    assert not list(tmp_path.iterdir())


def test_passages_keep_their_offsets_and_k_is_at_most(tmp_path):
    (found,) = retrieve(tmp_path, "bm25", [case(question="warning")], k=99)
    assert len(found) == 5
    assert all(LEASE.text[passage.start : passage.end] == passage.text for passage in found)
    (found,) = retrieve(tmp_path, "bm25", [case(question="warning")], k=2)
    assert len(found) == 2


def test_a_question_of_stop_words_keeps_the_order_of_the_text(tmp_path):
    assert clauses(retrieve(tmp_path, "bm25", [case(question="Is it the?")])) == ["Rent."]


def test_none_gives_the_whole_contract(tmp_path):
    ((passage,),) = retrieve(tmp_path, "none", [case()])
    assert (passage.start, passage.end, passage.text) == (0, len(LEASE.text), LEASE.text)


def test_hybrid_follows_the_prior_and_embeds_nothing(tmp_path):
    asked = case(category="Governing Law", question="Which statutes apply?")
    assert clauses(retrieve(tmp_path, "hybrid", [asked])) == ["Pets."]
    assert not list(tmp_path.iterdir())


def test_hybrid_fuses_where_the_category_is_unseen(tmp_path):
    asked = [case(category="Pets allowed"), case(category="Statutes", question="Which court?")]
    assert clauses(retrieve(tmp_path, "hybrid", asked)) == ["Pets.", "Law."]


def test_baselines_ignore_the_prior(tmp_path):
    asked = [case(category="Governing Law", question="Which statutes govern the lease?")]
    for kind in ("dense", "bm25"):
        assert clauses(retrieve(tmp_path, kind, asked)) == ["Law."]
    assert clauses(retrieve(tmp_path, "hybrid", asked, prior=False)) == ["Law."]


@pytest.mark.parametrize("kind", ["dense", "bm25", "hybrid", "none"])
def test_no_cases_and_contracts_without_words(tmp_path, kind):
    assert retrieve(tmp_path, kind, []) == []
    texts = ["", "\n \n", "the of and"]
    found = retrieve(tmp_path, kind, [case(Contract("blank", text)) for text in texts])
    assert ["".join(passage.text for passage in passages) for passages in found] == texts


def test_progress_counts_the_contracts_to_embed(tmp_path):
    calls = []
    retriever = Retriever(RetrieverOptions("dense", 1, CHUNKER), "toy", tmp_path)
    asked = [case(), case(OTHER), case(question="Law?")]
    retriever.retrieve(asked, lambda *call: calls.append(call))
    assert calls == [(1, 2), (2, 2)]


def test_fusion_is_the_published_formula():
    assert fuse([[2, 0, 1], [2, 1, 0]])[0] == 2
    assert fuse([[0, 1, 2], [1, 2, 0]]) == [1, 0, 2]  # 1/62+1/61 > 1/61+1/63 > 1/63+1/62


def test_identity_tells_retrievers_apart(tmp_path):
    options = [
        RetrieverOptions(),
        RetrieverOptions(prior=False),
        RetrieverOptions("dense"),
        RetrieverOptions("bm25"),
        RetrieverOptions("bm25", k=3),
        RetrieverOptions("bm25", chunker=CHUNKER),
        RetrieverOptions("none"),
    ]
    identities = {Retriever(each, "toy", tmp_path).identity for each in options}
    identities.add(Retriever(RetrieverOptions(), "toy", tmp_path, priors=PRIORS).identity)
    assert len(identities) == 8
    same = Retriever(RetrieverOptions(), "elsewhere", tmp_path / "other").identity
    assert same in identities


def test_identity_and_bm25_import_nothing_heavy(tmp_path):
    code = f"""
import sys
from pathlib import Path
from fixtures.retrieval import Retriever, RetrieverOptions
assert len(Retriever(RetrieverOptions(), "toy", Path({str(tmp_path)!r})).identity) == 64
heavy = "torch transformers chromadb sklearn scipy numpy bm25s langchain_text_splitters".split()
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("options", "named"), [({"kind": "bm52"}, "bm25"), ({"k": 0}, "--k 0")])
def test_nonsense_is_one_line(options, named):
    with pytest.raises(UserError, match=named) as caught:
        RetrieverOptions(**options)
    assert "\n" not in str(caught.value)


def test_the_bench_table_measures_ranks(tmp_path):
    law, pets = (LEASE.text.index(word) for word in ("3. Law", "2. Pets"))
    spans = (Span("3. Law", law), Span("2. Pets", pets))
    asked = Case("i", "s", LEASE, "", "Which statutes of Ohio?", spans)
    unplaced = Case("j", "t", LEASE, "", "Written by a person?", (Span("Yes.", None),))
    rows = table([asked, unplaced, case()], tmp_path, "toy").splitlines()
    bm25 = next(row for row in rows if row.startswith("| bm25"))
    assert bm25.split(" | ")[1:5] == ["1.000", "1.000", "1.000", "1.000"]


@pytest.mark.skipif(not CUAD.is_dir(), reason="no copy of CUAD beside the checkout")
def test_the_shipped_prior_finds_cuads_clauses(tmp_path):
    data = load_dataset("cuad", CUAD)
    asked = [c for c in data.cases if c.contract.id in data.test_contracts and c.spans]
    found = Retriever(RetrieverOptions(), "cuad", tmp_path).retrieve(asked)
    hits = [
        [any(p.start <= span.start < p.end for span in c.spans) for p in passages]
        for c, passages in zip(asked, found, strict=True)
    ]
    assert sum(map(any, hits)) / len(hits) >= 0.94
    assert sum(each[0] for each in hits) / len(hits) >= 0.80
