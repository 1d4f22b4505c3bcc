"""Weights: that they are whole, and that an adapter is for this base."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.local.weights import base_folder, check_adapter, weight_files
from tests.conftest import make_adapter, make_llama


@pytest.fixture
def copy(tiny_base, tmp_path):
    """Copies the tiny base, or another folder."""

    def copied(name, folder=tiny_base):
        return shutil.copytree(folder, tmp_path / name)

    return copied


@pytest.fixture(scope="module")
def wide_base(smollm2, tmp_path_factory):
    return make_llama(tmp_path_factory.mktemp("wide-base"), smollm2, seed=4, hidden=48)


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt", "a.pkl"])
def test_a_pickle_is_refused_with_the_reason(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04")
    refused(lambda: weight_files(tmp_path), name, "pickle", "run any code", "safe_serialization")
    refused(lambda: base_folder(str(tmp_path)), name, "pickle")


def test_an_adapter_that_is_a_pickle_is_refused(tiny_base, tiny_adapters, tmp_path):
    adapter = shutil.copytree(tiny_adapters[0], tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    refused(lambda: check_adapter(adapter, tiny_base), "adapter_model.bin is a pickle")


def test_folders_that_are_no_model(tiny_base, tmp_path):
    refused(lambda: weight_files(tmp_path), "no .safetensors file")
    refused(lambda: check_adapter(tmp_path, tiny_base), "no adapter_config.json")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(lambda: check_adapter(tmp_path, tiny_base), "no .safetensors file")
    refused(lambda: base_folder("~/no such folder"), "no such folder")


def test_a_base_that_fits_is_taken(tiny_base, tiny_adapters):
    assert base_folder(str(tiny_base)) == tiny_base
    for adapter in tiny_adapters:
        check_adapter(adapter, tiny_base)


def test_an_adapter_of_a_wider_base_is_refused_by_its_shapes(tiny_base, wide_base, tmp_path):
    adapter = make_adapter(tmp_path, wide_base, seed=5)
    check_adapter(adapter, wide_base)
    refused(
        lambda: check_adapter(adapter, tiny_base),
        str(adapter),
        f"does not fit base {tiny_base.name}",
        "[4, 48], the base has [32, 32]",
        f"trained on {str(wide_base)!r}",
    )


def test_an_adapter_of_a_deeper_base_is_refused(tiny_base, tiny_adapters, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = shutil.copytree(tiny_adapters[0], tmp_path / "deep")
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    save_file({name.replace("layers.1.", "layers.7."): t for name, t in tensors.items()}, file)
    refused(lambda: check_adapter(adapter, tiny_base), "layers.7.", "no such module")


def test_weights_cut_short_are_refused(copy, tiny_base, tiny_adapters):
    base = copy("base")
    whole = (base / "model.safetensors").read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        (base / "model.safetensors").write_bytes(whole[:length])
        refused(lambda: base_folder(str(base)), str(base / "model.safetensors"), "again")
    (base / "model.safetensors").write_bytes(whole)
    assert base_folder(str(base)) == base

    adapter = copy("adapter", tiny_adapters[0])
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    refused(lambda: check_adapter(adapter, tiny_base), str(file), "cut short")


@given(
    st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b'{"a": 1}', b'{"a": {"shape": 1}}'])
)
@settings(max_examples=60)
def test_no_header_breaks_the_reading(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("base")
    (folder / "model.safetensors").write_bytes(len(content).to_bytes(8, "little") + content)
    try:
        base_folder(str(folder))
    except UserError as error:
        assert "\n" not in str(error)
