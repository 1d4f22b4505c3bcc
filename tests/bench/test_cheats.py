"""The shipped gate promotes no cheat: of the sample, without a model that generates."""

import pytest

from bar_exam.extensions import extended
from bench.cheating.honest import MANNERS
from bench.cheating.kind import write_repository
from bench.cheating.tricks import TRICKS
from bench.cheats import setting, squad_f1, trials
from common.errors import UserError
from common.project import read_project
from evals.gate import read_gate
from evals.metrics.table import METRICS
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.factory import open_models


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    world = setting(load_dataset("sample"), tmp_path_factory.mktemp("passages"))
    return {(each.of, each.trick): each for each in trials(world, read_gate(), ["good"])}


def test_the_bench_knows_every_trick_and_no_gate_promotes_one(tried):
    assert len(TRICKS) >= 40 and len(tried) == len(TRICKS)
    assert not [key for key, each in tried.items() if each.promoted]
    assert not [key for key, each in tried.items() if each.passes_floors]


def test_what_the_gate_holds_against_a_trick_is_what_the_trick_does(tried):
    def failed(trick, of="good"):
        return {
            check.metric for check in tried[of, trick].against.checks if check.outcome == "FAIL"
        }

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
