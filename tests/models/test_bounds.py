"""Every number of every kind of registry entry has a range; a new field without one fails here."""

import math
import typing
from dataclasses import fields as dataclass_fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from common.errors import UserError
from common.settings import validated
from evals.gate import CriticalRule, Gate, MetricGate
from evals.options import read_options
from models.bedrock.entry import BedrockEntry
from models.chat import Decoding
from models.local.entry import LocalEntry
from models.program.entry import ProgramEntry
from models.registry import AnyEntry, EchoEntry, EndpointEntry, ExtractiveEntry

ENTRIES = {
    "local": {"base": "embedded:smollm2"},
    "endpoint": {"base_url": "http://127.0.0.1:9/v1", "model": "m"},
    "bedrock": {"model": "amazon.nova-lite-v1:0"},
    "extractive": {},
    "echo": {},
    "recorded": {"path": "answers.csv"},
    "program": {"program": "rag", "generator": "says"},
}

SCHEMA = TypeAdapter(AnyEntry).json_schema()


def numbers(shape):
    """Its properties that are numbers, each with its branch that says so."""
    for name, field in shape.get("properties", {}).items():
        for branch in field.get("anyOf", [field]):
            if branch.get("type") in ("integer", "number"):
                yield name, branch


def definition(name):
    return next(each for title, each in SCHEMA["$defs"].items() if title == name)


PLACES = [
    *(
        (kind, (name,), branch)
        for kind, entry in (
            ("local", LocalEntry), ("endpoint", EndpointEntry), ("bedrock", BedrockEntry),
            ("extractive", ExtractiveEntry), ("echo", EchoEntry), ("program", ProgramEntry),
        )
        for name, branch in numbers(definition(entry.__name__))
    ),
    *(("endpoint", ("decoding", name), branch) for name, branch in numbers(definition("Decoding"))),
    *(
        ("program", ("search", name), branch)
        for name, branch in numbers(definition("SearchOptions"))
    ),
]  # fmt: skip


def read(kind, path, value):
    entry = {"kind": kind, **ENTRIES[kind]}
    inner = entry
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value
    return validated("x.toml", entry, AnyEntry)


def test_the_fields_are_found():
    assert {kind for kind, _, _ in PLACES} == set(ENTRIES) - {"recorded"}
    found = {path[-1] for _, path, _ in PLACES}
    assert {"timeout", "retries", "context", "concurrency", "most_passages", "threshold"} <= found
    assert {each.name for each in dataclass_fields(Decoding)} - {"stop"} <= found
    assert set(ENTRIES) == {
        typing.get_args(entry.model_fields["kind"].annotation)[0]
        for entry in typing.get_args(typing.get_args(AnyEntry)[0])
    }


@pytest.mark.parametrize(("kind", "path", "branch"), PLACES, ids=lambda each: str(each)[:40])
def test_a_number_has_both_ends(kind, path, branch):
    low = branch.get("minimum", branch.get("exclusiveMinimum"))
    high = branch.get("maximum", branch.get("exclusiveMaximum"))
    assert low is not None and high is not None and math.isfinite(high - low)
    ends = {"minimum": low, "maximum": high}
    for end, value in ends.items():
        if end in branch:
            assert read(kind, path, value)


@given(
    st.sampled_from(PLACES),
    st.floats() | st.integers() | st.booleans() | st.sampled_from(
        [math.nan, math.inf, -math.inf, -1, 0, 2**31, 2**63, 2**64, 10**20, 10**400, 1e308, "5"]
    ),
)  # fmt: skip
@settings(max_examples=600)
def test_a_number_is_within_its_range_or_refused_in_one_line(place, value):
    kind, path, branch = place
    try:
        read(kind, path, value)
    except UserError as error:
        assert "\n" not in str(error) and path[-1] in str(error)
        return
    assert not isinstance(value, bool | str) and math.isfinite(value)
    assert branch.get("minimum", -math.inf) <= value <= branch.get("maximum", math.inf)
    assert value > branch.get("exclusiveMinimum", -math.inf)


GATE_NUMBERS = [
    ((*table, name), branch)
    for table, shape in (
        ((), Gate), (("metrics", "token_f1"), MetricGate),
        (("critical", "metrics", "token_f1"), CriticalRule),
        *(((name,), type(field.default)) for name, field in Gate.model_fields.items()
          if isinstance(field.default, BaseModel)),
    )
    for name, branch in numbers(shape.model_json_schema(by_alias=True))
]  # fmt: skip


def test_the_numbers_of_the_gate_file_are_found():
    assert len(GATE_NUMBERS) == 34


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, True, "0.5", 10**400])
@pytest.mark.parametrize("path", [path for path, _ in GATE_NUMBERS], ids=".".join)
def test_a_number_of_the_gate_file_is_finite_and_no_flag(path, value):
    tables = {"metrics": {"token_f1": {"role": "guard", "floor": 0.5}}}
    inner = tables
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value
    with pytest.raises(UserError, match=path[-1]):
        validated("gate.toml", tables, Gate)


NUMBERS_TYPED = ("--limit", "--k", "--chunk-size", "--chunk-overlap", "--max-calls", "--max-tokens",
                 "--max-cost", "--judge-samples", "--variants", "--keep")  # fmt: skip


@pytest.mark.parametrize("value", ["9" * 5000, "1" + "0" * 13, "\u0663" * 5000])
@pytest.mark.parametrize("option", NUMBERS_TYPED)
def test_a_number_of_an_exam_is_one_that_can_be_meant(pytestconfig, option, value):
    class Typed:
        rootpath = pytestconfig.rootpath

        def getoption(self, name):
            return value if name == option else pytestconfig.getoption(name)

    with pytest.raises(UserError, match=option) as error:
        read_options(Typed())
    assert len(str(error.value)) < 200
