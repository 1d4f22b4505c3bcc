"""How people in service scored the answers of one model, week by week.

Nothing here decides: an exam has no such scores to be compared with.
"""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from reports.drift.log import Period
from reports.feedback.kept import Kept, is_kept
from reports.feedback.satisfaction import Satisfaction, satisfaction


def liked(folder: Path, model: str, period: Period) -> tuple[Satisfaction, ...]:
    """Means with intervals, by week; nothing where no feedback was imported.

    Args:
        folder: of kept feedback.
        model: whose answers.
        period: days that count.

    Raises:
        UserError: the file cannot be used.
    """
    if not is_kept(folder):
        return ()
    with closing(Kept(folder)) as kept:
        return satisfaction(
            (
                each
                for each in kept.scored()
                if each.model == model
                and not period.excludes(datetime.fromtimestamp(each.time, UTC).date().isoformat())
            ),
            "week",
        )
