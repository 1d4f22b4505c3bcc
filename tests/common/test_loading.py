"""Folders become objects in one place: none of their code runs, and dtypes are kept."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.loading import check_no_code, from_folder
from fixtures.retrieval.embedder import load_embedder
from models.local.base import LocalBase
from tests import seams


def test_an_embedder_and_a_base_loaded_at_once_keep_their_dtypes(tiny_base):
    import torch

    loaded = {}

    def load(name, make):
        start.wait()
        loaded[name] = make()

    makers = {}
    for number in range(3):
        base, embedder = LocalBase(tiny_base, "cpu", "bfloat16"), load_embedder()
        makers[f"base {number}", torch.bfloat16] = base._load
        makers[f"embedder {number}", torch.float32] = lambda each=embedder: each._loaded[1]
    start = threading.Barrier(len(makers))
    threads = [threading.Thread(target=load, args=item) for item in makers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (name, dtype), model in loaded.items():
        assert {parameter.dtype for parameter in model.parameters()} == {dtype}, name
    assert len(loaded) == len(makers)


KEYS = st.text("abcdef", min_size=1, max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)

CONFIGS = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=6
    ),
    max_size=3,
)

CODE = {"AutoTokenizer": ["own.Own", None]}


@given(config=CONFIGS, path=st.lists(KEYS | st.just(None), max_size=4), code=st.booleans())
@settings(max_examples=300)
def test_code_is_found_wherever_a_configuration_names_it(tmp_path_factory, config, path, code):
    folder = tmp_path_factory.mktemp("folder")
    inner = {"auto_map": CODE} if code else {"auto_map": None}
    for key in path:
        inner = [inner] if key is None else {**config, key: inner}
    told = inner if isinstance(inner, dict) else {"x": inner}
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, **told}))
    if code:
        with pytest.raises(UserError, match=r"tokenizer_config\.json names Python code"):
            check_no_code(folder)
    else:
        check_no_code(folder)


def test_kernels_and_programs_that_generate_are_code_and_words_are_not(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"vocab": {"auto_map": 17}}')
    check_no_code(tmp_path)
    (tmp_path / "config.json").write_text('{"attn_implementation": "somebody/kernel"}')
    with pytest.raises(UserError, match="attn_implementation"):
        check_no_code(tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "custom_generate").mkdir()
    with pytest.raises(UserError, match="custom_generate"):
        check_no_code(tmp_path)


def test_whatever_a_library_makes_of_a_folder_is_one_line(tmp_path):
    class Odd:
        @staticmethod
        def from_pretrained(folder, **options):
            assert options == {"trust_remote_code": False, "x": 1}
            raise ImportError("needs a package\nand more")

    with pytest.raises(UserError, match=r"by Odd: needs a package; fetch") as caught:
        from_folder(Odd, tmp_path, x=1)
    assert "\n" not in str(caught.value)


def test_folders_become_objects_in_one_place():
    found = {path for path in seams.users(".from_pretrained") if not path.startswith("bench/")}
    assert found == {"common/loading.py"}
    # Made of a configuration alone: its code has been refused by then.
    found = {path for path in seams.users(".from_config") if not path.startswith("bench/")}
    assert found == {"models/local/adapters.py"}
