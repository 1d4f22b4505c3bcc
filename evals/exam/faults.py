"""Exceptions that were nobody's mistake: counted, and noted beside what they happened to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from evals.calls.calls import Calls


@dataclass
class Faults:
    """The first exception, in one line, of each model and case; `calls` counts them all.

    What concerned no model alone has an empty name: variants of a case, probes, judges' exams.
    """

    calls: Calls
    found: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, model: str, what: str, line: str) -> None:
        """Note an exception that is counted already."""
        self.found.setdefault((model, what), line)

    def noting(self, model: str, what: str) -> Callable[[str], None]:
        """What counts an exception and notes it in the name of a model, a case or a task."""
        return lambda line: self.note(model, what, self.calls.excepted(line))
