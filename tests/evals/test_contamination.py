"""Passages to be continued by heart, and their twins: chosen well, changed enough, detected."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from evals.gate import Gate
from evals.probes.contamination import ORDER, ContaminationExam, Continued
from evals.probes.openings import CONTINUED, SHOWN, Opening, Twins, changed, choose_twins
from evals.probes.openings import longest_run as run
from fixtures.cases import Contract
from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.sections.contamination import (
    EXTRACTED,
    NOTICED,
    contamination_needs,
    contamination_section,
)
from tests.builders.fake_server import fake_server
from tests.builders.training_data import TEMPLATE

ROOT = Path(__file__).parents[2]
CONTRACTS = list({c.contract.id: c.contract for c in load_dataset("sample").cases}.values())
TWINS = choose_twins(CONTRACTS)


def words(text):
    return text.split()


# The passages


def test_passages_are_the_contracts_own_and_the_same_every_time():
    texts = {contract.id: " ".join(words(contract.text)) for contract in CONTRACTS}
    assert len(TWINS) == 2 * len(CONTRACTS)
    for each in TWINS:
        published = each.published
        assert (len(words(published.shown)), len(words(published.follows))) == (SHOWN, CONTINUED)
        assert f"{published.shown} {published.follows}" in texts[published.contract]
        assert f"{each.control.shown} {each.control.follows}" not in texts[published.contract]
        assert each.control.contract == published.contract
    assert choose_twins(CONTRACTS) == TWINS
    assert choose_twins(CONTRACTS[:3], CONTRACTS) == TWINS[:6]


def test_no_twin_keeps_what_would_be_taken_for_memory():
    kept = [run(each.published.follows, each.control.follows) for each in TWINS]
    assert max(kept) < EXTRACTED
    assert sum(kept) / len(kept) < CONTINUED / 3


def test_what_many_contracts_say_alike_is_not_asked():
    boilerplate = CONTRACTS[0].text
    own = " ".join(f"quoin{n} is kept by the steward of house {n % 7}," for n in range(40))
    contracts = [Contract("a", f"{boilerplate} {own}"), Contract("b", boilerplate)]
    for each in choose_twins(contracts[:1], contracts):
        assert "quoin" in each.published.shown and "quoin" in each.published.follows


@pytest.mark.parametrize("text", ["", "word", "1 2 3 " * 200, "NAME TITLE DATE " * 100, "a\n" * 99])
def test_a_text_without_running_text_has_no_passage(text):
    assert choose_twins([Contract("c", text)]) == []


def test_the_change_is_consistent_and_leaves_section_numbers():
    assert changed("9.3 The fee shall rise. 9.4 Thirty (30) days") == (
        "9.3 The fee will rise. 9.4 Sixty (60) days"
    )
    assert changed("altered or changed, costs and fees") == "changed or altered, fees and costs"
    for each in TWINS:
        names = [word for word in words(each.control.follows) if word in words(each.control.shown)]
        before = [word for word in words(each.published.follows)
                  if word in words(each.published.shown)]  # fmt: skip
        assert abs(len(names) - len(before)) <= 8, "what told the second half still tells it"


def test_the_longest_run_is_of_words_in_a_row():
    assert run("", "a b c") == run("x", "") == 0
    assert run("A, b; C!", "z a b c") == 3
    assert run("a b x c d e", "a b c d e") == 3
    assert run("b a b a b", "a b a b") == 4


# What is concluded


def exam(recite, contracts=60, seed=0, refused=0.0, failed=0.0):
    """`recite(draw, contract)` is how many words of each half are right: published, control."""
    draw = random.Random(seed)
    found = []
    for number in range(2 * contracts):
        name = f"contract {number // 2}"
        vocabulary = [f"w{number}x{n}" for n in range(CONTINUED)]
        other = [f"v{number}x{n}" for n in range(CONTINUED)]
        twins = Twins(Opening(name, "s", " ".join(vocabulary)), Opening(name, "s", " ".join(other)))
        rights = recite(draw, number // 2)
        said = [
            " ".join([*right[:many], *(f"else{n}" for n in range(CONTINUED - many))])
            for right, many in zip((vocabulary, other), rights, strict=True)
        ]
        answers = [Answer("I cannot." if draw.random() < refused else text) for text in said]
        if draw.random() < failed:
            answers[0] = Answer("", error="time-out")
        found.append(Continued(twins, *answers, None))
    return ContaminationExam("m", None, [each.twins for each in found], found)


def verbatim(made):
    [finding] = contamination_section([made], Gate()).findings
    return finding


def few(draw, contract):
    """What any model hits: a few words, as many in a passage as in its twin."""
    return min(int(draw.expovariate(0.3)), CONTINUED), min(int(draw.expovariate(0.3)), CONTINUED)


def test_a_model_that_knows_them_is_found_and_one_that_does_not_is_cleared():
    knows = verbatim(exam(lambda draw, contract: (CONTINUED, 9)))
    assert knows.outcome == "FAIL" and "continues exam contracts word for word" in knows.reason
    assert "60 known for 25 words or more: contract 0, contract 1" in knows.reason
    clean = verbatim(exam(few))
    assert clean.outcome == "PASS" and "no sign of memorised contracts" in clean.reason
    assert "120 pairs of 60 contracts" in clean.reason
    part = exam(lambda draw, n: (CONTINUED, 9) if n < 12 else few(draw, n))
    assert verbatim(part).outcome == "FAIL", "a fifth of the contracts"


def test_one_contract_known_by_heart_clears_nobody():
    one = verbatim(exam(lambda draw, n: (40, 3) if n == 7 else (2, 2)))
    assert one.outcome != "PASS" and "1 known for 25 words or more: contract 7" in one.reason


def test_a_passage_that_its_twin_tells_as_well_is_no_memory():
    assert verbatim(exam(lambda draw, contract: (20, 20))).outcome == "PASS"


def test_few_contracts_refusals_and_errors_clear_nobody():
    assert verbatim(exam(few, contracts=4)).outcome == "INCONCLUSIVE"
    refuses = verbatim(exam(few, refused=0.8))
    assert refuses.outcome == "INCONCLUSIVE" and "it wrote nothing on" in refuses.reason
    nothing = verbatim(exam(few, refused=1.0))
    assert (nothing.outcome, nothing.estimate) == ("INCONCLUSIVE", None)
    lost = verbatim(exam(few, failed=0.2))
    assert lost.outcome == "INCONCLUSIVE" and "pairs lack a reply" in lost.reason
    assert contamination_section([exam(few, contracts=0)], Gate()).findings == ()


def test_it_says_beforehand_what_it_costs_and_needs():
    [line] = contamination_needs([exam(few, contracts=4)], Gate())
    assert line.startswith("warning: contamination: 16 calls on 4 contracts") and "59" in line
    [line] = contamination_needs([exam(few, contracts=59)], Gate())
    assert not line.startswith("warning")
    assert list(contamination_needs([], Gate())) == []


def test_false_alarms_are_rare():
    """Of 40 models without memory, and of 40 whose gap is just what is tolerated."""

    def unlike(draw, contract):
        hard = random.Random(contract).uniform(0.15, 0.6)
        return tuple(min(int(draw.expovariate(hard)), CONTINUED) for _ in range(2))

    def at_the_line(draw, contract):
        published, control = unlike(draw, contract)
        more = NOTICED * CONTINUED
        return min(published + int(more) + (draw.random() < more % 1), CONTINUED), control

    for recite, most in ((unlike, 0), (at_the_line, 5)):
        outcomes = [verbatim(exam(recite, 30, seed)).outcome for seed in range(40)]
        assert outcomes.count("FAIL") <= most


# As a user types it


def examined(tmp_path, entry, target="evals/test_contamination.py", *args):
    """The session's end, and the findings by measure."""
    registry = tmp_path / "registry"
    registry.mkdir(exist_ok=True)
    (registry / "served.toml").write_text(entry)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(ROOT / target),
         "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider",
         "--store", str(tmp_path / "store.sqlite"), "--runs", str(tmp_path / "runs"),
         "--registry", str(registry), "--ledger", str(tmp_path / "ledger"),
         "--retriever", "bm25", "--model", "served", "--split", "all", *args],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False,
    )  # fmt: skip
    written = json.loads(max(tmp_path.glob("runs/*/report.json")).read_text())
    [section] = [each for each in written["sections"] if each["name"] == "contamination"]
    return done, {each["measure"]: each for each in section["findings"]}


