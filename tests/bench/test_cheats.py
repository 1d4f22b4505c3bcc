"""The shipped gate promotes no cheat: of the sample, without a model that generates."""

import asyncio

import pytest

from bar_exam.extensions import extended
from bench.cheating.honest import MANNERS, clause
from bench.cheating.kind import write_repository
from bench.cheating.trials import AS_IT_IS, HONEST, setting, trials, without_critical
from bench.cheating.tricks import TRICKS, Asked
from bench.cheats import counts, named, squad_f1
from common.errors import UserError
from common.project import read_project
from evals.gate import Gate, MetricGate, read_gate
from evals.judges.judge import Submission
from evals.judges.reference.judge import ReferenceJudge
from evals.metrics.table import METRICS
from evals.results import Result
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.factory import open_models
from models.prompted import NOT_FOUND
from reports.verdict.bars import Bars
from reports.verdict.decide import decide, gate_checks


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return setting(load_dataset("sample"), tmp_path_factory.mktemp("passages"), 20)


@pytest.fixture(scope="module")
def tried(world):
    gate = without_critical(read_gate())
    return {(each.of, each.trick): each for each in trials(world, gate, ["good"])}


def test_the_bench_knows_every_trick_and_no_gate_promotes_one(tried):
    assert len(TRICKS) >= 40 and {trick for _, trick in tried} == {AS_IT_IS, *TRICKS}
    assert not [key for key, each in tried.items() if each.against == "PROMOTE"]


def test_what_clears_the_floors_says_what_the_model_said_and_loses_to_it(tried):
    """A right answer with something beside it clears a low floor, as the right answer does."""
    asked = Asked("Who pays?", "Fees", (), "The Buyer pays.", None)
    clears = [each for each in tried.values() if each.floors == "PROMOTE"]
    for each in clears:
        if each.trick != AS_IT_IS:
            assert asked.said in TRICKS[each.trick](asked), each.trick
            assert not each.by_token_f1 or each.failed, each.trick


def test_what_the_gate_holds_against_a_trick_is_what_the_trick_does(tried):
    def failed(trick, of="good"):
        return tried[of, trick].failed

    assert "abstention" in failed("hedge-declined")
    assert "token_f1" in failed("abstain")
    assert "token_f1" in failed("both-ways-beside")
    assert "verbosity" in failed("quote-passages")
    assert "fabrication" in failed("typical")
    assert "token_f1" in failed("order-where-answered")


def test_the_honest_model_clears_what_no_trick_clears(tried):
    honest = tried["good", "abstain"].honest
    gate = read_gate()
    assert honest["token_f1"] > gate.metrics["token_f1"].floor + 0.2
    assert honest["verbosity"] < gate.metrics["verbosity"].floor / 4
    assert honest["fabrication"] < gate.metrics["fabrication"].floor / 4


def test_a_cheat_is_a_model_of_a_registry(tmp_path):
    registry = write_repository(tmp_path)
    names = [f"cheat-{trick}" for trick in TRICKS]
    with extended(read_project(tmp_path)) as added:
        models = open_models(names, registry)
        assert [extension.name for extension in added] == ["cheat"]
    assert len({model.identity for model in models}) == len(TRICKS)
    assert (tmp_path / "champion.toml").is_file() and (registry / "dpo-smollm2.toml").is_file()


def test_a_trick_that_nobody_wrote_is_named_with_the_nearest(tmp_path):
    registry = write_repository(tmp_path)
    (registry / "cheat-hedge.toml").write_text('kind = "cheat"\ntrick = "hegde"\n')
    with extended(read_project(tmp_path)), pytest.raises(UserError, match="hedge"):
        open_models(["cheat-hedge"], registry)


@pytest.mark.parametrize("manner", MANNERS)
def test_nothing_is_taken_from_an_honest_answer(manner):
    gate, cases = read_gate(), [case for case in load_dataset("sample").cases if case.answerable]
    answers = [Answer(MANNERS[manner](case)) for case in cases]
    assert len(cases) > 60

    def mean(metric):
        pairs = zip(cases, answers, strict=True)
        return sum(METRICS[metric].rule(*pair).value for pair in pairs) / len(cases)

    plain = [squad_f1(case, answer.text) for case, answer in zip(cases, answers, strict=True)]
    assert mean("token_f1") == pytest.approx(sum(plain) / len(cases), abs=0.005)
    assert mean("laziness") < 0.01
    for metric in ("verbosity", "fabrication"):
        assert mean(metric) < gate.metrics[metric].floor / 2


def test_the_tables_count_every_trick_once_and_name_those_that_come_through(world, tried):
    tricks = [each for each in tried.values() if each.trick != AS_IT_IS]
    *_, row = counts([(world, "good", list(tried.values()))])
    cells = row.strip("|").split("|")
    assert int(cells[2]) == sum(map(int, cells[3:6])) == sum(map(int, cells[6:9])) == len(tricks)
    for line in named([(world, "good", list(tried.values()))]):
        assert AS_IT_IS not in line


@pytest.mark.parametrize("trick", ["order", "order-where-answered"])
def test_who_orders_the_judge_is_not_promoted_by_its_score(trick):
    """Recorded answers, and a gate that asks for nothing but the reference judge's correctness."""
    gate = Gate(metrics={"correctness": MetricGate(role="primary", floor=0.3, margin=0.1)})
    cases = [case for case in load_dataset("sample").cases if case.answerable][::4]
    honest = [clause(case) if at % 5 else NOT_FOUND for at, case in enumerate(cases)]
    cheat = [TRICKS[trick](Asked(c.question, c.category, (), said, None))
             for c, said in zip(cases, honest, strict=True)]  # fmt: skip

    def verdict(answers):
        rows = {"new": judged(cases, answers), HONEST.name: judged(cases, honest)}
        return decide("new", gate_checks(gate, "new", rows, (HONEST,), Bars()), HONEST).outcome

    assert verdict(honest) == "PROMOTE"
    assert verdict(cheat) != "PROMOTE"


def judged(cases, answers):
    """What the embedded reference judge makes of recorded answers."""
    judge = ReferenceJudge()

    async def scores():
        each = zip(cases, answers, strict=True)
        return await asyncio.gather(
            *(judge.judge(Submission(case, Answer(said)), None) for case, said in each)
        )

    found = zip(cases, answers, asyncio.run(scores()), strict=True)
    return [Result("", c, Answer(s), {"correctness": score}, asked=False) for c, s, score in found]
