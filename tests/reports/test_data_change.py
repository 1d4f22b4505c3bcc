"""After a change of the data: its effect on the champion apart from the model's."""

import tempfile
from pathlib import Path

import pytest

from reports.archive import kept_reports
from reports.compare.data_change import describe_change, find_earlier, lines
from reports.statistics.intervals import cluster_mean
from reports.statistics.paired import compare_means
from tests.builders.run_data import contents, put, reported, written

OLD, NEW = "20260101-010000-aaaa", "20260105-010000-bbbb"
CASES = contents()
CHANGED = CASES | {"c0__q0": "new", "c9__q0": "new"}


del CHANGED["c7__q2"]


ROLES = {"king": "champion"}


def level(case):
    """The champion's F1: lower on changed contracts' cases."""
    return 0.1 if CHANGED.get(case) == "new" else 0.4 + 0.05 * int(case[1])


def taken(cases, gain=lambda case: 0.0):
    return {case: {"token_f1": level(case) + gain(case), "laziness": 0.0} for case in cases}


def gain(case):
    return {"0": 0.1, "1": -0.05, "2": 0.02}[case[-1]]


@pytest.fixture
def then():
    champion = {case: {"token_f1": 0.4 + 0.05 * int(case[1]), "laziness": 0.0} for case in CASES}
    return written(OLD, {"king": champion})


@pytest.fixture
def now():
    return written(NEW, {"new": taken(CHANGED, gain), "king": taken(CHANGED)}, CHANGED, roles=ROLES)


def change_of(earlier, later):
    """What changed from one value of report.json to another."""
    with tempfile.TemporaryDirectory() as folder:
        return describe_change(*(reported(Path(folder), value) for value in (earlier, later)))


def earlier(runs, now):
    with tempfile.TemporaryDirectory() as folder:
        return find_earlier(kept_reports(runs), reported(Path(folder), now).header)


def test_the_three_effects_are_apart(then, now):
    change = change_of(then, now)
    assert (change.earlier, change.champion, change.also) == (OLD, "king", ())
    assert (change.cases.added, change.cases.removed) == (("c9--q0",), ("c7--q2",))
    assert change.cases.changed == ("c0--q0",)
    unchanged = [case for case in CASES if CHANGED.get(case) == "old"]
    assert len(change.cases.same) == len(unchanged) == 22

    data = {each.metric: each for each in change.data}
    assert list(data) == ["token_f1", "laziness"]  # hit@5 gates nothing
    before = [0.4 + 0.05 * int(case[1]) for case in CASES]
    after = [level(case) for case in CHANGED]
    assert data["token_f1"].then.mean == pytest.approx(sum(before) / 24)
    contracts = [case.split("__")[0] for case in CHANGED]
    assert data["token_f1"].now == cluster_mean(after, contracts)

    (f1, lazy) = change.models
    mine = [level(case) + gain(case) for case in unchanged]
    contracts = [case.split("__")[0] for case in unchanged]
    expected = compare_means(mine, [level(case) for case in unchanged], contracts).difference
    assert (f1.model, f1.metric) == ("new", "token_f1")
    assert f1.found.difference == expected
    assert lazy.found.difference.mean == 0


def test_the_words(then, now):
    first, data, lazy, model, _ = lines(change_of(then, now))
    assert first == (
        f"the data changed since run {OLD}: 1 added, 1 removed, 1 changed cases, 22 the same"
    )
    assert data.startswith("effect of the data on king: token_f1 0.575 [")
    assert data.endswith("(-0.040)")
    assert "laziness 0.000" in lazy
    assert model.startswith("effect of the model new, 22 unchanged cases: token_f1 +0.0")


def test_the_champion_is_known_by_identity_not_name(then, now):
    then["models"][0]["name"] = then["summary"][0]["model"] = "old name"
    for row in then["results"]:
        row["model"] = "old name"
    assert change_of(then, now).champion == "king"
    then["models"][0]["identity"] = "another"
    assert change_of(then, now) is None


def test_nothing_to_say(then, now):
    same = written(NEW, {"king": taken(CASES)}, roles=ROLES)
    assert change_of(then, same) is None
    assert change_of(then, written(NEW, {"king": taken(CHANGED)}, CHANGED)) is None


