"""The folder of a demonstration: a clone with a registry, a policy and contracts of its own."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import write_whole
from common.paths import ROOT
from evals.gate import read_gate
from fixtures.datasets import load_dataset
from training.loop.demo.material import Material, Source, divide, read_source, write_stage
from training.loop.demo.sizes import Sizes

HALF, ALL = "half", "contracts"
"""The data sets: what there is at first, and what there is in the end."""

GATE = """\
# The demonstration's gate, fixed before its first round. Floors keep out what has learnt nothing;
# what decides is the margin against the champion. It is of the mean of both halves: a champion of
# sixty steps declines nearly everything, and whoever answers more than that declines less.
alpha = 0.05
attrition = 0.0125

[metrics.balanced]
role = "primary"
floor = {floor}
margin = {margin}

[metrics.token_f1]
role = "guard"
floor = 0.05

[metrics.abstention]
role = "guard"
floor = 0.5
"""
COMPARED = """\
# A comparison afterwards, on half answerable cases: the mean of `balanced` is the balanced score.
alpha = 0.05
attrition = 0.0125

[metrics.balanced]
role = "primary"
{line}
"""
POLICY = """\
# What a promotion in this demonstration asks of an exam.
approvers = []
versioned = true

[gates]
"{gate}" = "gate.toml of the demonstration"

[exam]
split = "test"
least_contracts = 10
least_cases = 40
limits = [{{ cases = {exam}, balanced = true }}]
retrievers = [{{ kind = "hybrid", k = 5, chunk_size = 1000, chunk_overlap = 100 }}]

[exam.without_margin]
token_f1 = "half of the balanced score, which has one"
abstention = "the other half"

[exam.datasets]
"{first}" = "half of the contracts; those of old kinds examine"
"{second}" = "all contracts; those of new kinds examine too"
"""
LOOP = """\
# {title}
name = "demo"
dataset = "{dataset}"
approval = false # one process plays every part here; a team says true

[start]
drift = []
pause = 0
{synthesize}
[data]
arguments = [{data}]

[sft]
recipe = "training/recipes/sft-smollm2.yaml"
settings = ["training.max_steps={sft}", "training.save_steps=5", "validation_exam=null"]
start = "champion"
{align}
[examine]
arguments = ["--limit", "{exam}", "--balanced", "--gate", "gate.toml"]

[budget]
hours = 4
"""
SYNTHESIZE = """
[synthesize]
n = {synthetic}
"""
ALIGN = """
[preferences]
judges = ["metrics"]
arguments = ["--n", "1", "--cases", "{drawn}", "--opposites", "{opposites}"]

