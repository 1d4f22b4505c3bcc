"""The judges' own exam by form of answer, and how much of a candidate's answers it covers."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from evals.gate import FormRules, Gate
from evals.judges.judge_exam import JudgeExam, Trial
from evals.judges.style import FORMS, style
from evals.results import Result
from models.spoken import scorable
from reports.report import Finding, Section
from reports.sections.judge_exams import scorers
from reports.statistics.agreement import Agreement, agreement
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.intervals import cluster_mean

FORMS_SECTION = "judge_forms"
COVERED = "answers of forms that no exam covers"
NOTE = (
    "The same labelled answers by their form, which rules tell of labelled and of examined answers "
    "alike: the mean absolute error of each judge, that of giving every answer the mean label, and "
    "what the judge gives too much. A judge speaks of a candidate where it has passed in the forms "
    "that the candidate's answers have."
)


def form_section(exams: Sequence[JudgeExam], gate: Gate) -> Section:
    """What each judge showed, form by form, held against the gate file."""
    findings = [
        finding
        for exam in exams
        for form, trials in sorted(_by_form(exam.agreement).items())
        for finding in _of_form(exam.judge.name, form, trials, gate)
    ]
    title = "The judges' own exam, by form of answer"
    return Section(FORMS_SECTION, title, NOTE, tuple(findings))


def with_coverage(
    section: Section, judges: Sequence[str], of_model: Mapping[str, Sequence[Result]]
) -> Section:
    """The section, and the share of each model's answers that the exams of all judges cover."""
    shares = [_coverage(section, judges, model, rows) for model, rows in of_model.items()]
    return replace(section, findings=(*section.findings, *filter(None, shares)))


def uncovered(
    gate: Gate,
    section: Section | None,
    judges: Sequence[str],
    of_model: Mapping[str, Sequence[Result]],
) -> dict[str, dict[str, str]]:
    """By model, the gated metrics whose judges were not examined on what it answers like.

    Args:
        gate: as the file says.
        section: the judges' exams by form; None where none was taken.
        judges: those of `--judge` who are heard.
        of_model: results by model.
    """
    lines: dict[str, dict[str, str]] = {}
    most = gate.judge.forms.uncovered
    speak = {
        name: who
        for name in dict.fromkeys((*gate.gating, *gate.critical.metrics))
        if (who := scorers(name, judges)) is not None
    }
    for model, rows in of_model.items() if speak else ():
        forms = _forms(rows)
        for name, who in speak.items():
            outside = _outside(forms, _covers(section, who))
            share = sum(outside.values()) / max(forms.total(), 1)
            if share > most:
                lines.setdefault(model, {})[name] = (
                    f"{name} cannot speak of {model}: {share:.1%} of its answers have forms in "
                    f"which {', '.join(who) or 'no judge'} passed no exam "
                    f"({_shares(outside, forms.total())}); {most:.1%} may"
                )
    return lines


def unproved(section: Section | None, rules: FormRules) -> str | None:
    """Why a section is none of an exam: a form that passes by numbers that do not."""
    for each in section.findings if section else ():
        if each.outcome != "PASS":
            continue
        others = [section.of(each.subject, of(each.measure)) for of in (_blind, _bias) if section]
        blind, bias = (other.estimate if other else None for other in others)
        if _outcome(each.estimate, blind, bias, rules) != "PASS":
            return f"{each.subject} does not pass {each.measure} answers by the numbers it gives"
    return None