def test_other_changes_are_named(then, now):
    then["fingerprint"]["retriever"] = "another"
    change = change_of(then, now)
    assert change.also == ("retriever",)
    assert "retriever changed too" in lines(change)[1]


def test_a_metric_that_one_side_lacks(then, now):
    for row in now["results"]:
        del row["scores"]["laziness"]
    del now["summary"][1]["estimates"]["laziness"]
    said = lines(change_of(then, now))
    assert "laziness 0.000 [0.000, 0.194] then, unscored now" in said[2]
    assert said[-1].endswith("laziness was scored on none for both")


def test_one_contract_has_no_interval():
    cases, fresh = {"c0__q0": "old", "c0__q1": "old"}, {"c0__q0": "old", "c0__q1": "new"}
    then = written(OLD, {"king": taken(cases)}, cases)
    now = written(NEW, {"new": taken(fresh, gain), "king": taken(fresh)}, fresh, roles=ROLES)
    said = lines(change_of(then, now))
    assert "[" not in " ".join(said)
    assert "effect of the model new, 1 unchanged cases: token_f1 +0.100" in said


def test_no_case_is_left_unchanged(then):
    fresh = dict.fromkeys(CASES, "new")
    now = written(NEW, {"new": taken(fresh), "king": taken(fresh)}, fresh, roles=ROLES)
    said = lines(change_of(then, now))
    assert "24 changed cases, 0 the same" in said[0]
    assert not any("effect of the model" in line for line in said)


def at(day):
    return f"202601{day:02}-010000-aaaa"


def test_the_last_exam_on_other_data_is_found(tmp_path, then, now):
    older = dict.fromkeys(CASES, "oldest")
    put(tmp_path, written(at(1), {"king": taken(older)}, older))
    put(tmp_path, written(at(2), {"king": taken(CASES)}))
    few = dict(list(CASES.items())[:3])
    data = {"identity": then["dataset"]["identity"]}
    put(tmp_path, written(at(3), {"king": taken(few)}, few, dataset=data))  # as --missed does
    put(tmp_path, written(at(4), {"king": taken(CHANGED)}, CHANGED))
    put(tmp_path, now)
    put(tmp_path, written("20260109-010000-cccc", {"king": taken(older)}, older))
    assert earlier(tmp_path, now) == tmp_path / at(2) / "report.json"


@pytest.mark.parametrize(
    "unlike",
    [
        {"dataset": {"name": "cuad"}},
        {"dataset": {"limit": 24}},
        {"identities": {"king": "another"}},
    ],
)
def test_unlike_exams_are_passed_over(tmp_path, now, unlike):
    put(tmp_path, written(at(1), {"king": taken(CASES)}))
    put(tmp_path, written(at(2), {"king": taken(CASES)}, **unlike))
    assert earlier(tmp_path, now) == tmp_path / at(1) / "report.json"


def test_what_cannot_be_read_is_passed_over(tmp_path, now):
    for number, text in enumerate(("", "{", "[1]", '{"schema":1}', '{"id":1,"fingerprint":2}')):
        path = tmp_path / at(number + 1) / "report.json"
        path.parent.mkdir()
        path.write_text(text)
    assert earlier(tmp_path, now) is None
    assert earlier(tmp_path / "none", now) is None


def test_an_exam_without_champion_has_no_earlier_one(tmp_path, then, now):
    put(tmp_path, then)
    now["models"][1]["role"] = "baseline"
    assert earlier(tmp_path, now) is None


def test_no_more_reports_are_read_than_are_needed(tmp_path, then, now):
    put(tmp_path, then)
    put(tmp_path, written(at(2), {"king": taken(CASES)}))
    older = dict.fromkeys(CASES, "oldest")
    reports = ["20251231", "20251230"]
    for day in reports:
        put(tmp_path, written(f"{day}-010000-aaaa", {"king": taken(older)}, older))
    left = kept_reports(tmp_path)
    found = find_earlier(left, reported(tmp_path / "elsewhere", now).header)
    assert found == tmp_path / at(2) / "report.json"
    assert [each.path.parent.name[:8] for each in left] == reports[1:]
