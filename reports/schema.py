"""`python -m reports.schema`: write the JSON Schema of report.json, from the classes that hold it.

What each member means is what stands beside it in `report.py`. The tables of docs/notebooks.md are
written too, from `frames/columns.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from common.command import Parser, run
from common.paths import ROOT
from reports.archive import SCHEMA
from reports.frames.columns import table
from reports.report import GateFacts, Header, ModelFacts, Report

FILE = Path(__file__).with_name("report.schema.json")
PAGE = ROOT / "docs" / "notebooks.md"
HEAD = "\n## Columns\n\n"
"""What stands below it on the page is written here."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OPEN = (GateFacts, ModelFacts)
"""Whose `further` keys stand beside the others in the file."""


def report_schema() -> dict[str, Any]:
    """The schema, laid out as the file is: the members of `Header` stand at the top.

    A member that is not required was not written by some earlier release. Members that a later one
    adds are no fault.

    >>> found = report_schema()
    >>> found["properties"]["schema"], "header" in found["properties"]
    ({'const': 1}, False)
    """
    config = ConfigDict(use_attribute_docstrings=True)
    listed = TypeAdapter(list[Report], config=config)  # a dataclass alone takes no configuration
    parts = listed.json_schema(mode="serialization")["$defs"]
    whole, header = parts.pop(Report.__name__), parts.pop(Header.__name__)
    for each in OPEN:
        _opened(parts[each.__name__])
    required = [name for name in whole["required"] if name != "header"]
    del whole["properties"]["header"]
    return {
        "$schema": DIALECT,
        "title": "report.json",
        "description": "One exam, concluded: what Bar Exam writes beside each of its pages.",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            **header["properties"],
            **whole["properties"],
        },
        "required": ["schema", *header["required"], *required],
        "$defs": parts,
    }


def _opened(facts: dict[str, Any]) -> None:
    """What the class holds as `further`, the file holds under names of its own."""
    further = facts["properties"].pop("further")
    facts["additionalProperties"] = {"description": further["description"]}


def written() -> str:
    """The text of the file."""
    return json.dumps(_untitled(report_schema()), indent=1, ensure_ascii=False) + "\n"


def _untitled(part: Any) -> Any:
    """Without the titles that pydantic makes of names, which say nothing more.

    >>> _untitled({"properties": {"title": {"type": "string", "title": "Title"}}})
    {'properties': {'title': {'type': 'string'}}}
    """
    if isinstance(part, list):
        return [_untitled(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = isinstance(part.get("title"), str) and "$schema" not in part
    return {key: _untitled(each) for key, each in part.items() if not (key == "title" and made)}


def page() -> str:
    """The text of docs/notebooks.md: what a person wrote, and the tables."""
    return f"{PAGE.read_text(encoding='utf-8').partition(HEAD)[0]}{HEAD}{table()}\n"


def main(argv: list[str] | None = None) -> int:
    """Write reports/report.schema.json and the tables of docs/notebooks.md."""
    parser = Parser(prog="python -m reports.schema", description=main.__doc__)
    return run(parser.parse_args, _write, argv)


def _write(_: object) -> None:
    for path, text in ((FILE, written()), (PAGE, page())):
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    sys.exit(main())
