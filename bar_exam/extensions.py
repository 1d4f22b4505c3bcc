"""What a user's repository adds to the tables of the rooms, for as long as a command lasts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.extensions import Extension, Table, importable, load
from common.identity import file_digest
from common.project import FILE, Project

if TYPE_CHECKING:
    from evals.judges.factory import Judging
    from evals.metrics.table import Metric


def tables() -> dict[str, Table[Any]]:
    """Every table that a repository may add to, by its key of `[tool.bar-exam]`."""
    from evals.judges.factory import JUDGES
    from evals.metrics.table import METRICS
    from fixtures.datasets import IMPORTERS
    from fixtures.retrieval.retrieval import RANKINGS
    from models.registry import KINDS

    return {
        "metrics": METRICS,
        "judges": JUDGES,
        "models": KINDS,
        "retrievers": RANKINGS,
        "importers": IMPORTERS,
    }


@contextmanager
def extended(project: Project) -> Iterator[tuple[Extension, ...]]:
    """Add what a project names, until the end of the `with`; yields what was added.

    Raises:
        UserError: a dotted name cannot be imported, is no row of its table, or is taken.
    """
    if not project.extends:
        yield ()
        return
    found, known = [], tables()
    with ExitStack() as stack:
        stack.enter_context(importable(project.folder))
        for name, sources in project.added.items():
            for source in sources:
                where = f"{project.folder / FILE}: {name} {source!r}"
                row, extension = load(where, source, known[name], name)
                if name == "metrics" and row.rule is None:
                    raise UserError(f"{where}: it has no rule; name its judge")
                if name == "judges":
                    metric = _judged(row, where, known["metrics"])
                    stack.enter_context(known["metrics"].extended([metric]))
                stack.enter_context(known[name].extended([row]))
                found.append(extension)
        yield (*found, *map(_suite, project.suites))


def _judged(row: "Judging", where: str, metrics: Table[Any]) -> "Metric":
    """The metric that a judge scores.

    Raises:
        UserError: another scores it, or it is none that such a judge can score.
    """
    if row.name in metrics:
        raise UserError(f"{where}: {row.name!r} is taken; give it another name")
    if row.metric.rule is not None or row.metric.by not in ("llm", "embedded"):
        raise UserError(f'{where}: its metric has no rule, and by="llm" or by="embedded"')
    return row.metric


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
