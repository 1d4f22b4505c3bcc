"""How near the words of an answer come to the gold ones; the best gold span counts."""

from collections.abc import Callable

from common.visible import visible
from evals.language.declining import declines
from evals.language.orders import orders
from evals.language.words import f1, normalise
from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer


def best(case: Case, answer: Answer, likeness: Callable[[str, str], float]) -> Score:
    """The highest `likeness(said, gold)` of the gold spans: how every metric of likeness scores.

    An answer that declines earns nothing, whatever it says beside that, an empty one nothing, and
    none that tells its grader what to do. What cannot be seen is compared with nothing.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", None), Span("24 months", None))
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> best(case, Answer("24 months"), lambda said, gold: float(said == gold)).value
    1.0
    >>> best(case, Answer("Not found."), lambda said, gold: 1.0)
    Score(value=0.0, reason='declined')
    """
    if declines(answer.text, case.question, case.golds):
        return Score(0.0, "declined")
    if orders(answer.text, case.contract.text):
        return Score(0.0, "speaks to its grader")
    said = visible(answer.text)
    return Score(max((likeness(said, visible(gold)) for gold in case.golds), default=0.0))


def exact_match(case: Case, answer: Answer) -> Score:
    """1.0 when the answer equals a gold span in SQuAD's normal form.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> [exact_match(case, Answer(text)).value for text in ("Two years.", "for two years")]
    [1.0, 0.0]
    """
    return best(case, answer, lambda said, gold: float(normalise(said) == normalise(gold)))


def token_f1(case: Case, answer: Answer) -> Score:
    """F1 of the words shared with the nearest gold span, counted with multiplicity.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> [token_f1(case, Answer(text)).value for text in ("for two years", "Not found.")]
    [0.8, 0.0]
    """
    return best(
        case, answer, lambda said, gold: f1(normalise(said).split(), normalise(gold).split())
    )


def containment(case: Case, answer: Answer) -> Score:
    """1.0 when a gold span stands whole in the answer, in SQuAD's normal form.

    An answer that is a part of the gold does not contain it: half a clause is not the clause.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> [containment(case, Answer(text)).value for text in ("It is two years.", "Two.")]
    [1.0, 0.0]
    """
    return best(
        case, answer, lambda said, gold: float(f" {normalise(gold)} " in f" {normalise(said)} ")
    )


def jaccard(case: Case, answer: Answer) -> Score:
    """Shared words over all words, as CUAD's official script counts them.

    Its own normal form: `. , ; :` dropped, `/` a space, lower case, words split at single
    spaces. Source: Hendrycks et al. 2021, TheAtticusProject/cuad, evaluate.py.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> jaccard(case, Answer("it is two years")).value
    0.5
    """

    def likeness(said: str, gold: str) -> float:
        one, two = cuad_words(said), cuad_words(gold)
        return len(one & two) / len(one | two)

    return best(case, answer, likeness)


def cuad_words(text: str) -> set[str]:
    """The set of words that CUAD compares; never empty, for a split leaves at least ''.

    >>> sorted(cuad_words("Fees, and/or costs."))
    ['and', 'costs', 'fees', 'or']
    """
    for mark in ".,;:":
        text = text.replace(mark, "")
    return set(text.lower().replace("/", " ").split(" "))
