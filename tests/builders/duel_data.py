"""Reports on a candidate and a champion, with the chats of both and of a judge."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from evals.conversations import Exchange, Weaver
from evals.gate import Gate, MetricGate
from evals.metrics.table import score
from evals.results import Result, Score
from fixtures.cases import Case
from models.chat import Answer, Message
from models.prompted import Template
from reports.archive import as_written
from reports.listing import with_missed
from reports.report import ModelFacts, Opponent, Report
from reports.verdict.conclude import conclude
from tests.builders.report_data import SPENDING, header

GATE = Gate(
    minimum_cases=1,
    metrics={
        "token_f1": MetricGate(role="primary", floor=0.2, margin=0.05),
        "abstention": MetricGate(role="guard", floor=0.2),
    },
)
RUBRIC = "Score the answer between 0 and 1 by what a lawyer would say of it. " * 3
REASON = "The answer has what the contract says of it, and no more."
TYPED = "pytest evals --model new --baseline champion --judge umpire"


def duel(
    cases: Sequence[Case],
    new: Callable[[Case], Answer],
    old: Callable[[Case], Answer],
    reason: str = REASON,
    typed: str = TYPED,
) -> Report:
    """As its readers have it; tests are missed below the pass mark of token_f1."""
    weaver, results = Weaver(), []
    for model, say in {"new": new, "old": old}.items():
        results += [_result(weaver, model, case, say(case), reason) for case in cases]
    models = (ModelFacts("new", role="candidate"), ModelFacts("old", role="champion"))
    report = conclude(
        header("new", "old", gate=GATE, models=models, command=typed),
        results,
        SPENDING,
        GATE,
        candidates=["new"],
        opponents=[Opponent("champion", "old", "")],
    )
    missed = {
        (each.model, each.case.id): ("test_answers",)
        for each in results
        if "token_f1" in each.scores and (each.scores["token_f1"].value or 0) < 0.5
    }
    return as_written(with_missed(report, missed))


def _result(weaver: Weaver, model: str, case: Case, answer: Answer, reason: str) -> Result:
    scores = dict(score(case, answer))
    if answer.error is not None:
        return Result(model, case, answer, scores, asked=True)
    scores["correctness"] = Score(0.5, reason, cost=Decimal("0.0004"))
    own = Exchange(model, Template().messages(case.question, answer.passages), answer)
    asked = (
        Message("system", RUBRIC),
        Message("user", f"Question: {case.question}\nAnswer: {answer.text}"),
    )
    reply = Answer(json.dumps({"reasons": reason}), 70, 9, 0.3, cost=Decimal("0.0004"))
    judged = weaver.conversation(
        Exchange("umpire", asked, reply), case, answer, "correctness", reason
    )
    answered = weaver.conversation(own, case, answer)
    result = Result(model, case, answer, scores, asked=True)
    return replace(result, conversations=(answered, judged))
