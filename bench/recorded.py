"""What an exam costs beside its model: recorded answers through pytest, against bare pytest."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

from bench.results import Finding, Row, at_most
from bench.sessions import examine, run_empty

CASES_PER_CONTRACT = 40
CLAUSES = 24
PARTIES = ("Northwind Freight LLC", "Alder & Pine, Inc.", "Calyx Analytics Ltd.", "Veridian GmbH")
STATES = ("Delaware", "New York", "Nevada", "Ontario", "Bavaria")
CLAUSE = (
    "{number}. {party} shall, within {days} days of written notice and no later than {month} "
    "{day}, {year}, pay the fee of ${fee},000 to {other}, which the laws of the State of {state} "
    "govern without regard to conflicts of law."
)
MONTHS = ("January", "March", "June", "September", "November")


def measure(folder: Path, sizes: tuple[int, int]) -> Finding:
    """Examine two sizes of generated recordings in fresh folders; the second is twice the first."""
    rows, walls = [], {}
    for size in sizes:
        place = folder / str(size)
        place.mkdir(parents=True)
        recording = place / "recorded.csv"
        write_recording(recording, size)
        exam = examine(place, "--dataset", f"recorded:{recording}", "--retriever", "none")
        bare = run_empty(place, exam.session.items)
        walls[size] = exam.session.seconds
        rows += [
            Row(
                f"{size:,} cases, {exam.session.items:,} tests",
                f"{exam.session.seconds:.1f} s, of which the run phase {exam.run_seconds:.1f} s",
            ),
            Row(f"bare pytest, {bare.items:,} empty tests", f"{bare.seconds:.1f} s"),
            at_most(
                f"{size:,} cases against 2.5 x bare + 20 s",
                exam.session.seconds, 2.5 * bare.seconds + 20, " s",
            ),
        ]  # fmt: skip
    small, large = sizes
    rows.append(at_most(f"{small:,} to {large:,} cases", walls[large] / walls[small], 2.3, " x"))
    return Finding(
        "recorded answers, scored and reported through pytest",
        "`pytest evals --dataset recorded:FILE.csv --retriever none`, fresh store, wall clock of "
        f"the whole process, once each. {CASES_PER_CONTRACT} cases a contract of {CLAUSES} "
        "generated clauses. Bare pytest runs as many empty parametrized tests with the same "
        "plugins left out.",
        rows,
    )


def write_recording(path: Path, cases: int) -> None:
    """Write a seeded CSV of questions, expected and given answers, and their contracts' text.

    A quarter of the cases has no answer in its contract. Of the given answers about half quote
    the clause, the others alter a number, say too much, or decline.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "question", "expected", "answer", "context", "contract"])
        writer.writerows(_rows(cases, random.Random(20)))


def _rows(cases: int, draw: random.Random) -> Iterator[list[str]]:
    clauses: list[str] = []
    for number in range(cases):
        contract, place = divmod(number, CASES_PER_CONTRACT)
        if place == 0:
            clauses = [_clause(clause, draw) for clause in range(1, CLAUSES + 1)]
            context = f"SERVICES AGREEMENT {contract}\n\n" + "\n\n".join(clauses)
        clause = clauses[place % CLAUSES]
        question = f"What does section {place % CLAUSES + 1} of agreement {contract} say ({place})?"
        expected = clause if draw.random() < 0.75 else ""
        yield [
            f"case-{number}", question, expected, _answer(clause, draw), context,
            f"agreement-{contract}",
        ]  # fmt: skip


def _clause(number: int, draw: random.Random) -> str:
    party, other = draw.sample(PARTIES, 2)
    return CLAUSE.format(
        number=number, party=party, other=other, days=draw.randint(5, 90),
        month=draw.choice(MONTHS), day=draw.randint(1, 28), year=draw.randint(2001, 2024),
        fee=draw.randint(10, 900), state=draw.choice(STATES),
    )  # fmt: skip


def _answer(clause: str, draw: random.Random) -> str:
    return draw.choice(
        (
            clause,
            clause.partition(". ")[2],
            clause.replace("$", "$9"),
            f"The agreement provides as follows: {clause} No other fee is due.",
            "Not found.",
        )
    )
