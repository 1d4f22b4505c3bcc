"""Llama 3, in small: its tokens, and the shipped recipes from data to a refused promotion."""

import asyncio

import pytest

from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from tests.builders.llama3 import make_llama3
from tests.builders.training_data import method_named, write_data, write_recipe
from training.trainer.rows import completions, labelled_pairs, pairs, reply_ids

pytestmark = pytest.mark.usefixtures("one_thread")
METHODS = ("sft", "dpo", "orpo")
TURN, TEXT = "<|eot_id|>", "<|end_of_text|>"
ASKED = (Message("system", "Quote."), Message("user", "Which law governs?"))


@pytest.fixture(scope="module", params=[TEXT, TURN], ids=["first-release", "later"])
def chat(request, one_thread, tmp_path_factory):
    """The base, with the one or the other token as its tokenizer's end: both were released."""
    folder = make_llama3(tmp_path_factory.mktemp("llama3"), eos=request.param)
    return LocalChat("llama3", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=12))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("rows"))


def ids(chat, *marks):
    return chat.base.tokenizer.convert_tokens_to_ids(list(marks))


# Tokens


def test_a_prompt_begins_once_and_has_the_headers_of_its_turns(chat):
    begin, start, end, turn = ids(
        chat, "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", TURN
    )
    found = chat.ids(ASKED)
    assert found[0] == begin and found.count(begin) == 1
    assert found.count(start) == found.count(end) == 3
    assert found.count(turn) == 2
    assert chat.base.takes_system


def test_what_is_trained_is_what_the_template_writes_up_to_the_end_of_the_turn(chat):
    tokenizer, (turn,) = chat.base.tokenizer, ids(chat, TURN)
    said = [{"role": each.role, "content": each.content} for each in ASKED]
    whole = [*said, {"role": "assistant", "content": "Ohio, by clause 7."}]
    row = chat.ids(ASKED) + reply_ids(chat, "Ohio, by clause 7.")
    assert row == tokenizer.apply_chat_template(whole, return_dict=False)
    assert row[-1] == turn == tokenizer.eos_token_id


def test_what_pads_is_in_no_row(chat, rows):
    (text,) = ids(chat, TEXT)
    assert chat.base.tokenizer.pad_token_id == text
    every = completions(rows / "sft.jsonl", chat, None)
    assert not any(text in row["input_ids"] for row in every)


def test_a_template_that_shows_the_end_is_asked_as_it_was(tmp_path):
    folder = make_llama3(tmp_path)
    template = folder / "chat_template.jinja"
    text = template.read_text("utf-8")
    template.write_text(text.replace("{% endfor %}", "{% endfor %}{{ eos_token }}"), "utf-8")
    tokenizer = LocalBase(folder, "cpu", "float32").tokenizer
    assert (tokenizer.eos_token, tokenizer.pad_token) == (TEXT, TEXT)


def test_the_loss_is_of_the_reply_with_its_end_in_every_method(chat, rows):
    (turn,) = ids(chat, TURN)
    for row in completions(rows / "sft.jsonl", chat, None):
        trained = [label for label in row["labels"] if label != -100]
        assert trained.count(turn) == 1 and trained[-1] == turn
        assert row["input_ids"][-len(trained) :] == trained
    for row in pairs(rows / "pairs.jsonl", chat, None):
        assert row["chosen_ids"][-1] == row["rejected_ids"][-1] == turn
        assert row["chosen_ids"].count(turn) == row["rejected_ids"].count(turn) == 1
    for row in labelled_pairs(rows / "pairs.jsonl", chat, None):
        for side in ("chosen", "rejected"):
            trained = [label for label in row[f"{side}_labels"] if label != -100]
            assert trained[-1] == turn and turn not in trained[:-1]


@pytest.mark.parametrize("method", METHODS)
def test_a_padded_batch_has_the_loss_of_the_reply_and_its_end_alone(method, chat, rows, tmp_path):
    """The very batch that the trainer makes of rows of two lengths."""
    batch = next(iter(trainer(method, chat, rows, tmp_path).get_train_dataloader()))
    (turn,) = ids(chat, TURN)
    for sequence, mask, trained in sides(method, batch):
        assert len({int(each.sum()) for each in mask}) > 1  # it is padded
        for row, seen, kept in zip(sequence, mask.bool(), trained, strict=True):
            labelled = row[kept]
            assert int(labelled[-1]) == turn and int((labelled == turn).sum()) == 1
            assert bool(seen[kept].all())
            last = seen.nonzero().max()
            assert bool(kept[last]) and int(row[last]) == turn


