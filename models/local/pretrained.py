"""A base's folder, as transformers reads it: tokenizer, length, weights, settings of generation."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.loading import LOADING, first_line, from_folder
from models.local.turns import after_reply

LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length",
           "max_seq_length", "seq_length")  # fmt: skip

TODAY = date(2026, 1, 1)
"""The day that chat templates are told: with the clock's, a model would not be what it was."""

ENDLESS = 10**9
"""What tokenizers call their length when they have none is larger."""

GENERATION = (
    "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id",
    "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids",
    "sequence_bias", "repetition_penalty", "encoder_repetition_penalty", "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "min_length",
    "min_new_tokens", "top_k", "top_h", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff",
    "renormalize_logits", "remove_invalid_values",
)  # fmt: skip
"""What is taken from generation_config.json: which tokens end an answer, and which are preferred.

How tokens are searched and where keys are kept is the registry entry's and the exam's own.
"""


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer of a chat model, padding on the left.

    Raises:
        UserError: it cannot be loaded, has no chat template, or no token that ends an answer.
    """
    with LOADING:
        from transformers import AutoTokenizer

    tokenizer = from_folder(AutoTokenizer, folder, padding_side="left")
    if not tokenizer.chat_template:
        raise UserError(f"{folder}: its tokenizer has no chat template; choose a chat model")
    if not _knows_words(tokenizer):
        raise UserError(f"{folder}: its tokenizer knows no words; fetch or save it again")
    if tokenizer.eos_token_id is None:
        end = _end(folder)
        if end is None or not 0 <= end < len(tokenizer):
            raise UserError(
                f"{folder}: no token ends an answer: give tokenizer_config.json an eos_token, or "
                "generation_config.json an eos_token_id"
            )
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    ends = _ends(folder)
    _end_with_the_turn(tokenizer, ends)
    if tokenizer.pad_token_id is None:  # what ends a text and no turn is in no row
        known, turn = tokenizer.added_tokens_decoder, after_reply(tokenizer)
        unused = [known[each] for each in ends if each in known and each not in turn]
        marks = [token.content for token in unused if token.special]
        tokenizer.pad_token = next(iter(marks), tokenizer.eos_token)
    tokenizer.apply_chat_template = partial(
        tokenizer.apply_chat_template, strftime_now=TODAY.strftime
    )
    return tokenizer


def _knows_words(tokenizer: Any) -> bool:
    try:
        return bool(tokenizer("Are you there?", add_special_tokens=False)["input_ids"])
    except Exception:  # it has not even a token for words that it does not know
        return False


def _end(folder: Path) -> int | None:
    """The id that ends an answer, by the model's own files."""
    return next(iter(_ends(folder)), None)


def _ends(folder: Path) -> list[int]:
    """Every id that ends an answer, by the model's own files, the first of which knows any."""
    for name in ("generation_config.json", "config.json"):
        found = _read(folder / name).get("eos_token_id")
        every = found if isinstance(found, list) else [found]
        if ends := [each for each in every if type(each) is int]:
            return ends
    return []


def _end_with_the_turn(tokenizer: Any, ends: Sequence[int]) -> None:
    """Of several tokens that end an answer, let the tokenizer name the one that ends a turn.

    Llama 3, Gemma and Phi 3 end a text by one token and a turn by another, and their tokenizers may
    name the first. Replies are trained with what the tokenizer names, and a model would unlearn its
    own.
    """
    named, asked = tokenizer.eos_token, _asked(tokenizer)
    turn = next((each for each in after_reply(tokenizer) if each in ends), None)
    if turn is None or tokenizer.eos_token_id not in ends:
        return
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(turn)
    if _asked(tokenizer) != asked:  # a template that shows it would ask otherwise
        tokenizer.eos_token = named


def _asked(tokenizer: Any) -> str:
    """A question in the template, as far as it can be asked."""
    turns = [{"role": "user", "content": "question"}]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except Exception:  # whoever asks says what is wrong with it
        return ""


def longest_sequence(folder: Path) -> int:
    """The longest sequence, prompt and answer, that a model was made for.

    transformers is asked only where config.json does not say it in so many words.

    Raises:
        UserError: the folder does not say.
    """
    told = _read(folder / "config.json")
    known = [told[name] for name in LENGTHS if name in told]
    inner = {name for name in told if name.endswith("_config")} - {"quantization_config"}
    plain = not inner and len(known) == 1 and "max_position_embeddings" in told
    if plain and _is_length(known[0]):
        return int(known[0])
    config = _text_config(folder)
    for name in LENGTHS:
        value: Any = getattr(config, name, None)
        if _is_length(value):
            return int(value)
    value = open_tokenizer(folder).model_max_length
    if _is_length(value):
        return int(value)
    raise UserError(
        f"{folder}: neither config.json nor its tokenizer says how long a sequence may be; "
        "give config.json its max_position_embeddings"
    )


def vocabulary_size(folder: Path) -> int:
    """How many tokens a model has weights for.

    Raises:
        UserError: its configuration cannot be read.
    """
    return int(getattr(_text_config(folder), "vocab_size", None) or ENDLESS)


def _text_config(folder: Path) -> Any:
    with LOADING:
        from transformers import AutoConfig

    config = from_folder(AutoConfig, folder)
    try:
        return config.get_text_config(decoder=True)
    except ValueError as error:
        raise UserError(f"{folder} is no model that writes: {first_line(error)}") from error


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 < value < ENDLESS


def _read(file: Path) -> Mapping[str, Any]:
    """A JSON object; an empty one where there is none, or where it cannot be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def open_model(folder: Path, dtype: str, *, scores: bool = False, **options: Any) -> Any:
    """The model in memory, on the CPU unless `options` say otherwise.

    Args:
        folder: of the base.
        dtype: torch's name of it.
        scores: it gets one output, of its own, instead of a vocabulary.
        options: of `from_pretrained`.

    Raises:
        UserError: it cannot be loaded, lacks weights, or has settings that no exam understands.
    """
    import torch

    with LOADING:
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
        from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    options |= {"dtype": getattr(torch, dtype), "use_safetensors": True}
    if scores:
        return from_folder(AutoModelForSequenceClassification, folder, num_labels=1, **options)
    model, found = from_folder(AutoModelForCausalLM, folder, output_loading_info=True, **options)
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise UserError(
            f"{folder}: its files do not have {missing[0]} ({len(missing)} such weights), which "
            "would be random numbers; fetch or save it again"
        )
    model.generation_config = _settings(folder, model.generation_config)
    return model


def _settings(folder: Path, told: Any) -> Any:
    with LOADING:
        from transformers import GenerationConfig

    if told.stop_strings:
        raise UserError(
            f"{folder / 'generation_config.json'}: stop_strings are not understood; give the token "
            "that ends an answer as eos_token_id"
        )
    values = {name: getattr(told, name, None) for name in GENERATION}
    return GenerationConfig(**{name: each for name, each in values.items() if each is not None})
