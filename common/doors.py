"""The commands of the product: each is the `main` of a module, and `bar-exam NAME`.

In a clone the same commands are typed `python -m training.data` and `pytest evals`.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.paths import ROOT

PROGRAM = "bar-exam"


@dataclass(frozen=True, slots=True)
class Door:
    """A command.

    Attributes:
        name: what is typed behind `bar-exam`.
        module: whose `main` it is.
        about: one line for `--help`.
        places: those of its options that say where things lie in a user's repository.
        keeps: whether it writes there, and so needs a place outside the installed product.
        of_clone: whether it works on the product's own repository alone.
    """

    name: str
    module: str
    about: str
    places: tuple[str, ...] = ()
    keeps: bool = False
    of_clone: bool = False


EXAM = "exam"
_OF_EXAM = ("registry", "gate", "dataset")
_OF_TRAINING = ("registry", "adapters")
# fmt: off
DOORS: dict[str, Door] = {door.name: door for door in (
    Door("init", "bar_exam.init", "what a repository needs to examine its own models"),
    Door(EXAM, "pytest", "examine models; takes every option of pytest too", _OF_EXAM),
    Door("promote", "models.promote", "put a model into service", ("registry",), keeps=True),
    Door("evidence", "models.evidence", "a promotion, to be checked anywhere", ("registry",)),
    Door("service", "models.serve", "the champion, in OpenAI's protocol", ("registry",)),
    Door("publish", "models.publish", "into your team's model registry", ("registry",), keeps=True),
    Door("approve", "models.approve", "another person agrees to it", ("registry",), keeps=True),
    Door("push", "models.push", "a model's files and last report, into S3", ("registry",)),
    Door("pull", "models.pull", "a model that was pushed", ("registry",), keeps=True),
    Door("clean", "models.clean", "what commands left in your AWS account", ("registry",)),
    Door("compare", "reports.compare", "two runs, case by case"),
    Door("benchmark", "reports.benchmark", "methods side by side, from any exams", ("registry",)),
    Door("history", "reports.history", "every run so far", ("models",)),
    Door("feedback", "reports.feedback", "what people in service said of answers"),
    Door("drift", "reports.drift", "service beside the exam, day by day", ("registry",)),
    Door("comment", "reports.comment", "the page on a pull request", ("registry",)),
    Door("labelling", "reports.labelling", "which answers a person should score next"),
    Door("review", "reports.review", "the desk where people review answers"),
    Door("page", "reports.page", "make the page of a report again"),
    Door("serve", "reports.serve", "the page of a run, on 127.0.0.1"),
    Door("align", "evals.judges.align", "the reference judge, by your own people's scores"),
    Door("leakage", "evals.leakage", "test contracts that nearly stand in the train split"),
    Door("cuad", "evals.cuad", "CUAD's own score of a file of predictions"),
    Door("download", "fixtures.download", "fetch the real contracts"),
    Door("store", "evals.store", "erase one contract wherever it is kept", ("registry",)),
    Door("world", "fixtures.world", "models of known quality, to try promotions on"),
    Door("contracts", "fixtures.contracts", "your own, from file to data set", ("registry",)),
    Door("seal", "fixtures.seal", "set contracts apart for promotions", ("registry",), keeps=True),
    Door("data", "training.data", "training examples from a train split", ("registry",)),
    Door("synthesize", "training.synthesize", "new questions, sifted", ("registry",)),
    Door("preferences", "training.preferences", "chosen and rejected replies", ("registry",)),
    Door("sweep", "training.sweep", "settings, on validation contracts", of_clone=True),
    Door("train sft", "training.sft", "supervised fine-tuning", _OF_TRAINING, keeps=True),
    Door("train dpo", "training.dpo", "direct preference optimization", _OF_TRAINING, keeps=True),
    Door("train orpo", "training.orpo", "odds ratio preferences", _OF_TRAINING, keeps=True),
    Door("train kto", "training.kto", "Kahneman-Tversky optimization", _OF_TRAINING, keeps=True),
    Door("train grpo", "training.grpo", "group relative policy", _OF_TRAINING, keeps=True),
    Door("train rloo", "training.rloo", "REINFORCE leave-one-out", _OF_TRAINING, keeps=True),
    Door("train ppo", "training.ppo", "proximal policy optimization", _OF_TRAINING, keeps=True),
    Door("train reward", "training.reward", "a reward model", _OF_TRAINING, keeps=True),
    Door("optimize", "training.optimize", "programs, judges' prompts", ("registry",), keeps=True),
    Door("loop", "training.loop", "from service to the next champion, and round again"),
    Door("sagemaker", "training.sagemaker", "train as a SageMaker job", of_clone=True),
    Door("train benchmark", "training.benchmark", "the methods side by side", of_clone=True),
)}
# fmt: on
_TYPED = {
    f"python -m {door.module}": f"{PROGRAM} {door.name}"
    for door in DOORS.values()
    if not door.of_clone
} | {"pytest evals": f"{PROGRAM} {EXAM}"}
_RECIPES = "training/recipes/"
_LINES = re.compile(rf"(?:{'|'.join(map(re.escape, _TYPED))})(?![\w/]|\.\w)|(?<!/){_RECIPES}")


def is_installed() -> bool:
    """Whether the rooms lie inside the package, so that there is no clone to type lines in."""
    return (ROOT / "plugin.py").is_file()


def as_typed(text: str, *, installed: bool | None = None) -> str:
    """A text, its command lines as the user of this installation types them.

    >>> as_typed("type `python -m models.promote x`, or pytest evals -k a", installed=True)
    'type `bar-exam promote x`, or bar-exam exam -k a'
    """
    if not (is_installed() if installed is None else installed):
        return text
    own = Path(_RECIPES).is_dir()
    recipes = {_RECIPES: _RECIPES if own else f"{ROOT / _RECIPES}/"}
    return _LINES.sub(lambda found: (_TYPED | recipes)[found[0]], text)


def exam_words(argv: Sequence[str] | None = None) -> list[str]:
    """The words that began this process, for an exam: `pytest ...` or `bar-exam exam ...`.

    >>> exam_words(["/usr/bin/bar-exam", "exam", "-q"]), exam_words(["/x/pytest/__main__.py", "-q"])
    (['bar-exam', 'exam', '-q'], ['pytest', '-q'])
    """
    program, *words = sys.argv if argv is None else argv
    ours = Path(program).name == PROGRAM or Path(program).parent.name == "bar_exam"
    return [PROGRAM if ours else "pytest", *words]
