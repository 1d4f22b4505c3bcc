"""How tokens are picked, in identities: what is new moves nothing where it is not used."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.settings import validated
from models.chat import Decoding
from models.endpoint.server import endpoint_chat
from models.factory import open_models
from models.identity.first_identity import first_identities
from models.identity.identities import difference, voice_key
from models.promotion.champion import read_champion
from models.promotion.record.file import SHIPPED

BEFORE = {"max_tokens", "temperature", "top_p", "seed"}
"""What a decoding said when the first answers were kept."""

LATER = {"stop": (("\n\n",), ("Question:", "\n"))}
"""Each parameter since then, and values of it."""

KEPT = {
    Decoding(): "6c72ef0346222f3dc269de510917f2de2b79425071553e4b8ccc1876aa27e442",
    Decoding(
        max_tokens=7, temperature=0.5, top_p=0.9, seed=None
    ): "b2b4d468b48af99b0d793b69c3690aae051015e69faecbe07b98cbe0c371dc97",
}
"""Identities under which answers are kept."""


def test_answers_that_are_kept_are_found_again():
    assert {each.identity: each for each in KEPT} == {kept: each for each, kept in KEPT.items()}
    voice = "7d4b8cd2b79e79550dc0afd2869899152e08fbf074be3852d5a7d11a7e209494"
    assert voice_key("b", "a", Decoding()) == voice
    served = endpoint_chat(name="x", base_url="http://h/v1", model="m", revision="2")
    assert served.identity == "4ca88e34b5f28a34315bf509cdd135086e6bd07f6821b999cc13402551381b55"


def test_the_shipped_champion_is_what_was_promoted():
    champion = read_champion(SHIPPED)
    (model,) = open_models([champion.model])
    assert difference(model, champion.identity) is None


def test_every_parameter_is_known_to_these_tests():
    assert {each.name for each in dataclasses.fields(Decoding)} == {*BEFORE, *LATER}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in LATER.items() for value in values]
)
def test_what_is_used_moves_every_identity(name, value):
    changed = dataclasses.replace(Decoding(), **{name: value})
    assert changed.identity != Decoding().identity
    assert voice_key("b", "a", changed) != voice_key("b", "a", Decoding())
    model = open_models([read_champion(SHIPPED).model])[0]
    asked = dataclasses.replace(model.chat, decoding=changed)
    other = dataclasses.replace(model, chat=asked)
    assert other.identity != model.identity
    assert difference(other, read_champion(SHIPPED).identity)
    assert first_identities(other).isdisjoint(first_identities(model))


@given(st.lists(st.text(min_size=1, max_size=3), max_size=4).map(tuple))
def test_stops_have_an_order_and_are_never_confused(stop):
    for other in (stop[::-1], (*stop, "x"), ("".join(stop),) if stop else ("",)):
        same = Decoding(stop=stop).identity == Decoding(stop=other).identity
        assert same == (stop == other)


@pytest.mark.parametrize("stop", [[""], ["x"] * 17, "x", [1]])
def test_what_is_no_list_of_texts_is_refused(stop):
    with pytest.raises(UserError, match="stop"):
        validated("x.toml", {"stop": stop}, Decoding)


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("temperature = 0.5", "decoding.temperature"),
        ("max_completion_tokens = 5", "decoding.max_tokens"),
        ('stop = ["x"]', "decoding.stop"),
        ('model = "other"', "model"),
        ("stream = true", "whole replies"),
        ("a = nan", "extra_body"),
        ("a = 2020-01-01", "extra_body"),
    ],
)
def test_nothing_is_said_twice_and_only_what_json_has(tmp_path, field, where):
    entry = f'kind = "endpoint"\nbase_url = "http://h/v1"\nmodel = "m"\n[extra_body]\n{field}\n'
    (tmp_path / "m.toml").write_text(entry)
    with pytest.raises(UserError, match=where) as caught:
        open_models(["m"], tmp_path)
    assert "\n" not in str(caught.value)
