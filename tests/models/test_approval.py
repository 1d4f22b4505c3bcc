"""What follows from what people said, by the function that decides, over any sequence of it."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from models.promotion.approval.consent import Consent, approved
from models.promotion.approval.standing import Question, Subject, later, standing
from models.promotion.record.line import chained
from models.promotion.record.people import Person
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError

START = "2026-01-01T00:00:00Z"
PEOPLE = ("ada", "bob", "carol", "dora")
EXAMINER = Person("ada")
SUBJECT = Subject("b", "1" * 64, "run-1", "2" * 64, "3" * 64, "4" * 64)
FIELDS = ("identity", "run", "report", "gate", "policy")


def said(kind, account, by, day, days=7, other=None, conditions=()):
    """One statement; `other` names a field that is not the subject's."""
    of = {name: getattr(SUBJECT, name) for name in FIELDS}
    if other:
        of[other] = "9" * 64
    when = later(START, day)
    return Statement(
        kind=kind,
        when=when,
        who=Person(account),
        by=by,
        model="b",
        version=2,
        expires=later(when, days) if kind == "approval" else None,
        conditions=conditions if kind == "approval" else (),
        reason="no" if kind == "rejection" else None,
        **of,
    )


@st.composite
def statements(draw):
    """Mostly approvals of the subject by people in their own name; everything else too."""
    kind = draw(st.sampled_from(["approval"] * 6 + ["rejection", "withdrawal"]))
    account = draw(st.sampled_from(PEOPLE))
    by = draw(st.sampled_from([account] * 5 + [*PEOPLE, account.upper()]))
    other = draw(st.sampled_from([None] * 8 + list(FIELDS)))
    conditions = draw(st.sampled_from([()] * 5 + [("slowly",)]))
    return kind, account, by, draw(st.integers(1, 10)), other, conditions


@st.composite
def histories(draw):
    """Lines, and days between them: 0 or more, and now and then a clock that went back."""
    day, lines = 0, []
    for kind, account, by, days, other, conditions in draw(st.lists(statements(), max_size=8)):
        day = max(0, day + draw(st.sampled_from([0, 0, 1, 1, 2, 5, -3])))
        line = said(kind, account, by, day, days, other, conditions)
        lines.append(chained(lines, line))
    return tuple(lines), max(0, day + draw(st.sampled_from([0, 1, 3, 9, -2])))


def allowed(lines, now, needed, met):
    """The rule, said plainly: enough people, no two of whom share a name or an account."""
    if any(line.when > now for line in lines):
        return False
    ours = [line for line in lines if line.identity == SUBJECT.identity]

    def is_last(line):
        again = [x for x in ours if (x.who, x.by.lower()) == (line.who, line.by.lower())]
        return again[-1] is line

    last = [line for line in ours if is_last(line)]
    if any(line.kind == "rejection" for line in last):
        return False
    valid = [
        line
        for line in last
        if line.kind == "approval"
        and all(getattr(line, name) == getattr(SUBJECT, name) for name in FIELDS)
        and now < line.expires
        and "ada" not in (line.who.account, line.by.lower())
    ]
    if any(line.conditions for line in valid) and not met:
        return False
    return any(
        len({line.who for line in some}) == len({line.by.lower() for line in some}) == needed
        for some in combinations(valid, needed)
    )


@given(history=histories(), needed=st.integers(1, 3), met=st.booleans())
@settings(max_examples=600, deadline=None)
def test_nothing_is_promoted_without_enough_others_whose_word_holds(
    tmp_path_factory, history, needed, met
):
    lines, day = history
    now = later(START, day)
    question = Question(SUBJECT, needed, {}, (EXAMINER,))
    try:
        done = approved(tmp_path_factory.getbasetemp(), lines, question, (), Consent(met), now, str)
    except RefusedError as error:
        assert "\n" not in str(error)
        own = all(line.by.lower() == line.who.account for line in lines)
        assert not (own and allowed(lines, now, needed, met)), "in their own names it is enough"
    else:
        assert allowed(lines, now, needed, met)
        assert done.break_glass is None and done.needed == needed
        assert {vote.number for vote in done.votes} <= {line.number for line in lines}


@given(history=histories(), needed=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_broken_glass_passes_over_people_and_never_over_the_clock(
    tmp_path_factory, history, needed
):
    lines, day = history
    now, folder = later(START, day), tmp_path_factory.getbasetemp()
    question, words = Question(SUBJECT, needed, {}, (EXAMINER,)), Consent(break_glass="a reason")
    try:
        done = approved(folder, lines, question, (), words, now, str)
    except RefusedError as error:
        assert "clock" in str(error) and any(line.when > now for line in lines)
        return
    assert (done.break_glass is None) == allowed_or_counted(lines, question, now)
    if done.break_glass:
        assert done.break_glass.reason == "a reason" and done.break_glass.lines


def allowed_or_counted(lines, question, now):
    found = standing(lines, question, now)
    return found.state == "approved" and not found.conditions


@given(history=histories())
@settings(max_examples=200, deadline=None)
def test_with_keys_a_name_alone_says_nothing(tmp_path_factory, history):
    """Nobody signed: whatever stands there, no key of the policy speaks."""
    lines, day = history
    people = {name: str(number) * 64 for number, name in enumerate(PEOPLE)}
    found = standing(lines, Question(SUBJECT, 1, people, (EXAMINER,)), later(START, day))
    assert found.approvals == found.expired == ()
    assert found.state in ("waits", "refused")


@given(
    speakers=st.lists(st.tuples(st.sampled_from("bcde"), st.sampled_from("bcdeBC")), max_size=6),
    needed=st.integers(1, 3),
)
@settings(max_examples=300, deadline=None)
def test_names_and_accounts_that_are_mixed_count_no_person_twice(
    tmp_path_factory, speakers, needed
):
    """Everybody approves on one day; some in another's name, or in two."""
    lines = []
    for account, by in speakers:
        lines.append(chained(lines, said("approval", account, by, 1)))
    now, folder = later(START, 2), tmp_path_factory.getbasetemp()
    question = Question(SUBJECT, needed, {}, (EXAMINER,))
    try:
        approved(folder, lines, question, (), Consent(), now, str)
    except RefusedError:
        clear = {by for account, by in speakers if account == by}
        assert len(clear) < needed or any(account != by for account, by in speakers)
    else:
        assert allowed(lines, now, needed, met=True)
