"""What killed runs leave behind, and the reports of runs that nobody needs any more."""

import contextlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from bar_exam.common.files import remove_drafts

RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def tidy(runs: Path, run: str, keep: int | None, spared: Collection[str] = ()) -> None:
    """Remove the drafts and half folders of runs that are over, and all but the last `keep` runs.

    A folder without a report is half; its drafts end with the process that wrote them. What this
    program did not make is left alone, and so are this run and the one that `latest` leads to.

    Args:
        runs: the folder of reports.
        run: the name of this run.
        keep: how many reports to keep, this one included; None keeps all.
        spared: runs that are kept whatever `keep` says.
    """
    latest = (runs.parent / "latest").resolve()
    folders = sorted(path for path in runs.iterdir() if RUN.fullmatch(path.name) and path.is_dir())
    for folder in (runs.parent, *folders):
        remove_drafts(folder)
    whole = [path for path in folders if (path / "report.json").is_file()]
    for folder in set(folders) - set(whole):
        if folder.name < run:  # a later one is only beginning
            with contextlib.suppress(OSError):
                folder.rmdir()
    for folder in whole[:-keep] if keep else ():
        if folder.name not in (run, *spared) and folder.resolve() != latest:
            shutil.rmtree(folder, ignore_errors=True)