def _by_form(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {form: [] for form in FORMS.values()}
    for trial in trials:
        pair = trial.pair
        found[FORMS[style(pair.answer, pair.question, pair.expected)]].append(trial)
    return found if trials else {}


def _of_form(judge: str, form: str, trials: Sequence[Trial], gate: Gate) -> Iterator[Finding]:
    """The error on one form, whose outcome decides, that of the mean, and the bias."""
    rules = gate.judge.forms
    scored = [(trial, value) for trial in trials if (value := trial.score.value) is not None]
    if not scored:
        why = trials[0].score.reason if trials else "no labelled answer has it"
        yield Finding(judge, form, None, why, "INCONCLUSIVE")
        return
    labels = [trial.pair.score for trial, _ in scored]
    contracts = [trial.pair.contract for trial, _ in scored]
    found = agreement([value for _, value in scored], labels, contracts, gate.alpha)
    mean = sum(labels) / len(labels)
    blind = cluster_mean([abs(label - mean) for label in labels], contracts, gate.alpha)
    error, bias = found.mean_absolute_error.estimate, found.bias.estimate
    outcome = _outcome(error, blind, bias, rules)
    lost = 1 - len(scored) / len(trials)
    reason = _words(found)
    if outcome == "PASS" and lost > gate.attrition:
        outcome, reason = "INCONCLUSIVE", f"{lost:.1%} of the judgements are missing; {reason}"
    elif len(scored) < rules.pairs:
        reason = f"{len(scored)} labelled answers, of {rules.pairs} that are asked for; {reason}"
    yield Finding(judge, form, error, reason, outcome)
    yield Finding(judge, _blind(form), blind, f"every answer {mean:.2f}")
    yield Finding(judge, _bias(form), bias)


def _blind(form: str) -> str:
    return f"{form}, error of the mean"


def _bias(form: str) -> str:
    return f"{form}, bias"


def _outcome(
    error: Estimate | None, blind: Estimate | None, bias: Estimate | None, rules: FormRules
) -> Outcome:
    """Whether the error keeps to the line, and to the mean's; and the bias to its own, both ways.

    The mean's error is taken as it is: it is one of the same labels, and hardly varies.
    """
    if error is None or blind is None or bias is None or error.n < rules.pairs:
        return "INCONCLUSIVE"
    outcomes = {
        error.against(min(rules.mean_absolute_error, blind.mean), "lower"),
        bias.against(rules.bias, "lower"),
        bias.against(-rules.bias, "higher"),
    }
    return "FAIL" if "FAIL" in outcomes else "PASS" if outcomes == {"PASS"} else "INCONCLUSIVE"


def _words(found: Agreement) -> str:
    """The other measures, in a line."""
    said = [
        f"{name} {each.estimate:.2f}"
        for name, each in (
            ("kappa", found.kappa),
            ("Spearman", found.spearman),
        )
        if each.estimate
    ]
    return ", ".join(said)


def _covers(section: Section | None, judges: Sequence[str]) -> set[str]:
    """The forms in which all these judges passed."""
    passed = {
        judge: {each.measure for each in section.findings if _is_pass(each, judge)}
        for judge in judges
        if section
    }
    return set.intersection(*passed.values()) if passed else set()


def _is_pass(finding: Finding, judge: str) -> bool:
    return finding.subject == judge and finding.outcome == "PASS"


def _forms(results: Sequence[Result]) -> Counter[str]:
    """How many answers have each form; those that are errors have none."""
    found: Counter[str] = Counter()
    for result in results:
        case, answer = result.case, scorable(result.answer)
        if answer.error is None:
            shown = [passage.text for passage in answer.passages]
            found[FORMS[style(answer.text, case.question, case.golds, shown)]] += 1
    return found


def _outside(forms: Counter[str], covered: Collection[str]) -> dict[str, int]:
    return {form: count for form, count in forms.most_common() if form not in covered}


def _shares(forms: Mapping[str, int], total: int) -> str:
    return ", ".join(f"{form} {count / total:.1%}" for form, count in forms.items())


def _coverage(
    section: Section, judges: Sequence[str], model: str, results: Sequence[Result]
) -> Finding | None:
    """The share of a model's answers that the exams of all judges do not cover, form by form."""
    forms = _forms(results)
    if not forms:
        return None
    outside = _outside(forms, _covers(section, judges))
    contracts = len({result.case.contract.id for result in results})
    share = Estimate(sum(outside.values()) / forms.total(), None, None, forms.total(), contracts)
    said = f"its answers: {_shares(dict(forms.most_common()), forms.total())}"
    if outside:
        said = f"not covered: {', '.join(outside)}; {said}"
    return Finding(model, COVERED, share, said)
