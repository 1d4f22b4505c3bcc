"""Pages in a real browser: Debian's chromium by Playwright, skipped where there is none.

`open_page` opens a file or an address; whatever the page asks of another machine, and every error
in its console, fails the test. `photographed` keeps screenshots at three widths, light and dark, in
the folder that `BAR_EXAM_SCREENSHOTS` names. `violations` is what axe-core finds.

Playwright's own event loop stays in this thread while the browser is open: tests of this folder
call no `asyncio.run`.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.seams import ROOT

WIDTHS = (390, 820, 1440)
HEIGHT = 900
OURS = ("file", "data", "about", "blob")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="package")
def chromium():
    """One browser for all tests of this folder."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on this machine; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """A function that opens a place in a profile of its own, and gives Playwright's page."""
    contexts, said, left = [], [], []

    def opened(place, *, width=1200, dark=False, javascript=True, quiet=True):
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: left.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        if quiet:
            page.on("console", lambda each: each.type == "error" and said.append(each.text))
        page.goto(f"file://{place}" if isinstance(place, Path) else place)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in left if _is_foreign(url)] == []
    assert said == []


def _is_foreign(url):
    parts = urlsplit(url)
    return parts.scheme not in OURS and parts.hostname not in ("127.0.0.1", "localhost")


@pytest.fixture
def photographed(tmp_path):
    """A function that keeps a page as a reader of each width and each taste sees it."""
    folder = Path(os.environ.get("BAR_EXAM_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)

    def taken(page, name, *, whole=True):
        pictures = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                picture = folder / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=picture, full_page=whole)
                pictures.append(picture)
        return pictures

    return taken


@pytest.fixture
def violations():
    """A function: what of a page is against WCAG 2.1 A and AA, each with where it is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")

    def found(page):
        results = axe.Axe().run(page, options=RULES).response
        assert "passes" in results
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in results["violations"]
            for node in each["nodes"]
        ]

    return found


@contextmanager
def typed_server(*words):
    """The first address that a command prints, while it serves; ended by Ctrl-C."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    line = [sys.executable, "-m", *map(str, words)]
    with subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as it:
        try:
            assert select.select([it.stdout], [], [], 60)[0], "it said nothing for a minute"
            yield re.search(r"http://127\.0\.0\.1:\d+/\S*", it.stdout.readline())[0]
        finally:
            it.send_signal(signal.SIGINT)
            try:
                it.wait(20)
            finally:
                it.kill()


@pytest.fixture
def served():
    """`served(folder)`: the address of a run's page, as `python -m reports.serve` says it."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(typed_server("reports.serve", folder))
