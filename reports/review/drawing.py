"""How the desk's pages are drawn: templates in the report's style, and the script of the keys."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.html.drawing import STYLE, environment

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


class Drawing:
    """The desk's templates."""

    @cached_property
    def style(self) -> str:
        """That of all pages, and what the desk adds."""
        return STYLE.read_text("utf-8") + (TEMPLATES / "desk.css").read_text("utf-8")

    @cached_property
    def script(self) -> str:
        """Keys, for those who have JavaScript on."""
        return (TEMPLATES / "desk.js").read_text("utf-8")

    def message(self, text: str) -> str:
        """A page of one line."""
        return self.page("message.html.j2", text=text)

    def page(self, name: str, **values: Any) -> str:
        """A template's page."""
        return self._environment.get_template(name).render(**values)

    @cached_property
    def _environment(self) -> "jinja2.Environment":
        return environment(TEMPLATES)
