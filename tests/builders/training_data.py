"""A tiny random Llama with a real tokenizer, and rows to train it on."""

import importlib
from dataclasses import replace
from pathlib import Path

from models.chat import Message
from models.manifest import TrainedContract
from models.prompted import Template
from training.data.examples import Example, Meta, write_examples, write_meta, write_rows
from training.trainer.method import Method

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = [
    "You answer questions about one contract. Use only the passages given.",
    "This Agreement is governed by the laws of the State of Ohio.",
    "Which law governs? Who are the parties? When does the term end? Not found.",
    "<passage 1>\n\n</passage 1>\n\nQuestion: The term ends on 31 December 2030.",
]
CLAUSES = ("Ohio", "New York", "31 December 2030", "Acme Corp.", "two years", "Delaware")


def method_named(name: str) -> Method:
    """One of `training.trainer.method.METHODS`."""
    return importlib.import_module(f"training.{name}").METHOD


def make_tokenizer(folder: Path):
    """A byte-level BPE of 400 tokens with ChatML, saved into `folder`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_base(folder: Path, seed: int = 0, hidden: int = 32) -> Path:
    """A Llama of two layers, random, that the tokenizer goes with."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=0.1,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def examples(count: int) -> list[Example]:
    """Rows that are answerable and not in turns."""
    rows = []
    for number in range(count):
        clause = CLAUSES[number % len(CLAUSES)]
        answerable = number % 2 == 0
        passage = (
            f"<passage 1>\nClause {number}: {clause if answerable else 'Blank.'}\n</passage 1>"
        )
        rows.append(
            Example(
                prompt=(
                    Message("system", Template().system[:60]),
                    Message("user", f"{passage}\n\nQuestion: What does clause {number} say?"),
                ),
                completion=clause if answerable else "Not found.",
                kind="answerable" if answerable else "unanswerable",
                contract=f"Contract {number % 3}",
                case=f"{number:064x}",
                gold=(clause,) if answerable else (),
            )
        )
    return rows


def held_out(count: int) -> list[Example]:
    """The same of a contract that is not among theirs."""
    return [replace(row, contract="Contract held out") for row in examples(count)]


def meta(**changes) -> Meta:
    """What the rows were made of."""
    contracts = tuple(
        TrainedContract(title=f"Contract {number}", digest=f"{number:064x}", sketch=(number,))
        for number in range(3)
    )
    values = {
        "command": "python -m training.data --dataset sample",
        "dataset": "sample",
        "dataset_identity": "d" * 64,
        "model": "smollm2",
        "most_passages": 1,
        "contracts": contracts,
        "cases": tuple(f"{number:064x}" for number in range(4)),
    }
    return Meta(**{**values, **changes})


def write_data(folder: Path, count: int = 12) -> Path:
    """`sft.jsonl`, `sft.validation.jsonl`, `pairs.jsonl` and `thumbs.jsonl` with their metas."""
    rows = examples(count)
    write_examples(folder / "sft.jsonl", rows)
    write_examples(folder / "sft.validation.jsonl", held_out(6))
    write_meta(folder / "sft.jsonl", meta())
    shared = [
        {
            "prompt": [{"role": each.role, "content": each.content} for each in row.prompt],
            "source": "gold",
            "contract": row.contract,
            "case": row.case,
            "kind": row.kind,
            "gold": list(row.gold),
        }
        for row in rows
    ]
    replies = [(row.completion, "Nobody knows what it says.") for row in rows]
    pairs = [
        {**row, "chosen": _turn(good), "rejected": _turn(bad), "margin": 1.0}
        for row, (good, bad) in zip(shared, replies, strict=True)
    ]
    thumbs = [
        {**row, "completion": _turn(pair[place]), "label": place == 0}
        for row, pair in zip(shared, replies, strict=True)
        for place in (0, 1)
    ]
    for name, table in (("pairs", pairs), ("thumbs", thumbs)):
        write_rows(folder / f"{name}.jsonl", table)
        write_meta(folder / f"{name}.jsonl", meta())
    return folder


def write_recipe(folder: Path, base: Path, data: str = "sft", **changes) -> Path:
    """A recipe of two steps on the tiny base."""
    import yaml

    training = {
        "max_steps": 2,
        "learning_rate": 0.01,
        "gradient_accumulation_steps": 2,
        "save_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        **changes.pop("training", {}),
    }
    values = {
        "name": "tiny",
        "base": str(base),
        "data": str(folder / f"{data}.jsonl"),
        "training": training,
        **changes,
    }
    if not values.get("adapter"):
        values.setdefault("lora", {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"})
    path = folder / f"{values['name']}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def _turn(text: str):
    return [{"role": "assistant", "content": text}]
