"""What a comment says: the page of a job summary, below a line by which it is found again."""

from collections.abc import Mapping

from common.identity import digest
from reports.markdown.markdown import markdown
from reports.report import Report
from reports.views.compared import candidates


def marker_of(report: Report) -> str:
    """The first line, which no reader sees: the same for each exam of these models by this gate."""
    header = report.header
    key = digest(
        "comment", header.dataset.name, header.dataset.sealed, header.gate.file, candidates(report)
    )
    return f"<!-- bar-exam {key[:32]} -->"


def body_of(report: Report, environ: Mapping[str, str], *, quotes: bool) -> str:
    """The whole comment.

    Args:
        report: as it was read.
        environ: of a CI job, which the comment links to.
        quotes: whether words may stand in it that name or quote contracts.
    """
    page = markdown(report, quotes=quotes)
    job = _job(environ)
    told = f"\nThe whole report is with [the job that examined]({job}).\n" if job else ""
    return f"{marker_of(report)}\n{page}{told}"


def _job(environ: Mapping[str, str]) -> str:
    """Address of the job, where it is one."""
    server, run = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_RUN_ID", "")
    url = f"{server}/{environ.get('GITHUB_REPOSITORY')}/actions/runs/{run}" if run else ""
    url = url or environ.get("CI_JOB_URL", "")
    plain = url.startswith(("https://", "http://")) and not set(url) & set("()<> \n\t\"'`")
    return url if plain else ""
