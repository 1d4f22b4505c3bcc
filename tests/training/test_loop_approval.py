"""A round of `python -m training.loop` that people approve of, as they type it, to its end."""

import pytest

from tests.builders.loop import LoopWorld
from tests.builders.world import World

CONTRACTS = 60


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    return World.written(tmp_path_factory.mktemp("loop") / "world", contracts=CONTRACTS)


@pytest.fixture
def loop(small_world, checkout, tmp_path):
    """A loop whose policy of promotions asks one other person to approve."""
    loop = LoopWorld(small_world, tmp_path, checkout)
    policy = loop.world.models / "policy.toml"
    policy.write_text(policy.read_text() + "[approval]\nneeded = 1\n")
    loop.writes(approval=True)
    return loop


def waits(loop, says, **when):
    """`run` ends with 3 and one line that says so; nobody is in service."""
    done = loop.typed("run", by="ada", **when)
    assert done.returncode == 3, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("round 1 waits: ") and says in last and loop.champion == ""
    return last


def approves(loop, *words, code=0, **when):
    done = loop.door("models.approve", "t-r1", *words, **when)
    assert done.returncode == code, done.stdout + done.stderr
    assert len((done.stderr if code else done.stdout).splitlines()) == 1
    return done.stdout + done.stderr


def test_a_round_goes_on_when_another_person_approved_and_not_before(loop):
    line = waits(loop, "t-r1 passed, and somebody else than who ran the exam approves of it: ")
    assert f"`python -m models.approve t-r1 --by NAME --registry {loop.world.registry}" in line
    assert "examined or promoted by" in approves(loop, "--by", "bob", by="ada", code=1)
    waits(loop, "t-r1 passed")

    approves(loop, "--by", "bob", "--days", "1", by="bob")
    late = waits(loop, "approvals of t-r1 expired (bob at ", days=2)
    assert "models.approve t-r1 --by NAME" in late and loop.status()["state"] == "waits"
    approves(loop, "--by", "bob", "--withdraw", by="bob")
    waits(loop, "t-r1 passed")

    # What is approved is one exam of one model: where both are made again it is of another digest.
    approves(loop, "--by", "bob", by="bob")
    loop.says(model="incumbent")
    (loop.folder / "recipe.yaml").write_text("name: t\ndata: others.jsonl\n")
    waits(loop, "t-r1 passed")
    assert loop.status()["round"]["steps"]["examine"]["attempts"] == 2

    journal = loop.state / "0001" / "round.json"
    waiting = journal.read_bytes()
    approves(loop, "--by", "carol", "--reject", "no leases", by="carol")
    refused = loop.typed("run", by="ada")
    assert refused.returncode == 1 and loop.champion == ""
    said = "round 1 ended: REFUSED: carol rejected it: no leases; the champion stays"
    assert said in refused.stdout
    assert loop.status()["round"]["outcome"] == "REFUSED"

    journal.write_bytes(waiting)  # as if she had thought again before `run` was typed
    approves(loop, "--by", "carol", "--withdraw", by="carol")
    approves(loop, "--by", "bob", by="bob")
    done = loop.typed("run", by="ada")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "round 1 ended: PROMOTED: t-r1 is the champion" in done.stdout
    assert loop.champion == "t-r1"
    assert "approval: " in loop.typed("lineage", "t-r1").stdout


def test_a_clock_that_went_back_or_another_policy_ends_no_round(loop):
    waits(loop, "t-r1 passed")
    back = loop.typed("run", by="ada", days=-1)
    assert back.returncode == 1 and back.stderr.count("\n") == 1
    assert "REFUSED: this machine's clock says " in back.stderr
    assert "mend that, and type the same line again, or end round 1 with --abandon" in back.stderr
    approves(loop, "--by", "bob", by="bob")

    policy = loop.world.models / "policy.toml"
    policy.write_text(policy.read_text().replace("needed = 1", "needed = 2"))
    waits(loop, "t-r1 passed")  # examined once more, under the policy as it is
    for name in ("bob", "carol"):
        approves(loop, "--by", name, by=name)
    assert loop.typed("run", by="ada").returncode == 0 and loop.champion == "t-r1"
