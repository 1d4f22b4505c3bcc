"""The folder of runs: what a run is called, where `latest` leads, and what is swept away."""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from common.errors import UserError
from common.files import remove_drafts, replacing

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def new_run_id() -> str:
    """A name that sorts by time, and that two runs of one second do not share."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def check_runs(runs: Path) -> None:
    """Find out whether reports can be written, while nothing is asked and nothing is lost.

    Raises:
        UserError: the folder of runs cannot be made, nothing can be written into it, or what lies
            beside it as `latest` is not ours to replace.
    """
    there = next(each for each in (runs, *runs.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written" if there.is_dir() else "is no folder"
        raise UserError(f"--runs {runs}: {there} {what}; name another folder, or mend this one")
    find_latest(runs)


def find_latest(runs: Path) -> Path:
    """Where `latest`, beside the runs, leads or will lead to one; only a link of ours is replaced.

    Raises:
        UserError: something else lies there.
    """
    latest = runs.parent / "latest"
    ours = latest.is_symlink() and RUN_ID.fullmatch(latest.readlink().name)
    if not ours and (latest.is_symlink() or latest.exists()):
        raise UserError(
            f"{latest} is no link to a run, and would be replaced by one; move it, or give --runs "
            "in another folder"
        )
    return latest


def write_latest(runs: Path, run: str) -> None:
    """Make `latest`, beside the runs, lead to this run.

    Raises:
        UserError: something else lies there, or the folder cannot be written.
    """
    latest, folder = find_latest(runs), runs / run
    mend = f"move what lies there; the report itself is written, in {folder}"
    with replacing(latest, mend=mend) as draft:
        draft.symlink_to(folder.relative_to(latest.parent))


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
    folders = sorted(
        path for path in runs.iterdir() if RUN_ID.fullmatch(path.name) and path.is_dir()
    )
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
