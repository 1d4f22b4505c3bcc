"""Several wordings of one instruction, so that a model does not learn one sentence by heart."""

from dataclasses import replace

from fixtures.cases import Case

# The first is the exam's own.
WORDINGS = (
    "{question}",
    "Quote what the contract says on {category}. {question}",
    "Regarding {category}: {question}",
    "Find the words of the contract that answer this: {question}",
    "{question} Answer with the words of the contract.",
    "A reviewer looks for {category}. {question}",
)


def worded(case: Case, number: int) -> Case:
    """The case asked in a wording, counted from 0; the answer stays.

    A case without a category is asked in the exam's own.
    """
    if not case.category:
        return case
    question = WORDINGS[number].format(question=case.question, category=case.category)
    return replace(case, question=question)
