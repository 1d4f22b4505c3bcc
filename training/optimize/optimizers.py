"""dspy's optimisers, each as one function of what it is given.

Imports dspy: import this module where it is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from training.optimize.proposals import Proposer
from training.optimize.recipe import Bootstrap, BootstrapSearch, Gepa, Mipro, Optimizer

ALL = 10**9
"""Errors of single answers, which are worth nothing, that end no optimiser: others end the run."""


@dataclass(frozen=True, slots=True)
class Task:
    """What an optimiser is given.

    Attributes:
        program: the module as it is.
        metric: a metric function: see `evals.metrics.dspy_metric`.
        train: examples to make demonstrations and proposals from.
        validation: examples of other contracts, to choose by.
        model: answers.
        teacher: whose replies become demonstrations.
        proposer: proposes instructions.
        threads: examples that are asked at once.
        seed: decides what is left to chance.
    """

    program: dspy.Module
    metric: Callable[..., Any]
    train: Sequence[dspy.Example]
    validation: Sequence[dspy.Example]
    model: dspy.LM
    teacher: dspy.LM
    proposer: dspy.LM
    threads: int
    seed: int


def optimized(optimizer: Optimizer, task: Task) -> dspy.Module:
    """The program as the optimiser leaves it."""
    match optimizer:
        case Bootstrap():
            return _bootstrapped(optimizer, task)
        case BootstrapSearch():
            return _searched(optimizer, task)
        case Mipro():
            return _proposed(optimizer, task)
        case Gepa():
            return _reflected(optimizer, task)


def _bootstrapped(options: Bootstrap, task: Task) -> dspy.Module:
    optimizer = dspy.BootstrapFewShot(
        metric=task.metric,
        teacher_settings={"lm": task.teacher},
        max_errors=ALL,
        **options.model_dump(exclude={"kind"}),
    )
    return optimizer.compile(task.program, trainset=list(task.train))


def _searched(options: BootstrapSearch, task: Task) -> dspy.Module:
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=task.metric,
        teacher_settings={"lm": task.teacher},
        max_errors=ALL,
        num_threads=task.threads,
        **options.model_dump(exclude={"kind"}),
    )
    return optimizer.compile(task.program, trainset=list(task.train), valset=list(task.validation))


def _proposed(options: Mipro, task: Task) -> dspy.Module:
    import optuna

    given = options.model_dump(exclude={"kind", "num_trials", "minibatch_size"})
    optimizer = dspy.MIPROv2(
        metric=task.metric,
        prompt_model=task.proposer,
        task_model=task.model,
        teacher_settings={"lm": task.teacher},
        auto=None,
        max_errors=ALL,
        num_threads=task.threads,
        seed=task.seed,
        **given,
    )
    before = optuna.logging.get_verbosity()
    try:
        return optimizer.compile(
            task.program,
            trainset=list(task.train),
            valset=list(task.validation),
            num_trials=options.num_trials,
            minibatch=options.minibatch_size < len(task.validation),
            minibatch_size=options.minibatch_size,
        )
    finally:
        optuna.logging.set_verbosity(before)  # which dspy sets for the whole process


def _reflected(options: Gepa, task: Task) -> dspy.Module:
    optimizer = dspy.GEPA(
        metric=task.metric,
        reflection_lm=task.proposer,
        instruction_proposer=Proposer(),
        num_threads=task.threads,
        seed=task.seed,
        **options.model_dump(exclude={"kind"}),
    )
    return optimizer.compile(task.program, trainset=list(task.train), valset=list(task.validation))
