"""Whom a candidate is measured against: the champion, and the best champion so far."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import UserError
from models.chat import Model
from models.factory import Chats, open_models
from models.identity.identities import difference, manifest_digest, promotion_identity
from models.promotion.champion import Champion, read_anchor, read_champion
from models.promotion.record.file import read_lines, read_records
from models.promotion.record.line import Named, Record, services
from models.registry import read_entry
from reports.report import Opponent, Verdict

CHAMPION = "champion"


def name_opponents(baseline: str | None, models: Path) -> tuple[Opponent, ...]:
    """The opponents that `--baseline` asks for; none on the first exam, before any champion.

    `champion` stands for the model in service and for the anchor, which every promotion must not
    fall behind: a chain of small losses, each within its margin, would otherwise pass.

    Args:
        baseline: a model's name, `champion`, or None.
        models: folder of champion.toml and promotions.jsonl.

    Raises:
        UserError: pointer and record disagree, or the record was tampered with.
    """
    if baseline is None:
        return ()
    if baseline != CHAMPION:
        return (Opponent("baseline", baseline, ""),)
    champion, lines = read_champion(models), read_lines(models)
    last = lines[-1].hash if services(lines) else None
    if (champion.record if champion else None) != last:
        raise UserError(
            f"{models / 'champion.toml'} is not what the promotion record says; "
            "type `python -m models.promote --verify`, which mends it"
        )
    if champion is None:
        return ()
    found = [Opponent("champion", champion.model, champion.identity)]
    anchor = read_anchor(models)
    if anchor and anchor.identity != champion.identity:
        found.append(Opponent("anchor", anchor.model, anchor.identity))
    return tuple(found)


def check_registered(opponents: Sequence[Opponent], registry: Path) -> None:
    """Find now, before anything is asked, whether the opponents' entries are there.

    Raises:
        UserError: an entry is missing or malformed.
    """
    for opponent in opponents:
        try:
            read_entry(opponent.name, registry, "--baseline", (CHAMPION,))
        except UserError as error:
            if opponent.role == "baseline":
                raise
            raise UserError(
                f"the {opponent.role} {opponent.name} cannot be measured against ({error}); "
                f"{_way_out(opponent)}"
            ) from error


def unpromoted(verdict: Verdict, model: Model, service: Champion | None, line: str) -> Verdict:
    """PASS in place of a PROMOTE that no promotion can follow.

    Where a model is in service, a candidate takes its place only after a comparison with it.

    Args:
        verdict: on a candidate.
        model: that candidate.
        service: who is in service.
        line: what was typed.
    """
    if verdict.outcome != "PROMOTE" or service is None:
        return verdict
    if verdict.model == service.model and not difference(model, service.identity):
        reason = f"{verdict.model} is in service, and still holds what the gate asks of every model"
    elif verdict.champion is None:
        reason = (
            f"not compared with {service.model}, which is in service; to promote, first type: "
            f"{compared_line(line)}"
        )
    else:
        return verdict
    return replace(verdict, outcome="PASS", reasons=(reason,))


def compared_line(line: str) -> str:
    """What was typed, with the champion as the baseline.

    >>> compared_line("pytest evals --model a --baseline b --limit 9")
    'pytest evals --model a --limit 9 --baseline champion'
    """
    words, kept = iter(shlex.split(line)), list[str]()
    for word in words:
        if word == "--baseline":
            next(words, None)
        elif not word.startswith("--baseline="):
            kept.append(word)
    return shlex.join([*kept, "--baseline", CHAMPION])


def open_with_opponents(
    candidates: Sequence[str], opponents: Sequence[Opponent], registry: Path, chats: Chats
) -> tuple[tuple[Model, ...], tuple[Opponent, ...]]:
    """Candidates and opponents as models, and the opponents with their identities.

    They share their weights with what else `chats` opens.

    Raises:
        UserError: a champion's files are not those that were promoted.
    """
    check_registered(opponents, registry)
    names = dict.fromkeys([*candidates, *(opponent.name for opponent in opponents)])
    models = {model.name: model for model in open_models(list(names), registry, chats)}
    records = read_records(registry.parent)
    checked = tuple(_checked(each, models[each.name], records) for each in opponents)
    return tuple(models.values()), checked


def _checked(opponent: Opponent, model: Model, records: Sequence[Record]) -> Opponent:
    """The opponent, whose identity is the recorded one where it was promoted."""
    if opponent.role == "baseline":
        return replace(opponent, identity=promotion_identity(model))
    named = Named(opponent.name, opponent.identity)
    record = next((each for each in reversed(records) if each.named == named), None)
    words = difference(model, opponent.identity)
    if not words and record and record.manifest != manifest_digest(model):
        words = "its training manifest changed"
    if words:
        raise UserError(
            f"the {opponent.role} {opponent.name} is not what was promoted "
            f"({opponent.identity[:12]}): {words}; {_way_out(opponent)}"
        )
    return opponent


def _way_out(opponent: Opponent) -> str:
    if opponent.role == "anchor":
        return (
            "restore its files, or take another champion of the record for the anchor: "
            "`python -m models.promote --anchor NAME --reason TEXT`"
        )
    return "restore its files, or type `python -m models.promote --rollback`"
