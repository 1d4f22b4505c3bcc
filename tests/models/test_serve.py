"""The champion in service: asked, logged, swapped without a request lost, and refused otherwise."""

import asyncio
import contextlib
import http.client
import json
import signal
import threading
import time
from collections import Counter
from dataclasses import replace

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.served import Served, read_served, writing
from fixtures.shown import shown_case
from models.chat import Answer, Decoding
from models.factory import open_models
from models.promotion.actions import roll_back
from models.serve.__main__ import main
from models.serve.asked import chat_of, question_of
from models.serve.log import Log
from models.serve.roster import Roster
from models.serve.service import Service
from models.serve.split import Split, share_of
from models.serve.waves import FullError, Waves
from tests.builders.in_service import in_service, local_entry, typed
from tests.builders.promotion_data import (
    dynasty,
    identity_of,
    make_place,
    promoted,
    write_report,
)
from tests.conftest import ROOT, make_adapter

LAW = "This Agreement is governed by the law of Ohio."
SECOND = "20260102-000000-aaaa"


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path / "repository", "a", "b", "c")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "served"


def rows_of(log):
    return list(read_served([log], log.parent / "aside"))


def until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_openais_own_client_is_answered_and_every_request_is_logged(place, log):
    dynasty(place, "a")
    with in_service(place, log) as service:
        client = openai.OpenAI(base_url=service.url, api_key="none")
        assert {each.id for each in client.models.list()} == {"champion", "a"}
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
        extra = {"contract": "ACME", "category": "Term"}
        whole = client.chat.completions.create(
            model="champion", messages=turns, user="ann", metadata=extra, max_tokens=2000
        )
        assert whole.choices[0].message.content == "Why?" and whole.model == "a"
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + 1
        parts = list(
            client.chat.completions.create(
                model="a", messages=turns, stream=True, stream_options={"include_usage": True}
            )
        )
        said = "".join(each.choices[0].delta.content or "" for each in parts if each.choices)
        assert (said, parts[-2].choices[0].finish_reason) == ("Why?", "stop")
        assert parts[-1].usage.completion_tokens == 1
        with pytest.raises(openai.NotFoundError, match="no model b; known are a, champion"):
            client.chat.completions.create(model="b", messages=turns)
        key = "sk-abcdefghijklmnop1234"
        status, headers, answer = service.question(
            f"Which law, {key}?", [LAW, "Fees fall due."], contract="ACME MSA", user="ann"
        )
        assert (status, headers["x-served-log"]) == (200, "written")
        assert answer["answer"] == f"Question: Which law, {key}?"
        assert [each["start"] for each in answer["passages"]] == [0, len(LAW) + 2]
        assert answer["system_fingerprint"] == identity_of(place, "a")
        state = service.health()
        assert state["status"] == "ok" and state["requests"]["answered"] == 3
        assert state["log"]["written"] == 3
        assert service.end() == 0 and "no longer served" in service.said
    first, second, third = rows_of(log)
    assert (first.id, first.question, first.contract) == (whole.id, "Why?", "ACME")
    assert first.user == third.user != "" and second.user == ""
    assert third.passages == (LAW, "Fees fall due.") and "***" in third.question
    assert {each.identity for each in (first, second, third)} == {identity_of(place, "a")}
    (path,) = log.glob("*.jsonl")
    assert b"ann" not in path.read_bytes() and b"abcdefghijkl" not in path.read_bytes()
    assert path.stat().st_mode & 0o007 == 0


def asking(service, found, stop):
    """Ask until told to stop."""
    while not stop.is_set():
        status, _, body = service.chat("Why?")
        found.append((status, body.get("model")))


