"""Tiny bases, and adapters of every kind that PEFT makes of them."""

import asyncio
import json
import shutil
from pathlib import Path

from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from tests.builders.training_data import make_tokenizer

ASKED = [Message("system", "Answer."), Message("user", "Which law governs?")]
REPLY = "The State of Ohio"
LINEAR = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"]


def make_biased(folder: Path) -> Path:
    """A Llama whose projections have biases, and whose head is tied to its embeddings."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=512, initializer_range=0.1,
        tie_word_embeddings=True, attention_bias=True, mlp_bias=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def make_gpt2(folder: Path) -> Path:
    """A GPT-2, whose layers are transposed and whose length has another name."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(6)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=512,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def make_lora(folder: Path, base: Path, seed: int = 7, **config) -> Path:
    """An adapter with every weight moved, as training would."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    values = {"r": 4, "lora_alpha": 16, "task_type": "CAUSAL_LM", "target_modules": LINEAR}
    torch.manual_seed(seed)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(**{**values, **config})
    )
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.05)
    model.save_pretrained(folder)
    return folder


def changed(folder: Path, to: Path, **files) -> Path:
    """A copy of a folder with keys of its JSON files replaced: `config={"bos_token_id": 3}`."""
    shutil.copytree(folder, to)
    for name, keys in files.items():
        path = to / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    return to


def without(folder: Path, part: str) -> None:
    """Take out of an adapter's file the weights whose names hold `part`."""
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({name: each for name, each in load_file(file).items() if part not in name}, file)


def renamed(folder: Path, part: str, to: str) -> None:
    """Rename weights in an adapter's file."""
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({name.replace(part, to): each for name, each in load_file(file).items()}, file)


def heard(base: Path, *adapters: Path | None) -> list[tuple[float, ...]]:
    """What one base in memory says by each adapter, asked one after the other."""
    shared = LocalBase(base, "cpu", "float32")
    chats = [LocalChat(f"m{n}", shared, Decoding(max_tokens=4), a) for n, a in enumerate(adapters)]

    async def ask():
        return [await chat.logprobs(ASKED, REPLY) for chat in chats]

    return asyncio.run(ask())


def preflight(base: Path, adapter: Path | None = None) -> LocalChat:
    """A model that passed its preflight."""
    chat = LocalChat("m", LocalBase(base, "cpu", "float32"), Decoding(max_tokens=4), adapter)
    asyncio.run(chat.preflight())
    return chat


def by_peft(base: Path, adapter: Path) -> tuple[float, ...]:
    """What PEFT alone makes of an adapter."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    chat = LocalChat("m", LocalBase(base, "cpu", "float32"), Decoding())
    reply = chat.base.tokenizer(REPLY, add_special_tokens=False)["input_ids"]
    ids = chat.ids(ASKED) + reply
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    with torch.inference_mode():
        steps = model(input_ids=torch.tensor([ids])).logits[0, -len(reply) - 1 : -1]
    return tuple(torch.log_softmax(steps, -1)[range(len(reply)), reply].tolist())
