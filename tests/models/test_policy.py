"""The policy file: what it says, and what it refuses to be."""

import pytest

from common.errors import UserError
from evals.gate import read_gate
from evals.metrics.table import METRICS
from fixtures.datasets import load_dataset
from models.promotion.admission.policy import SHIPPED, Policy, read_policy

LEAST = """
[gates]
{gate} = "the gate"
[exam]
least_contracts = 2
least_cases = 10
retrievers = [{{ kind = "bm25" }}]
[exam.datasets]
{data} = "the data"
""".format(gate="a" * 64, data="d" * 64)


@pytest.fixture
def policy(tmp_path):
    def read(text):
        path = tmp_path / "policy.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_policy(path)

    return read


def test_the_shipped_policy_lists_the_shipped_gate_and_the_embedded_data():
    shipped, gate = read_policy(), read_gate()
    line = f'"{gate.identity}" = "evals/gate.toml"'
    assert gate.identity in shipped.gates, f"put this below [gates] of {SHIPPED}: {line}"
    identity = load_dataset("sample").identity
    line = f'"{identity}" = "sample: the embedded contracts"'
    assert identity in shipped.exam.datasets, f"put this below [exam.datasets]: {line}"


def test_the_shipped_policy_excuses_no_metric_in_vain():
    gating = read_gate().gating
    without = {
        name for name, each in gating.items() if each.margin is None and each.goal != "superior"
    }
    assert set(read_policy().exam.without_margin) == without <= set(METRICS)


def test_what_is_not_said_allows_nothing(policy):
    found = policy(LEAST)
    assert not (found.excused or found.egress or found.exam.limits or found.exam.judges)
    assert found.versioned and not found.exam.leave_out_trained


def test_no_file_is_no_policy(tmp_path):
    assert read_policy(tmp_path / "policy.toml") is None


def test_comments_order_and_line_ends_are_no_part_of_it(policy):
    first = policy(LEAST).identity
    assert policy(LEAST.replace("\n", "\r\n")).identity == first
    assert policy(b"\xef\xbb\xbf" + LEAST.encode()).identity == first
    assert policy(f"# why\n{LEAST}").identity == first
    assert policy(LEAST.replace("least_cases = 10", "least_cases = 9")).identity != first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "gates: field required"),
        (LEAST.replace("least_cases", "least_case"), "did you mean 'least_cases'?"),
        (f"approver = ['a']\n{LEAST}", "did you mean 'approvers'?"),
        (f"approvers = 'alice'\n{LEAST}", "approvers: input should be a valid tuple"),
        (f"approvers = ['']\n{LEAST}", "approvers.0: string should have at least 1 character"),
        (f"versioned = 'no'\n{LEAST}", "versioned: input should be a valid boolean"),
        (LEAST.replace("10", "'10'"), "exam.least_cases: input should be a valid integer"),
        (LEAST.replace("10", "0"), "greater than or equal to 1"),
        (LEAST.replace("10", "nan"), "least_cases"),
        (LEAST.replace("a" * 64, "a" * 63), "string should match pattern"),
        (LEAST.replace('"the gate"', '" "'), "gates"),
        (f"{LEAST}{'d' * 64} = 'again'\n", "is not TOML"),
        (f"{LEAST}{'d' * 64}\n", "is not TOML"),
        (f"{LEAST}# \x00\n", "is not TOML"),
        (LEAST.replace("[exam]", '[exam]\nsplit = "train"'), "'train' is not known"),
        (LEAST.replace('{ kind = "bm25" }', "{}"), "say what of a retriever is allowed"),
        (LEAST.replace('[{ kind = "bm25" }]', "[]"), "at least 1 item"),
        (f'{LEAST}[egress]\nsample = "api.example.com"\n', "egress.sample"),
        (f'{LEAST}[egress]\nsample = ["https://api.example.com/v1"]\n', "is no host"),
        (f'{LEAST}[egress]\nsample = ["api.example.com:443"]\n', "is no host"),
        (f'{LEAST}[egress]\nsample = ["api.*.com"]\n', "is no host"),
        (f'{LEAST}[egress]\nsample = ["API.example.com"]\n', "is no host"),
        (f'{LEAST}[egress]\nsample = ["*."]\n', "is no host"),
        (f"{LEAST}[approval]\nneeded = -1\n", "approval.needed"),
        (f"{LEAST}[approval]\nneeded = true\n", "approval.needed"),
        (f"{LEAST}[approval]\ndays = 0\n", "approval.days"),
        (f"{LEAST}[approval]\ndays = 99999\n", "approval.days"),
        (f'{LEAST}[approval.people]\nada = "her key"\n', "approval.people.ada"),
        (f'{LEAST}[approval.people]\nada = "{"1" * 64}"\nbob = "{"1" * 64}"\n', "have one key"),
        (f'{LEAST}[approval.people]\nada = "{"1" * 64}"\nAda = "{"2" * 64}"\n', "have one name"),
        (
            f'{LEAST}[approval]\nneeded = 2\n[approval.people]\nada = "{"1" * 64}"\n',
            "2 are needed and `people` lists 1",
        ),
        (LEAST.encode("utf-16-le"), "cannot be read"),
        (LEAST.replace("the gate", "\xe9").encode("latin-1"), "policy.toml"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_one_line(policy, text, said):
    with pytest.raises(UserError) as caught:
        policy(text)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_policy_that_asks_nothing_of_people_is_what_it_was_before_they_could_be_asked(policy):
    """Exams are admitted by the policy's digest, and those of before go on being."""
    silent = policy(f"{LEAST}[approval]\nneeded = 0\ndays = 14\n[approval.people]\n")
    assert silent.identity == policy(LEAST).identity
    assert policy(f"{LEAST}[approval]\nneeded = 1\n").identity != silent.identity


def test_a_policy_is_frozen(policy):
    with pytest.raises(ValueError, match="frozen"):
        policy(LEAST).approvers = ("mallory",)


def test_every_key_of_the_file_stands_in_the_shipped_one():
    text = SHIPPED.read_text("utf-8")
    keys = set(Policy.model_fields) | set(Policy.model_fields["exam"].annotation.model_fields)
    assert [key for key in keys if key not in text] == []