def test_a_promotion_and_a_rollback_swap_the_champion_and_lose_no_request(place, log):
    dynasty(place, "a")
    with in_service(place, log) as service:
        found, stop = [], threading.Event()
        threads = [threading.Thread(target=asking, args=[service, found, stop]) for _ in range(4)]
        for each in threads:
            each.start()
        until(lambda: (200, "a") in found)
        write_report(place, "b", against="a", id_=SECOND)
        promoted("b", place)
        until(lambda: (200, "b") in found)
        before = len(found)
        roll_back(place, say=lambda line: None)
        until(lambda: (200, "a") in found[before:])
        stop.set()
        for each in threads:
            each.join()
        assert service.end() == 0
    assert {status for status, _ in found} == {200}
    assert "b answers from now on (promotion 2); was a" in service.said
    assert "a answers from now on (rollback 3); was b" in service.said
    assert Counter(row.model for row in rows_of(log)) == Counter(model for _, model in found)


def test_what_was_not_promoted_is_not_put_into_service_and_the_old_one_goes_on(place, log):
    dynasty(place, "a", "b")
    pointer = place.folder / "champion.toml"
    with in_service(place, log) as service:
        good = pointer.read_text()
        pointer.write_text(good.replace('"b"', '"c"'))
        until(lambda: service.health()["status"] == "degraded")
        assert "the last line of the record b" in service.health()["champion"]["why_not_the_newest"]
        assert service.chat("Why?")[2]["model"] == "b"
        pointer.write_text("no TOML = = at all")
        until(lambda: "not TOML" in service.health()["champion"]["why_not_the_newest"])
        pointer.unlink()
        until(lambda: "nothing was promoted" in service.health()["champion"]["why_not_the_newest"])
        pointer.write_text(good)
        until(lambda: service.health()["status"] == "ok")
        service.end(signal.SIGINT)
    assert "b goes on: " in service.said


def test_a_promoted_model_whose_files_changed_is_refused_until_they_are_back(place, monkeypatch):
    dynasty(place, "a")
    said = []
    roster = Roster(place.folder, place.registry, say=said.append)
    entry = place.registry / "b.toml"

    async def run():
        await roster.start()
        write_report(place, "b", against="a", id_=SECOND)
        promoted("b", place)
        right = entry.read_text()
        entry.write_text(right.replace("I am b", "I am worse"))
        for _ in range(3):
            await roster.look()
        assert roster.champion.name == "a" and "b is not what promotion 2" in roster.refused
        entry.write_text(right)
        await roster.look()  # not yet: it is looked at again after a while
        assert roster.champion.name == "a"
        monkeypatch.setattr("models.serve.roster.AGAIN", 0.0)
        await roster.look()
        assert roster.champion.name == "b" and roster.refused == ""

    asyncio.run(run())
    assert [line[:30] for line in said] == [
        "a goes on: b is not what promo", "b answers from now on (promoti",
    ]  # fmt: skip


def start(place, log, capsys, *options):
    """The exit code and stderr of a service that does not begin."""
    code = main(typed(place, log, *options)[3:])
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return code, said


