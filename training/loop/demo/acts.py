"""The acts of the demonstration: lines that are typed, one after the other, each once."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict

from common.errors import UserError
from common.files import write_whole
from common.reading import file_text, parse_json
from common.settings import validated
from training.loop.demo.place import Place, git, typed
from training.loop.demo.serving import DAY, serve
from training.loop.journal import STATE, read_rounds

TAIL = 12
"""Lines of what a command printed that are kept."""

BY_HAND = "no drift was found among so few contracts"
COMPARED = (("r2", "demo-r2", "demo-r1"), ("control", "demo-control", "demo-r1"),
            ("added", "demo-r2", "demo-control"))  # fmt: skip
"""Comparisons afterwards: the candidate, and against whom."""


@dataclass(frozen=True, slots=True)
class Act:
    """One line: its name, module and words, the codes that go on, and what it is for.

    One that is `spare` is left out where the act before it has begun a round.
    """

    name: str
    about: str
    module: str
    words: tuple[str, ...]
    accepted: tuple[int, ...] = (0,)
    spare: bool = False

    @property
    def line(self) -> str:
        """As it is typed."""
        words = " ".join(f'"{word}"' if " " in word else word for word in self.words)
        typed_as = "pytest evals" if self.module == "pytest" else f"python -m {self.module}"
        return f"{typed_as} {words}"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of an act: its line, exit code, seconds, and the last lines that it printed."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    about: str
    line: str
    code: int
    seconds: float
    printed: tuple[str, ...]


def acts_of(place: Place) -> Iterator[Act]:
    """Every act that is a command, in its order; requests are served between them."""
    run = ("run", "first.toml", "--start", "half of the contracts are there")
    yield Act("first", "Round 1: the first champion, of half of the contracts",
              "training.loop", run)  # fmt: skip
    yield _answers("old", place)
    yield Act("quiet", "Contracts of kinds that the champion knows: nothing to do",
              "training.loop", ("run", "loop.toml"), (0, 1))  # fmt: skip
    yield _answers("new", place)
    yield Act("round", "Contracts of kinds that it has not seen: drift, and round 2",
              "training.loop", ("run", "loop.toml"), (0, 1))  # fmt: skip
    yield Act("by-hand", "Where so few contracts are no drift yet: round 2 is begun by hand",
              "training.loop", ("run", "loop.toml", "--start", BY_HAND), (0, 1),
              spare=True)  # fmt: skip
    yield Act("lineage", "What the new model comes of",
              "training.loop", ("lineage", "demo-r2", "loop.toml"))  # fmt: skip
    yield from _control(place)
    yield from _comparisons(place)
    yield Act("poisoned", "Round 3: shuffled answers and refusals", "training.loop",
              ("run", "poisoned.toml", "--start", "somebody spoilt the rows"), (0, 1))  # fmt: skip
    yield Act("status", "Who is in service", "training.loop", ("status", "loop.toml"))


def _control(place: Place) -> Iterator[Act]:
    """The control arm: what a round does, from the same champion, with half of the contracts."""
    sizes, rows, pairs = place.sizes, ".exam/loop/0001/sft.jsonl", ".exam/control/preferences.jsonl"
    yield _trained("sft", sizes.sft, "demo-control-sft", "demo-r1", rows)
    drawn = ("--n", "1", "--cases", str(sizes.drawn), "--opposites", str(sizes.opposites))
    asked = ("--model", "demo-control-sft", "--judge", "metrics", "--examples", rows)
    yield Act("control-pairs", "Its answers in pairs", "training.preferences",
              (*asked, *drawn, "--output", pairs))  # fmt: skip
    yield _trained("dpo", sizes.align, "demo-control", "demo-control-sft", pairs)


def _trained(method: str, steps: int, name: str, start: str, data: str) -> Act:
    settings = {
        "name": name, "adapter": start, "data": data,
        "validation": ".exam/loop/0001/sft.validation.jsonl",
        "training.max_steps": steps, "training.save_steps": 5, "validation_exam": "null",
    }  # fmt: skip
    if method == "sft":
        settings["lora"] = "{}"
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    recipe = f"training/recipes/{method}-smollm2.yaml"
    about = f"The control arm, on half of the contracts: {method.upper()}"
    return Act(f"control-{method}", about, f"training.{method}", (recipe, *words))


def _answers(kind: str, place: Place) -> Act:
    words = (
        "--model", "demo-r1", "--dataset", f"served-{kind}.json", "--balanced",
        "--limit", str(place.sizes.served), "--gate", "not-worse.toml", *_aside(f"served-{kind}"),
    )  # fmt: skip
    about = "Requests about contracts that arrive are answered by the champion"
    return Act(f"serve-{kind}", about, "pytest", words, (0, 1))


def _comparisons(place: Place) -> Iterator[Act]:
    for name, model, against in COMPARED:
        for kind, gate in (("new", "superior.toml"), ("old", "not-worse.toml")):
            words = (
                "--model", model, "--baseline", against, "--dataset", f"compare-{kind}.json",
                "--balanced", "--limit", str(place.sizes.judged), "--gate", gate,
                *_aside(f"{name}-{kind}"),
            )  # fmt: skip
            about = f"{model} against {against} on contracts of {kind} kinds"
            yield Act(f"{name}-{kind}", about, "pytest", words, (0, 1))


def _aside(name: str) -> tuple[str, ...]:
    """Exams that decide on no promotion leave their reports and ledger elsewhere."""
    return ("--runs", f".exam/aside/{name}/runs", "--ledger", f".exam/aside/{name}/ledger", "-q")


def report_of(place: Place, name: str) -> Path:
    """The report of an exam that was held aside."""
    return place.clone / ".exam" / "aside" / name / "latest" / "report.json"


def play(place: Place) -> tuple[Played, ...]:
    """Play what was not yet played, and return all.

    Raises:
        UserError: an act ended as it should not.
    """
    played = []
    for act in acts_of(place):
        if act.spare and _known(place, act) is None and _is_over(place, 2):
            continue
        played.append(_known(place, act) or _played(place, act))
        if act.name.startswith("serve-"):
            _log(place, act.name)
    return tuple(played)


def _is_over(place: Place, number: int) -> bool:
    rounds = read_rounds(place.clone / STATE)
    return any(each.number == number and each.ended is not None for each in rounds)


def _known(place: Place, act: Act) -> Played | None:
    path = _file(place, act.name)
    if not path.is_file():
        return None
    found: Played = validated(str(path), parse_json(str(path), file_text(path)), Played)
    return found if found.line == act.line else None


def _played(place: Place, act: Act) -> Played:
    print(f"\n== {act.about}\n$ {act.line}", flush=True)
    began = time.monotonic()
    module, words = act.module, act.words
    if module == "pytest":
        module, words = "bar_exam", ("exam", *words)
    code, printed = typed(place, module, words)
    if code == 2:
        raise KeyboardInterrupt
    if code not in act.accepted:
        raise UserError(f"`{act.line}` ended with exit code {code}; mend what it says, and go on")
    done = Played(act.name, act.about, act.line, code, time.monotonic() - began, _tail(printed))
    _commit(place, act)
    write_whole(_file(place, act.name), json.dumps(asdict(done), indent=1))
    return done


def _tail(printed: str) -> tuple[str, ...]:
    """The last lines; those in which an exam lists cases are left out, which show contracts."""
    lines = [line for line in printed.splitlines() if line.strip()]
    shown = [line for line in lines if not line.startswith(("MISSED", " ", "\t"))]
    return tuple(shown[-TAIL:])


def _commit(place: Place, act: Act) -> None:
    """What a round leaves is committed: the next exam asks for a policy and code that are."""
    if act.module == "training.loop" and git(place.clone, "status", "--porcelain").strip():
        git(place.clone, "add", "-A")
        git(place.clone, "commit", "--quiet", "-m", act.about)


def _file(place: Place, name: str) -> Path:
    return place.work / "acts" / f"{name}.json"


def _log(place: Place, name: str) -> None:
    days: Sequence[int] = range(14, 7, -1) if name == "serve-old" else range(7, 0, -1)
    path = place.work / "acts" / f"{name}.time"
    if not path.is_file():
        write_whole(path, f"{time.time() // DAY * DAY:.0f}\n")
    midnight = float(file_text(path))
    serve(
        report_of(place, name.replace("serve-", "served-")),
        place.clone / ".exam" / "served",
        midnight,
        days,
    )