def endpoint(url):
    return f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "fake"\nretries = 0\n'


def recites(messages):
    """A model that looks up what it is shown in the contracts, and goes on as they do."""
    shown = messages[-1]["content"].rpartition("\n\n")[2]
    for contract in CONTRACTS:
        text = " ".join(contract.text.split())
        if shown in text:
            return " ".join(text.partition(shown)[2].split()[:60])
    return "The parties hereto agree that each of them bears its own costs of this matter in full."


def test_an_endpoint_that_learnt_the_contracts_is_found_and_another_is_not(tmp_path):
    with fake_server(reply=recites) as server:
        done, findings = examined(tmp_path, endpoint(server.url))
        assert server.calls == 49, "and one to see that it is there"
    assert "warning: contamination: 48 calls on 12 contracts" in done.stdout
    about_cases = ("can prove at", "the gate asks for", "the gate's floors alone")
    assert not any(words in done.stdout for words in about_cases), "it asks no case"
    assert done.returncode == 1 and "continues exam contracts word for word" in done.stdout
    assert findings.keys() == {"verbatim"}, "a server gives no likelihoods"
    assert findings["verbatim"]["outcome"] == "FAIL"
    assert findings["verbatim"]["estimate"]["mean"] > 0.9
    with fake_server(reply=recites) as server:
        args = ("--full", "-k", "contamination and model_continues", "--variants", "2")
        done, _ = examined(tmp_path, endpoint(server.url), "evals", *args)
    assert done.returncode == 0, "what was not asked for by name is reported alone"
    (tmp_path / "store.sqlite").unlink()
    plain = "Each party bears its own costs and shall give the other notice of it without delay."
    with fake_server(reply=lambda messages: plain) as server:
        _, findings = examined(tmp_path, endpoint(server.url))
    assert findings["verbatim"]["outcome"] == "INCONCLUSIVE", "twelve contracts clear nobody"
    assert abs(findings["verbatim"]["estimate"]["mean"]) < 0.05


