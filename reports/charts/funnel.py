"""Where answers are lost: gold in the contract → retrieved → shown → answered → right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evals.stages import ANSWERABLE
from reports.charts.chart import FEW, LIGHT, WIDTH, Chart, draw, left_out, none, place
from reports.charts.fitting import fitted
from reports.report import Finding, Report
from reports.sections.loss import NAME

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Where answers are lost"

LOST_AT = {
    "retrieved": ("not retrieved",),
    "shown": ("not shown",),
    "answered": ("wrongly refused",),
    "right": ("not read", "wrongly answered"),
}
"""The stages of `evals/stages.py` at which an answer does not come through a step."""

LEFT, RIGHT, ABOVE, LINE, BELOW = 96.0, 124.0, 24.0, 20.0, 14.0
"""Pixels beside the bars, above them, of each, and below them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel.

    Attributes:
        name: of the step.
        came: answers that came through it.
        lost: those that came through the step before, and not through this.
        kinds: of what was lost, how much at each stage, where there are several.
    """

    name: str
    came: float
    lost: float
    kinds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """One model's answers to questions that the contract answers.

    Attributes:
        model: whose.
        steps: the first is `in the contract`: the answers to all cases with a gold answer that is
            located in the contract, if they came and have a score. `retrieved` are those without
            the ones that were lost because no passage that was found holds the beginning of a gold
            answer; `shown` without those whose model had no room for it; `answered` without those
            that said "not found" though it was shown; `right` are those that reach the mark of the
            metric that the section of the report names. An answer that is right has come through
            all of them, however it came about: only what is lost is explained.
        beside: cases that are in none of it, in words; empty where there are none.
    """

    model: str
    steps: tuple[Step, ...]
    beside: str


def funnels(report: Report) -> tuple[Funnel, ...]:
    """Of every model that was shown passages of this exam and whose answers have scores.

    Counts are of cases: one that was asked repeatedly counts for as much as its answers came
    through.
    """
    section = report.section(NAME)
    found: dict[str, dict[str, Finding]] = {}
    for finding in section.findings if section else ():
        kind, _, stage = finding.measure.partition(": ")
        if kind == "answerable" and finding.estimate is not None:
            found.setdefault(finding.subject, {})[stage] = finding
    return tuple(
        _funnel(model, stages)
        for model, stages in found.items()
        if stages.keys() == set(ANSWERABLE)
    )


def _funnel(model: str, stages: dict[str, Finding]) -> Funnel:
    counts = {
        stage: finding.estimate.mean * finding.estimate.n
        for stage, finding in stages.items()
        if finding.estimate is not None
    }
    came = sum(counts.values())
    steps = [Step("in the contract", came, 0.0)]
    for name, kinds in LOST_AT.items():
        lost = sum(counts[each] for each in kinds)
        came -= lost
        several = tuple((each, counts[each]) for each in kinds) if len(kinds) > 1 else ()
        steps.append(Step(name, came, lost, several))
    return Funnel(model, tuple(steps), stages["right"].reason.partition("; ")[2])


def funnel_chart(report: Report) -> Chart:
    """A block of bars a model; each says how many came, and what part of those before was lost."""
    found = funnels(report)
    if not found:
        return none(TITLE, _why_none(report))
    block = ABOVE + LINE * len(found[0].steps) + BELOW
    words = "\n".join([*map(_said, found), left_out([each.model for each in found])]).strip()
    shown = found[:FEW]
    return draw(lambda figure: _paint(figure, shown, block), block * len(shown), TITLE, words)


def _why_none(report: Report) -> str:
    if report.header.dataset.sealed:
        return "The contracts are sealed: nothing is told of where answers are lost."
    return (
        "No model was shown passages of this exam and answered a question whose gold answer is "
        "located in its contract."
    )


def _paint(figure: "Figure", found: Sequence[Funnel], block: float) -> None:
    for number, each in enumerate(found):
        height = LINE * len(each.steps)
        axes = place(figure, LEFT, number * block + ABOVE, WIDTH - LEFT - RIGHT, height)
        _panel(axes, each)


def _panel(axes: "Axes", found: Funnel) -> None:
    whole = found.steps[0].came or 1.0
    places = range(len(found.steps))[::-1]
    for at, step in zip(places, found.steps, strict=True):
        before = step.came + step.lost
        axes.barh(at, before, height=0.62, color=LIGHT["fail"], alpha=0.3)
        axes.barh(at, step.came, height=0.62, color=LIGHT["s0"])
        axes.text(1.03 * whole, at, f"{step.came:.4g}", va="center_baseline", fontweight="bold")
        if step.lost:
            lost = f"−{step.lost:.4g} ({step.lost / before:.0%})"
            axes.text(1.2 * whole, at, lost, va="center_baseline", color=LIGHT["fail"], fontsize=10)
    axes.set_xlim(0, whole)
    axes.set_ylim(-0.5, len(found.steps) - 0.5)
    axes.set_yticks(list(places), [step.name for step in found.steps])
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_title(fitted(found.model, WIDTH - LEFT - 10, 11, bold=True))


def _said(found: Funnel) -> str:
    first, *rest = found.steps
    said = [f"{found.model}: {first.came:.4g} with a gold answer in the contract"]
    for step in rest:
        before = step.came + step.lost
        of = f", {step.lost / before:.0%} of those before" if step.lost else ""
        kinds = ", ".join(f"{count:.4g} {kind}" for kind, count in step.kinds if count)
        lost = f"{step.lost:.4g} lost{of}{f': {kinds}' if kinds else ''}"
        said.append(f"{step.came:.4g} {step.name} ({lost})")
    beside = f" ({found.beside})" if found.beside else ""
    return " → ".join(said) + beside
