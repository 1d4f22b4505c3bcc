"""Models that are loaded at the same time keep their dtypes."""

import threading

from fixtures.embedder import load_embedder
from models.base import LocalBase


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
