"""Whom a candidate is measured against: the champion, and the best champion so far."""

from collections.abc import Sequence
from pathlib import Path

from fixtures.errors import UserError
from models.champion import read_anchor, read_champion
from models.chat import Model
from models.factory import Chats, open_models
from models.promotions import read_records
from reports.verdict import Opponent

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
    champion, records = read_champion(models), read_records(models)
    if (champion.record if champion else None) != (records[-1].hash if records else None):
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


def open_with_opponents(
    candidates: Sequence[str], opponents: Sequence[Opponent], registry: Path, chats: Chats
) -> tuple[tuple[Model, ...], tuple[Opponent, ...]]:
    """Candidates and opponents as models, and the opponents with their present identities.

    They share their weights with what else `chats` opens.

    Raises:
        UserError: a champion's files are not those that were promoted.
    """
    names = dict.fromkeys([*candidates, *(opponent.name for opponent in opponents)])
    models = {model.name: model for model in open_models(list(names), registry, chats)}
    checked = []
    for opponent in opponents:
        present = models[opponent.name].identity
        if opponent.identity not in ("", present):
            raise UserError(
                f"the {opponent.role} {opponent.name} is not what was promoted: its identity is "
                f"{present[:12]}, promoted was {opponent.identity[:12]}; restore its files, or "
                "type `python -m models.promote --rollback`"
            )
        checked.append(Opponent(opponent.role, opponent.name, present))
    return tuple(models.values()), tuple(checked)