def test_it_does_not_begin_with_what_was_not_promoted(place, log, capsys):
    code, said = start(place, log, capsys)
    assert code == 4 and "nothing was promoted; type `python -m models.promote NAME`" in said
    dynasty(place, "a")
    code, said = start(place, log, capsys, "--shadow", "bb")
    assert code == 4 and "--shadow bb: not in " in said
    entry = place.registry / "a.toml"
    entry.write_text(entry.read_text().replace("I am a", "I am another"))
    code, said = start(place, log, capsys)
    assert code == 1 and "REFUSED: a is not what promotion 1 recorded" in said
    assert not log.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--split", "b"], "'b' is no share of requests; write NAME=0.1 for a tenth"),
        (["--split", "b=1.5"], "is no share of requests"),
        (["--split", "b=nan"], "is no share of requests"),
        (["--split", "d=0.1"], "d: not in"),
        (["--split", "a=0.1"], "--split a=0.1: that is the champion; name another model"),
        (["--split", "b=0.1", "--shadow", "b"], "not allowed with"),
        (["--shadow", "far"], "far is endpoint: a server of its own serves it"),
        (["--shadow", "recorded:x.csv"], "x.csv"),
        (["--host", "0.0.0.0"], "name a variable that holds a key by --api-key-env"),
        (["--api-key-env", "NO_SUCH_KEY"], "read from $NO_SUCH_KEY, which is not set"),
        (["--api-key-env", "ODD_KEY"], "$ODD_KEY holds what no client sends as a key"),
        (["--api-key-env", "LONG_KEY"], "$LONG_KEY holds what no client sends as a key"),
        (["--host", "\udcff", "--api-key-env", "GOOD_KEY"], "no such host"),
        (["--served", str(ROOT / "README.md")], "that is a file; give a folder for the log"),
        (["--watch", "-1"], "no number of seconds"),
        (["--queue", "0"], "too few"),
    ],
)  # fmt: skip
def test_what_was_typed_wrong_is_one_line(place, log, capsys, monkeypatch, options, says):
    dynasty(place, "a")
    for name, key in (("ODD", "\udcff-0123456789"), ("LONG", "k-0123456789\n"), ("GOOD", "k-01")):
        monkeypatch.setenv(f"{name}_KEY", key)
    (place.registry / "far.toml").write_text(
        'kind = "endpoint"\nbase_url = "http://h/v1"\nmodel = "m"\n'
    )
    code, said = start(place, log, capsys, *options)
    assert code == 4 and says in said and said.count("\n") == 1


