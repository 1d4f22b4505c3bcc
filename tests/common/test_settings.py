"""Configuration files: what is wrong, where, and the nearest thing that would be right."""

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from common.errors import UserError
from common.settings import read_toml, validated


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Inner:
    depth: int = 1
    warm: bool = False


class Red(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["red"]
    margin: float = Field(default=0.5, ge=0, le=1)
    inner: Inner = Inner()


class Blue(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["blue"]
    names: list[str]


Colour = Annotated[Red | Blue, Field(discriminator="kind")]


def read(folder, text, shape=Colour):
    path = Path(folder) / "file.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_toml(path, shape)


def test_values_arrive(tmp_path):
    red = read(tmp_path, 'kind = "red"\nmargin = 0.25  # a comment\n[inner]\ndepth = 3\n')
    assert red == Red(kind="red", margin=0.25, inner=Inner(depth=3))
    assert read(tmp_path, 'kind = "blue"\nnames = ["a", "é"]').names == ["a", "é"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "red"\nmargn = 1', ["unknown key 'red.margn'; did you mean 'margin'?"]),
        ('kind = "red"\n[inner]\ndeepth = 1', ["'red.inner.deepth'; did you mean 'depth'?"]),
        ('kind = "red"\nxyzzy = 1', ["unknown key 'red.xyzzy'; known keys are", "margin"]),
        ('kind = "red"\nmargin = 2', ["red.margin: input should be less than", "not 2"]),
        ('kind = "red"\nmargin = "half"', ["red.margin", "not 'half'"]),
        ('kind = "blue"\nnames = "a"', ["blue.names: input should be a valid list, not 'a'"]),
        ('kind = "blue"\nnames = ["a", 3]', ["blue.names.1", "not 3"]),
        ('kind = "blue"', ["blue.names: field required"]),
        ('kind = "green"', ["kind 'green' is not known", "known are blue, red"]),
        ("margin = 0.5", ["the key 'kind' is missing"]),
        ('kind = "red"\na = 1\nmargin = 2', ["red.margin", "; unknown key 'red.a'"]),
        ("kind = red", ["is not TOML", "line 1"]),
        ('kind = "red"\nkind = "red"', ["is not TOML: Cannot overwrite a value"]),
        (b"\xff", ["is not TOML"]),
        ('kind = """red\nblue"""', [r"kind 'red\nblue' is not known"]),
    ],
)
def test_mistakes_are_one_line_that_names_the_file(tmp_path, text, words):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "file.toml"))
    assert "\n" not in message
    for word in words:
        assert word in message


def test_values_of_another_origin_are_validated_alike():
    assert validated("recipe r", {"kind": "red"}, Colour) == Red(kind="red")
    with pytest.raises(UserError) as caught:
        validated("recipe r", {"kind": "red", "margn": 1}, Colour)
    assert str(caught.value) == "recipe r: unknown key 'red.margn'; did you mean 'margin'?"


def test_no_file_and_no_file_but_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"gone\.toml cannot be read: No such file"):
        read_toml(tmp_path / "gone.toml", Colour)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_toml(tmp_path, Colour)


@pytest.mark.parametrize("shape", ["device", "pipe", "socket"])
def test_what_has_no_end_is_refused_before_it_is_read(tmp_path, shape):
    path = tmp_path / "file.toml"
    if shape == "device":
        path.symlink_to("/dev/zero")
    elif shape == "pipe":
        os.mkfifo(path)
    else:
        socket.socket(socket.AF_UNIX).bind(str(path))
    with pytest.raises(UserError, match=r"file\.toml cannot be read: it is no regular file"):
        read_toml(path, Colour)


@given(st.text(max_size=80) | st.binary(max_size=80))
@settings(max_examples=60)
def test_whatever_the_file_holds_the_error_is_one_line(text):
    with TemporaryDirectory() as folder, pytest.raises(UserError) as caught:
        read(folder, text)
    assert len(str(caught.value).splitlines()) == 1
