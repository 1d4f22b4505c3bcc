"""Policies that excuse models of which nobody knows what they were trained on."""

ADMITS_NOTHING = """
[gates]
[exam]
least_contracts = 1
least_cases = 1
retrievers = [{ kind = "none" }]
[exam.datasets]
"""


def excusing(*names, policy=ADMITS_NOTHING):
    """The text of a policy that excuses these besides."""
    return f"{policy}\n[excused]\n" + "".join(f'"{name}" = "of a test"\n' for name in names)
