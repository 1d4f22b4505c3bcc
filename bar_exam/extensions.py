"""What a user's repository adds to the tables of the rooms, for as long as a command lasts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.extensions import Extension, Table, importable, load
from bar_exam.common.identity import file_digest
from bar_exam.common.project import FILE, Project
from bar_exam.evals.judges.factory import JUDGES
from bar_exam.evals.metrics.table import METRICS
from bar_exam.fixtures.datasets import IMPORTERS
from bar_exam.fixtures.retrieval.retrieval import RANKINGS
from bar_exam.models.registry import KINDS

TABLES: dict[str, Table[Any]] = {
    "metrics": METRICS,
    "judges": JUDGES,
    "models": KINDS,
    "retrievers": RANKINGS,
    "importers": IMPORTERS,
}


@contextmanager
def extended(project: Project) -> Iterator[tuple[Extension, ...]]:
    """Add what a project names; yields what was added.

    Raises:
        UserError: a dotted name cannot be imported, is no row of its table, or is taken.
    """
    found = []
    with ExitStack() as stack:
        stack.enter_context(importable(project.folder))
        for name, sources in project.added.items():
            for source in sources:
                option = f"{project.folder / FILE}: {name}"
                row, extension = load(option, source, TABLES[name], name)
                stack.enter_context(TABLES[name].extended([row]))
                if name == "judges":
                    stack.enter_context(METRICS.extended([row.metric]))
                found.append(extension)
        yield (*found, *map(_suite, project.suites))


def _suite(module: str) -> Extension:
    """A module of tests, which pytest imports.

    Raises:
        UserError: there is none of this name.
    """
    try:
        spec = find_spec(module)
    except (ImportError, ValueError) as error:
        raise UserError(f"suites {module!r}: it cannot be imported ({error})") from error
    if spec is None or spec.origin is None:
        raise UserError(f"suites {module!r}: there is no such module; write it `package.test_name`")
    return Extension("suites", module, module, file_digest(Path(spec.origin)))