def trainer(method, chat, rows, folder):
    from training.trainer.loading import load
    from training.trainer.recipe import read_recipe
    from training.trainer.run import build_trainer

    data = "sft" if method == "sft" else "pairs"
    batch = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}
    path = write_recipe(folder, chat.base.folder, data, training=batch)
    recipe = read_recipe(path, [f"data={rows / f'{data}.jsonl'}"])
    return build_trainer(load(method_named(method), recipe, folder, folder / "run"))


def sides(method, batch):
    """(ids, attention mask, which positions are trained) of each part of a batch."""
    if method == "sft":
        return [(batch["input_ids"], batch["attention_mask"], batch["labels"] != -100)]
    if method == "dpo":
        return [(batch["input_ids"], batch["attention_mask"], batch["completion_mask"].bool())]
    return [
        (
            batch[f"{side}_input_ids"],
            batch[f"{side}_attention_mask"],
            batch[f"{side}_labels"] != -100,
        )
        for side in ("chosen", "rejected")
    ]


def test_a_batch_that_is_padded_on_the_left_answers_as_one_alone(chat):
    asked = [(Message("user", "Who? " + "Acme Corp. " * count),) for count in (1, 9, 30)]
    alone = [answers(chat, [each])[0] for each in asked]
    base = LocalBase(chat.base.folder, "cpu", "float32", batch_tokens=4096)
    together = answers(LocalChat("llama3", base, chat.decoding), asked)
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.tokens_out for each in together] == [each.tokens_out for each in alone]


def answers(chat, asked):
    async def ask():
        return await asyncio.gather(*(chat.chat(each) for each in asked))

    return asyncio.run(ask())


def test_the_end_of_a_turn_is_learnt_and_ends_the_answer(chat, tmp_path):
    from training.command import run_command

    folder = write_data(tmp_path, count=4)
    steps = {
        "max_steps": 200,
        "save_steps": 1000,
        "learning_rate": 0.003,
        "lr_scheduler_type": "constant",
    }
    recipe = write_recipe(
        folder, chat.base.folder, training=steps, lora={"r": 16, "lora_alpha": 32}
    )
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    assert run_command(method_named("sft"), [str(recipe), *places]) == 0
    taught = LocalChat("tiny", chat.base, Decoding(max_tokens=24), folder / "adapters" / "tiny")
    from training.data.examples import read_examples

    examples = read_examples(folder / "sft.jsonl")
    found = answers(taught, [each.prompt for each in examples])
    assert [each.text for each in found] == [each.completion for each in examples]
    assert {each.finish_reason for each in found} == {"stop"}


# Kernels


@pytest.mark.parametrize(
    ("installed", "capability", "masked", "kernel"),
    [
        (True, (8, 6), False, "flash_attention_2"),
        (True, (9, 0), False, "flash_attention_2"),
        (True, (7, 5), False, "sdpa"),  # it is made for later GPUs
        (False, (8, 6), False, "sdpa"),
        (True, (8, 6), True, "sdpa"),
    ],
)
def test_flash_attention_is_used_where_it_can_be(
    installed, capability, masked, kernel, monkeypatch
):
    import torch
    import transformers.utils

    from training.trainer.device import attention

    monkeypatch.setattr(transformers.utils, "is_flash_attn_2_available", lambda: installed)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert attention("cuda", masked=masked) == kernel
    assert attention("cpu") == "eager"


@pytest.mark.parametrize(("processes", "refused"), [("1", True), ("4", False)])
def test_a_base_that_one_device_does_not_hold_is_refused_unless_several_share_it(
    processes, refused, chat, tmp_path, monkeypatch
):
    from common.errors import UserError
    from models.local import lacking
    from training.trainer.loading import open_chat
    from training.trainer.recipe import read_recipe

    recipe = read_recipe(write_recipe(tmp_path, chat.base.folder))
    monkeypatch.setattr(lacking, "memory", lambda device: 1000)
    monkeypatch.setenv("WORLD_SIZE", processes)
    if refused:
        with pytest.raises(UserError, match="it needs 1 GB of memory in this dtype"):
            open_chat(recipe, tmp_path)
    else:
        assert open_chat(recipe, tmp_path).base.folder == chat.base.folder