[align]
method = "dpo"
recipe = "training/recipes/dpo-smollm2.yaml"
settings = ["training.max_steps={align}", "training.save_steps=5", "validation_exam=null"]
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A demonstration in a folder."""

    work: Path
    sizes: Sizes

    @property
    def clone(self) -> Path:
        """Where its commands are typed."""
        return self.work / "clone"


def git(folder: Path, *words: str) -> str:
    """What git says.

    Raises:
        UserError: it refuses.
    """
    line = ["git", "-C", str(folder), "-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    done = subprocess.run([*line, *words], capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UserError(f"git {' '.join(words)}: {why[-1] if why else 'it failed'}; mend that")
    return done.stdout.decode("utf-8", "replace")


def prepare(place: Place, cuad: Path) -> tuple[Source, Material]:
    """Make what is missing of the folder, and return the contracts and how they are divided.

    Raises:
        UserError: CUAD is not there, this is no clone of the repository, or nothing can be written.
    """
    source = read_source(cuad)
    material = divide(source.titles, place.sizes)
    if not (place.clone / "ready").is_file():
        shutil.rmtree(place.clone, ignore_errors=True)
        place.work.mkdir(parents=True, exist_ok=True)
        git(ROOT, "clone", "--quiet", "--local", "--no-hardlinks", str(ROOT), str(place.clone))
        _forget_ours(place.clone)
        _write(place, source, material)
        write_whole(place.clone / "ready", place.sizes.name + "\n")
        git(place.clone, "add", "-A")
        git(place.clone, "commit", "--quiet", "-m", "The demonstration, before its first round")
    said = (place.clone / "ready").read_text(encoding="utf-8").strip()
    if said != place.sizes.name:
        raise UserError(f"{place.work} holds the {said} demonstration; name another --work")
    return source, material


def _forget_ours(clone: Path) -> None:
    """The clone has no champion, no record, no ledger and no adapter of this repository."""
    models = clone / "models"
    for path in (models / "champion.toml", models / "promotions.jsonl"):
        path.unlink(missing_ok=True)
    for folder in ("ledger", "sealed", "signatures", "adapters"):
        shutil.rmtree(models / folder, ignore_errors=True)
    for entry in (models / "registry").glob("*.toml"):
        if entry.stem != "smollm2":
            entry.unlink()


def _write(place: Place, source: Source, material: Material) -> None:
    clone, sizes = place.clone, place.sizes
    everything = (*material.half, *material.waiting, *material.arriving)
    write_stage(source, clone / HALF, material.half, material.old)
    write_stage(source, clone / ALL, everything, (*material.old, *material.new))
    identities = [load_dataset(str(clone / name)).identity for name in (HALF, ALL)]
    parts = {
        "served-old": material.waiting, "served-new": (*material.arriving, *material.new),
        "compare-old": material.old, "compare-new": material.new,
    }  # fmt: skip
    for name, titles in parts.items():
        source.write(clone / f"{name}.json", titles)
    gates = {
        "gate.toml": GATE.format(floor=sizes.floor, margin=sizes.margin),
        "superior.toml": COMPARED.format(line='goal = "superior"'),
        "not-worse.toml": COMPARED.format(line=f"margin = {sizes.margin}"),
    }
    for name, text in gates.items():
        write_whole(clone / name, text)
    policy = POLICY.format(
        gate=read_gate(clone / "gate.toml").identity,
        exam=sizes.exam, first=identities[0], second=identities[1],
    )  # fmt: skip
    write_whole(clone / "models" / "policy.toml", policy)
    for name, text in loop_files(sizes).items():
        write_whole(clone / name, text)
    # Contracts are in no commit, not even of a clone.
    ignored = "".join(f"/{name}.json\n" for name in parts) + f"/{HALF}/\n/{ALL}/\n"
    with (clone / ".gitignore").open("a", encoding="utf-8") as file:
        file.write(ignored)


def loop_files(sizes: Sizes) -> dict[str, str]:
    """The policies of the rounds, by their files' names."""
    rows = ("--most-passages", "1", "--n", str(sizes.rows), "--further", "4", "--unanswerable")
    values = {
        "dataset": ALL, "sft": sizes.sft, "exam": sizes.exam, "align": "", "synthesize": "",
    }  # fmt: skip
    aligned = ALIGN.format(align=sizes.align, drawn=sizes.drawn, opposites=sizes.opposites)
    synthesis = SYNTHESIZE.format(synthetic=sizes.synthetic)

    def loop(title: str, *more: str, **changed: str) -> str:
        words = ", ".join(f'"{word}"' for word in (*rows, *more))
        return LOOP.format(**(values | {"title": title, "data": words} | changed))

    return {
        "first.toml": loop("The first champion: SFT", "0.25", dataset=HALF),
        "loop.toml": loop(
            "A round: synthesis, SFT, DPO", "0.25", align=aligned, synthesize=synthesis
        ),
        "poisoned.toml": loop(
            "A round of spoilt rows: answers shuffled, most of them refusals",
            "0.9", "--shuffle-answers",
        ),
    }  # fmt: skip


def typed(place: Place, module: str, words: Sequence[str]) -> tuple[int, str]:
    """Type a command in the clone: its exit code, and what it printed, which is shown here too."""
    command = [sys.executable, "-m", module, *words]
    process = subprocess.Popen(
        command, cwd=place.clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed = []
    assert process.stdout is not None
    for line in process.stdout:
        text = line.decode("utf-8", "backslashreplace")
        print(text, end="", flush=True)
        printed.append(text)
    return process.wait(), "".join(printed)
