"""What is concluded. `reports.read(RUN)` is for notebooks: see docs/notebooks.md."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from reports.frames.frames import Frames


def read(run: "str | Path", runs: "str | Path" = "reports/runs") -> "Frames":
    """One exam as a typed object with pandas frames.

    Nothing is imported before it is called: whoever imports a room pays for no notebook.

    Args:
        run: as every command names one: a report.json, its folder, its id under `runs`, `latest`,
            or NAME~N for the N-th before the last exam of a model.
        runs: folder of runs.

    Raises:
        UserError: there is no such run, or its report cannot be read.
    """
    from pathlib import Path

    from reports.archive import find_report, read_report
    from reports.frames.frames import frames

    return frames(read_report(find_report(str(run), Path(runs))))
