"""A tiny random model of Llama 3's architecture, with its special tokens and its chat template."""

import json
from pathlib import Path

MARKS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}"
    "{{ '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{ turn['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
SPLIT = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+"
"""Breaks of lines stay together, so that a reply has the same tokens behind its header as alone."""


def make_llama3(folder: Path, *, eos: str = "<|end_of_text|>", seed: int = 0) -> Path:
    """A folder as it was released: no pad token, two ids that end an answer, BOS by itself.

    Args:
        folder: where it is written.
        eos: what the tokenizer names as the end; its first release named the end of a text.
        seed: of the weights.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(eos)
    tokenizer.save_pretrained(folder)
    named = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in MARKS}
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        rope_theta=500_000.0,
        initializer_range=0.1,
        tie_word_embeddings=False,
        bos_token_id=named["<|begin_of_text|>"],
        eos_token_id=named["<|end_of_text|>"],
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    GenerationConfig(
        bos_token_id=named["<|begin_of_text|>"],
        eos_token_id=[named["<|end_of_text|>"], named["<|eot_id|>"]],
        do_sample=True,
        temperature=0.6,
        top_p=0.9,
    ).save_pretrained(folder)
    return folder


def _tokenizer(eos: str):
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    from tests.conftest import ROOT

    texts = [
        text
        for path in sorted((ROOT / "fixtures" / "data" / "sample").glob("*.json"))
        for text in _strings(json.loads(path.read_text("utf-8")))
    ]
    bpe = Tokenizer(models.BPE(ignore_merges=True))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    begin = "<|begin_of_text|>"
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A",
        pair=f"{begin} $A {begin} $B",
        special_tokens=[(begin, bpe.token_to_id(begin))],
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=begin, eos_token=eos)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _strings(value) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]