def test_a_key_is_asked_for_and_pages_of_others_are_refused(place, log):
    dynasty(place, "a")
    with in_service(place, log, "--api-key-env", "OURS", OURS="key-0123456789") as service:
        key = {"Authorization": "Bearer key-0123456789"}
        assert service.chat("Why?")[0] == 401
        assert service.send("GET", "/health")[0] == 200
        body = {"messages": [{"role": "user", "content": "Why?"}]}
        for given_, status in (
            (key, 200),
            ({"Authorization": "Bearer key-0123456788"}, 401),
            (key | {"Origin": "http://evil.example"}, 403),
            (key | {"Host": f"evil.example:{service.port}"}, 403),
            (key | {"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            assert service.send("POST", "/v1/chat/completions", body, **given_)[0] == status
        plain = key | {"Content-Type": "text/plain"}
        assert service.send("POST", "/v1/chat/completions", json.dumps(body), **plain)[0] == 403
        service.end()
    assert "key-0123456789" not in service.said and len(rows_of(log)) == 1
    with in_service(
        place, log, "--host", "0.0.0.0", "--api-key-env", "OURS", OURS="k-01"
    ) as service:
        for name, status in (("k-01", 200), ("k-02", 401)):
            given_ = {"Authorization": f"Bearer {name}", "Host": "service.internal"}
            assert service.send("POST", "/v1/chat/completions", body, **given_)[0] == status
        service.end()


def test_the_same_person_meets_the_same_arm_and_rows_say_which(place, log):
    dynasty(place, "a")
    users = [f"u{number}" for number in range(60)]
    with in_service(place, log, "--split", "b=0.5") as service:
        met = {user: service.chat("Why?", user=user)[2]["model"] for user in users}
        for user in users[:20]:
            assert service.chat("Else?", user=user)[2]["model"] == met[user]
        alone = [service.question("Which?", [LAW], contract="A")[2]["model"] for _ in range(4)]
        assert len({*alone}) == 1
        assert service.chat("Why?", model="a", user="u1")[2]["model"] == "a"
        assert service.chat("Why?", model="b")[2]["model"] == "b"
        service.end()
    assert 15 < Counter(met.values())["b"] < 45
    rows = rows_of(log)
    assert {(row.arm, row.model) for row in rows[:80]} == {("champion", "a"), ("candidate", "b")}
    assert len({row.split for row in rows[:84]}) == 1 and rows[0].split
    assert [(row.arm, row.split) for row in rows[-2:]] == [("", "")] * 2
    with in_service(place, log, "--split", "b=0.4") as service:
        service.chat("Why?", user="u1")
        service.end()
    assert "holds requests of another split than --split b=0.4" in service.said
    assert rows_of(log)[-1].split != rows[0].split


def test_a_shadow_is_asked_and_nobody_is_given_its_answer(place, log):
    dynasty(place, "a")
    with in_service(place, log, "--shadow", "b") as service:
        answers = [service.question(f"Which {n}?", [LAW])[2]["model"] for n in range(5)]
        service.end()  # shadows that are under way are logged first
    assert answers == ["a"] * 5
    rows = rows_of(log)
    assert Counter((row.arm, row.shadow, row.model) for row in rows) == {
        ("champion", False, "a"): 5, ("candidate", True, "b"): 5,
    }  # fmt: skip
    pairs = {row.pair: {each.arm for each in rows if each.pair == row.pair} for row in rows}
    assert len(pairs) == 5 and all(arms == {"champion", "candidate"} for arms in pairs.values())


def test_shadows_that_still_wait_at_the_end_are_counted_and_said(place, log, monkeypatch, capsys):
    dynasty(place, "a")
    roster = Roster(place.folder, place.registry, share_of("shadow", "b"))
    service = Service(roster, Log(log), Retriever(RetrieverOptions(kind="bm25"), "s", log))
    asked = question_of(json.dumps({"question": "Q?", "passages": [LAW]}).encode())

    async def run():
        await roster.start()
        of_the_champion = type(roster.champion.model).answer

        async def slow(model, *words, **more):
            await asyncio.sleep(60 if model.name == "b" else 0)
            return await of_the_champion(model, *words, **more)

        monkeypatch.setattr(type(roster.champion.model), "answer", slow)
        await asyncio.gather(*(service.answer(asked, "answer") for _ in range(3)))
        await service.finish(0.2)

    asyncio.run(run())
    assert service.shadows_missed == 3
    assert "3 requests have no answer of the candidate in the shadow" in capsys.readouterr().err
    assert [row.arm for row in rows_of(log)] == ["champion"] * 3


def test_a_candidate_that_cannot_chat_is_tried_on_contracts_alone(place, log):
    dynasty(place, "a")
    (place.registry / "near.toml").write_text('kind = "extractive"\n')
    with in_service(place, log, "--split", "near=0.999") as service:
        assert service.chat("Why?", user="u1")[2]["model"] == "a"
        assert service.question("Which law governs?", [LAW], user="u1")[2]["answer"] == LAW
        service.end()
    assert [(row.model, row.arm) for row in rows_of(log)] == [("a", ""), ("near", "candidate")]


def test_a_candidate_that_is_promoted_ends_its_own_trial(place, log):
    dynasty(place, "a")
    write_report(place, "b", against="a", id_=SECOND)
    with in_service(place, log, "--shadow", "b") as service:
        service.chat("Why?")
        until(lambda: service.health()["log"]["written"] == 2)
        promoted("b", place)
        until(lambda: service.health()["champion"]["model"] == "b")
        assert service.health()["split"] is None
        service.chat("Why?")
        service.end()
    assert "--shadow b=1 ends: b is the champion" in service.said
    assert [row.arm for row in rows_of(log)] == ["champion", "candidate", ""]


def test_a_log_that_cannot_be_written_costs_no_answer_and_is_said(place, log):
    dynasty(place, "a")
    with in_service(place, log) as service:
        log.write_text("a file in the way")
        status, headers, body = service.chat("Why?")
        assert (status, headers["x-served-log"]) == (200, "lost")
        assert body["choices"][0]["message"]["content"] == "Why?"
        assert service.chat("Why?", stream=True)[1]["x-served-log"] == "lost"
        state = service.health()
        assert state["status"] == "degraded" and state["log"]["lost"] == 2 and state["log"]["why"]
        log.unlink()
        assert service.chat("Why?")[1]["x-served-log"] == "written"
        assert service.health()["status"] == "ok" and service.health()["log"]["lost"] == 2
        service.end()
    assert service.said.count("answered and not logged") == 1


def test_a_log_that_another_holds_is_waited_for_once_and_written_when_it_lets_go(log, monkeypatch):
    """As a purge does, which writes a day anew."""
    monkeypatch.setattr("models.serve.log.PATIENCE", 0.2)
    kept = Log(log)
    row = Served("1", time.time(), "Q?", "", (), "yes", "a")

    async def run():
        assert await kept.write(row)
        with writing(log):
            began = time.monotonic()
            assert [await kept.write(replace(row, id=f"{n}")) for n in range(2, 9)] == [False] * 7
            assert time.monotonic() - began < 2 and kept.lost == 7 and "is held by" in kept.why
        await asyncio.get_running_loop().run_in_executor(kept._writer, int)  # behind all of them
        await asyncio.sleep(0)
        assert kept.lost == 0 and await kept.write(replace(row, id="9")) and kept.why == ""

    asyncio.run(run())
    assert [each.id for each in rows_of(log)] == [f"{n}" for n in range(1, 10)]
    assert kept.written == 9


def test_a_killed_service_leaves_whole_lines_and_begins_again(place, log):
    dynasty(place, "a")
    for _ in range(2):
        with in_service(place, log) as service:
            found, stop = [], threading.Event()

            def ask(service=service, found=found, stop=stop):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    asking(service, found, stop)

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for each in threads:
                each.start()
            until(lambda found=found: len(found) > 20)
            service.process.kill()
            service.process.wait()
            stop.set()
            for each in threads:
                each.join()
    rows, asides = rows_of(log), list((log.parent / "aside").rglob("*.jsonl"))
    assert len(rows) >= 42 and asides == []
    assert len({row.id for row in rows}) == len(rows)


def wanted(place, name, question):
    """What a model says when it is asked alone, as an exam asks it."""
    model = open_models([name], place.registry)[0]
    case, passages = shown_case(question, "", [LAW], "")
    return asyncio.run(model.answer(case, passages)).text


@pytest.mark.usefixtures("one_thread")
def test_two_adapters_answer_as_they_are_examined_and_term_answers_first(
    place, log, tiny_base, tmp_path
):
    for name, seed in (("x", 2), ("y", 3)):
        local_entry(place, name, tiny_base, make_adapter(tmp_path / name, tiny_base, seed), 40)
    dynasty(place, "x")
    questions = [f"What of fee {number}?" for number in range(4)]
    with in_service(place, log, "--shadow", "y") as service:
        answers = {each: service.question(each, [LAW])[2]["answer"] for each in questions}
        found = []

        def ask(number):
            found.append(service.question(f"And of {number}?", [LAW])[0])

        threads = [threading.Thread(target=ask, args=[number]) for number in range(5)]
        for each in threads:
            each.start()
        until(lambda: service.health()["requests"]["under_way"] > 1)
        assert service.end() == 0
        for each in threads:
            each.join()
    assert found == [200] * 5
    assert answers == {each: wanted(place, "x", each) for each in questions}
    shadows = {row.question: row.answer for row in rows_of(log) if row.shadow}
    assert {each: shadows[each] for each in questions} == {
        each: wanted(place, "y", each) for each in questions
    }
    assert len(rows_of(log)) == 18


def test_a_contract_that_is_sent_whole_is_searched_as_an_exam_searches_it(place, log):
    dynasty(place, "a")
    text = "\n".join(f"{number}. Clause {number} says {number}." for number in range(400))
    with in_service(place, log, "--retriever", "bm25", "--k", "2") as service:
        body = {"question": "What says clause 250?", "text": text, "contract": "ACME"}
        status, _, answer = service.send("POST", "/v1/answers", body)
        assert status == 200 and len(answer["passages"]) == 2
        assert "Clause 250" in answer["passages"][0]["text"]
        for each in answer["passages"]:
            assert text[each["start"] : each["end"]] == each["text"]
        service.end()
    assert len(rows_of(log)[0].passages) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages ask nothing"),
        ({"temperature": 0.7}, "temperature is 0.7, and the model was examined and promoted at"),
        ({"max_tokens": 5}, "max_tokens is 5, and the model was examined"),
        ({"stop": "x"}, "stop is ('x',)"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "messages ask nothing; end them with a turn of the user",
        ),
        ({"max_tokens": -5}, "max_tokens: input should be greater than or equal to 1"),
        ({"temperature": float("nan")}, "temperature: input should be a finite number"),
        ({"n": 2}, "n 2: not known here"),
        ({"tools": [{}]}, "tools: not known here"),
        ({"response_format": {"type": "json_object"}}, "response_format: not known here"),
        ({"user": "half \ud800"}, "a lone surrogate"),
    ],
)
def test_a_request_that_would_be_another_model_or_none_is_refused(change, says):
    body = {"messages": [{"role": "user", "content": "Why?"}]} | change
    with pytest.raises(UserError) as caught:
        chat_of(json.dumps(body).encode(), lambda _: Decoding())
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_request_is_held_against_the_decoding_of_the_model_that_it_names():
    decoding_of = {"champion": Decoding(), "warm": Decoding(temperature=0.7)}.get
    body = {"messages": [{"role": "user", "content": "Why?"}], "temperature": 0.7}
    assert chat_of(json.dumps(body | {"model": "warm"}).encode(), decoding_of).model == "warm"
    with pytest.raises(UserError, match=r"temperature is 0\.7"):
        chat_of(json.dumps(body).encode(), decoding_of)


def test_what_was_examined_may_be_said_again():
    body = {"messages": [{"role": "user", "content": "Why?"}], "temperature": 0, "seed": 0,
            "top_p": 1, "max_tokens": 4000, "stop": [], "n": 1, "store": False}  # fmt: skip
    assert chat_of(json.dumps(body).encode(), lambda _: Decoding()).question == "Why?"


@pytest.mark.parametrize(
    "body",
    [{}, {"question": "Q?"}, {"question": "Q?", "passages": ["a"], "text": "a"},
     {"question": " ", "passages": ["a"]}, {"question": "Q?", "passages": [" "]},
     {"question": "Q?", "passages": "a"}, {"question": "Q?", "pasages": ["a"]}],
)  # fmt: skip
def test_a_question_that_shows_nothing_is_refused(body):
    with pytest.raises(UserError):
        question_of(json.dumps(body).encode())


@given(st.binary(max_size=60) | st.dictionaries(st.text(max_size=8), st.text()).map(
    lambda each: json.dumps(each).encode()))  # fmt: skip
@settings(max_examples=150)
def test_whatever_is_sent_is_a_request_or_refused_in_one_line(body):
    for read in (question_of, lambda each: chat_of(each, lambda _: Decoding())):
        try:
            read(body)
        except UserError as error:
            assert "\n" not in str(error)


@given(
    st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.text(max_size=8), st.text(min_size=1),
)  # fmt: skip
def test_a_larger_share_holds_the_smaller(one, other, user, question):
    small, large = sorted([one, other])
    if Split("split", "b", small).takes(user, "c", question):
        assert Split("split", "b", large).takes(user, "c", question)


def test_a_share_is_what_it_says_and_two_trials_are_independent():
    first, second = (Split("split", name, 0.3) for name in ("b", "c"))
    both = Counter(
        (first.takes(f"u{n}", "", ""), second.takes(f"u{n}", "", "")) for n in range(20_000)
    )
    assert both[True, True] / 20_000 == pytest.approx(0.09, abs=0.01)
    assert both[True, False] / 20_000 == pytest.approx(0.21, abs=0.015)
    assert share_of("shadow", "b").share == 1.0


def test_waves_answer_in_the_order_of_coming_and_refuse_what_would_wait_in_vain():
    done, sizes, now = [], [], 0

    def ask(name):
        async def asked():
            nonlocal now
            now += 1
            sizes.append(now)
            await asyncio.sleep(0)
            now -= 1
            done.append(name)
            return Answer(name)

        return asked

    async def run():
        waves = Waves(most=3, room=7)
        users = [asyncio.create_task(waves.answer(ask(f"u{n}"))) for n in range(7)]
        shadow = asyncio.create_task(waves.answer(ask("shadow"), shadow=True))
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await waves.answer(ask("late"))
        answers = await asyncio.gather(*users)
        await shadow
        return [answer.text for answer in answers]

    assert asyncio.run(run()) == [f"u{n}" for n in range(7)]
    assert max(sizes) == 3 and done[-1] == "shadow" and {*done[:3]} == {"u0", "u1", "u2"}


def test_an_error_of_one_request_is_its_own(place, log, monkeypatch):
    dynasty(place, "a")
    roster = Roster(place.folder, place.registry)
    service = Service(roster, Log(log), Retriever(RetrieverOptions(kind="bm25"), "s", log))
    asked = question_of(json.dumps({"question": "Q?", "passages": [LAW]}).encode())

    async def broken(*_):
        raise RuntimeError("the weights are gone")

    async def run():
        await roster.start()
        model = type(roster.champion.model)
        with monkeypatch.context() as patch:
            patch.setattr(model, "answer", broken)
            failed = await service.answer(asked, "answer")
        return failed, await service.answer(asked, "answer")

    failed, good = asyncio.run(run())
    assert failed.answer.error == "the weights are gone" and good.answer.error is None
    assert [(row.error, row.answer) for row in rows_of(log)] == [
        ("the weights are gone", ""), ("", "Question: Q?"),
    ]  # fmt: skip


@pytest.mark.heavy
@pytest.mark.usefixtures("one_thread")
def test_two_real_adapters_are_swapped_under_load(place, log):
    """The shipped ones: what each says in service is what it says alone, before and after."""
    from tests.builders.promotion_data import excuse

    for name in ("sft-smollm2", "dpo-smollm2"):
        entry = (ROOT / "models" / "registry" / f"{name}.toml").read_text()
        folder = ROOT / "models" / "adapters" / name
        entry = entry.replace(f"../adapters/{name}", str(folder))
        (place.registry / f"{name}.toml").write_text(entry.replace('"champion"', '"candidate"'))
    excuse(place, "sft-smollm2", "dpo-smollm2")
    dynasty(place, "sft-smollm2")
    found, stop = [], threading.Event()

    def ask(number):
        while not stop.is_set():
            question = f"Which law governs agreement {number}?"
            status, _, body = service.question(question, [LAW])
            found.append((status, question, body.get("model"), body.get("answer")))

    with in_service(place, log, "--watch", "0.2") as service:
        threads = [threading.Thread(target=ask, args=[number]) for number in range(3)]
        for each in threads:
            each.start()
        until(lambda: len(found) > 3, 120)
        write_report(place, "dpo-smollm2", against="sft-smollm2", id_=SECOND)
        promoted("dpo-smollm2", place)
        until(lambda: any(model == "dpo-smollm2" for _, _, model, _ in found), 120)
        before = len(found)
        until(lambda: len(found) > before + 3, 120)
        roll_back(place, say=lambda line: None)
        until(lambda: found[-1][2] == "sft-smollm2", 120)
        stop.set()
        for each in threads:
            each.join()
        assert service.end() == 0
    assert {status for status, *_ in found} == {200}
    told = {(model, question): answer for _, question, model, answer in found}
    assert len({*found}) == len(told), "the same model answers a question alike, all the while"
    for (model, question), answer in told.items():
        assert answer == wanted(place, model, question)
    assert Counter(row.model for row in rows_of(log)) == Counter(each[2] for each in found)
