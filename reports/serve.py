"""The page of a run, served to this machine: `python -m reports.serve [RUN]`.

A page that is opened as a file can read nothing beside it; served, it reads the cases in cases.json
too. Nothing but the run's page and these cases is served, on 127.0.0.1 alone.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.command import Parser, run
from common.errors import UserError
from common.local_server import HERE, SILENT, listen, serve
from reports.archive import LATEST, find_report

if TYPE_CHECKING:
    from fastapi import FastAPI

SERVED = {
    "report.html": "text/html; charset=utf-8",
    "cases.json": "application/json",
}


def main(argv: list[str] | None = None) -> int:
    """Serve the page of a run on 127.0.0.1, until Ctrl-C."""
    parser = Parser(prog="python -m reports.serve", description=main.__doc__)
    add = parser.add_argument
    add("run", nargs="?", default=LATEST, metavar="RUN", help="folder, id, model or latest")
    add("--port", type=int, default=0, metavar="N", help="0 takes any that is free (0)")
    return run(parser.parse_args, _serve, argv, stopped="no longer served", code=0)


def _serve(options: argparse.Namespace) -> None:
    folder = find_report(options.run).parent
    if not (folder / "report.html").is_file():
        raise UserError(
            f"{folder} has no report.html; type `python -m reports.page {folder / 'report.json'}`"
        )
    application = pages(folder)
    listening = listen(options.port)
    port = listening.getsockname()[1]
    print(f"{folder}: http://{HERE}:{port}/report.html (Ctrl-C ends it)", flush=True)
    serve(application, listening)


def pages(folder: Path) -> "FastAPI":
    """What is served of a run's folder; anything else is not found."""
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, RedirectResponse

    application = FastAPI(openapi_url=None, telemetry=SILENT)

    @application.get("/")
    def opened() -> RedirectResponse:
        return RedirectResponse("/report.html")

    def add(path: Path, kind: str) -> None:
        application.get(f"/{path.name}")(lambda: FileResponse(path, media_type=kind))

    for name, kind in SERVED.items():
        if (folder / name).is_file():
            add(folder / name, kind)
    return application


if __name__ == "__main__":
    sys.exit(main())
