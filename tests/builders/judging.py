"""Chat models behind a server that judge as they are told, by the labels of the shipped pairs."""

import re

from evals.judges.judge_exam import INJECTION, PADDING
from evals.judges.pairs import read_pairs

FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]\n<quoted>\n(.*?)\n</quoted>", re.DOTALL)


def asked(messages):
    """The fields of a judge's prompt, without padding and injection."""
    fields = dict(FIELD.findall(messages[-1]["content"]))
    return {
        name: text.removesuffix(PADDING).removesuffix(INJECTION) for name, text in fields.items()
    }


def grader(grade):
    """The reply of a judge that scores by `grade(label, question, answer)`.

    `label` is None of an answer that nobody labelled. Of two answers it prefers the one that was
    labelled higher.
    """
    labels = {(pair.question, pair.answer): pair.score for pair in read_pairs()}

    def reply(messages):
        fields = asked(messages)
        if "question" not in fields:  # whether anybody is there
            return "Yes."
        question = fields["question"]
        if "first_answer" in fields:
            first, second = (labels.get((question, fields[f"{place}_answer"]), 0.0)
                             for place in ("first", "second"))  # fmt: skip
            better = "tie" if first == second else "first" if first > second else "second"
            return f"[[ ## reasons ## ]]\nr\n\n[[ ## preferred ## ]]\n{better}"
        answer = fields["answer"]
        score = grade(labels.get((question, answer)), question, answer)
        return f"[[ ## reasons ## ]]\nr\n\n[[ ## score ## ]]\n{score}"

    return reply


def entry(url, model, **keys):
    """The registry entry of a chat model at a server."""
    lines = [f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "{model}"']
    return "\n".join([*lines, *(f'{key} = "{value}"' for key, value in keys.items())]) + "\n"
