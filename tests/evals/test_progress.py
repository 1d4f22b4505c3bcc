"""What is said while an exam runs, and what its last line tells to type."""

import asyncio
import shlex

from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat import Message
from models.endpoint.server import endpoint_chat
from models.registry import AnyEntry
from reports.verdict.opponents import compared_line
from tests.builders.fake_server import Fault, fake_server
from tests.seams import ROOT

WORDS = ("--model", "a b", "--limit=9", "-q", "it's", "$x")


def test_a_call_without_an_answer_is_waited_for_by_name_and_tries():
    async def ask(url):
        model = endpoint_chat(name="llama", base_url=url, model="m", retries=3, back_off=0.0)
        call = asyncio.create_task(model.chat([Message("user", "hello")]))
        seen = []
        while not call.done():
            await asyncio.sleep(0.02)
            if model.longest_wait:
                seen.append((model.longest_wait.tries, str(model.longest_wait)))
        await model.close()
        return seen, model.longest_wait, (await call).error

    with fake_server(latency=0.2, faults=[Fault(status=500)]) as server:
        seen, after, error = asyncio.run(ask(server.url))
    assert (after, error) == (None, None)
    assert seen[-1][0] == 2  # once refused, then answered
    assert seen[-1][1].startswith("waiting for llama, ") and seen[-1][1].endswith("2 of 4 tries")


def test_every_key_of_an_entry_is_documented():
    page = (ROOT / "docs" / "models.md").read_text()
    kinds = AnyEntry.__args__[0].__args__
    keys = {key for kind in kinds for key in kind.model_fields}
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f"[{key}]" not in page] == []


@settings(max_examples=250)
@given(
    st.lists(st.sampled_from(["--model", "a b", "--limit=9", "-q", "it's", "$x"])), st.booleans()
)
def test_the_line_that_leads_to_promotion_is_what_was_typed(words, joined):
    against = ["--baseline=other"] if joined else ["--baseline", "other"]
    line = shlex.join(["pytest", "evals", *words, *against])
    typed = shlex.split(compared_line(line))
    assert typed == ["pytest", "evals", *words, "--baseline", "champion"]
