"""Policies that admit what a test promotes: its own gate, its own data set."""

import re

POLICY = """
versioned = {versioned}
[gates]
"{gate}" = "the gate of this test"
[exam]
least_contracts = 1
least_cases = 1
retrievers = [{{ chunk_size = 1000 }}, {{ kind = "none" }}]
[exam.datasets]
"{dataset}" = "the data of this test"
[exam.without_margin]
{bare}
"""


def permissive(gate, dataset, metrics=(), *, versioned=False):
    """The text of a policy; folders of tests lie in no repository, unless they are one."""
    bare = "\n".join(f'"{name}" = "of a test"' for name in metrics)
    return POLICY.format(versioned=str(versioned).lower(), gate=gate, dataset=dataset, bare=bare)


def pasted(shown, metrics=(), *, versioned=True):
    """The policy with the lines that an exam said are missing, as its user pastes them."""
    gate = re.search(r'"([0-9a-f]{64})" = "WHY"', shown)
    dataset = re.search(r'\[exam\.datasets\][^"]*"([0-9a-f]{64})" = ', shown)
    return permissive(gate[1], dataset[1], metrics, versioned=versioned)