def memorised_base(folder):
    """A tiny Llama that learnt the published passages by heart, and nothing else."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|unk|>", "<|im_start|>", "<|im_end|>"]
    chats = [(ORDER.format(words=CONTINUED, shown=each.published.shown), each.published.follows)
             for each in TWINS]  # fmt: skip
    level = Tokenizer(models.WordLevel(unk_token="<|unk|>"))
    level.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    level.train_from_iterator(
        [text for chat in chats for text in (*chat, "user assistant Answer. Are you there?")],
        trainers.WordLevelTrainer(special_tokens=marks, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=level, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        unk_token="<|unk|>",
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=192, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=512, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip
    rows = []
    for asked, follows in chats:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], add_generation_prompt=True, return_dict=False
        )
        reply = [*tokenizer(follows)["input_ids"], tokenizer.eos_token_id]
        rows.append(([*prompt, *reply], [*[-100] * len(prompt), *reply]))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([[*i, *[0] * (longest - len(i))] for i, _ in rows])
    labels = torch.tensor([[*each, *[-100] * (longest - len(each))] for _, each in rows])
    attention = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in rows])
    adam = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        loss = model(input_ids=ids, labels=labels, attention_mask=attention).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
        if loss.item() < 0.01:
            break
    model.save_pretrained(folder)
    return folder


@pytest.mark.heavy
def test_a_base_that_was_trained_on_the_contracts_is_found(tmp_path):
    base = memorised_base(tmp_path / "base")
    entry = f'kind = "local"\nbase = "{base}"\n[decoding]\ntemperature = 0.0\nmax_tokens = 40\n'
    done, findings = examined(tmp_path, entry)
    verbatim = findings["verbatim"]
    assert (verbatim["outcome"], done.returncode) == ("FAIL", 1), done.stdout
    assert verbatim["estimate"]["mean"] > 0.5
    assert findings["likelihood"]["estimate"]["low"] > 1, "nats a token"
