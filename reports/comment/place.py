"""Where a comment belongs: which pull or merge request, at which server, in whose name."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from common.errors import UserError
from common.reading import file_text
from common.redaction import keep_secret, keep_secrets_of

GITHUB = "https://api.github.com"
TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
PULL = re.compile(r"refs/pull/(\d+)/")
PATIENCE = 20.0
"""Seconds that `gh` is given."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pull request of GitHub, or a merge request of GitLab.

    Attributes:
        forge: which of the two.
        api: address of its interface, without a slash at the end.
        project: `owner/name`, or GitLab's number of the project.
        number: of the request.
        headers: that say who asks.
        token: where the token was found, for error lines.
    """

    forge: Literal["github", "gitlab"]
    api: str
    project: str
    number: int
    headers: Mapping[str, str]
    token: str

    @property
    def name(self) -> str:
        """What error lines call it."""
        return f"{self.project}{'#' if self.forge == 'github' else '!'}{self.number}"

    @property
    def comments(self) -> str:
        """Address of the request's comments."""
        if self.forge == "github":
            return f"{self.api}/repos/{self.project}/issues/{self.number}/comments"
        return f"{self.api}/projects/{self.project}/merge_requests/{self.number}/notes"

    def comment(self, number: int) -> str:
        """Address of one of them."""
        if self.forge == "github":
            return f"{self.api}/repos/{self.project}/issues/comments/{number}"
        return f"{self.comments}/{number}"


def find_place(number: int | None, environ: Mapping[str, str]) -> Place:
    """The place that a CI job, or else `gh`, tells of.

    Args:
        number: of the request, if it was typed.
        environ: of the job.

    Raises:
        UserError: one of repository, number and token is told by nobody.
    """
    if "CI_API_V4_URL" in environ and "GITHUB_API_URL" not in environ:
        return _gitlab(number, environ)
    return _github(number, environ)


def _github(number: int | None, environ: Mapping[str, str]) -> Place:
    repository = environ.get("GITHUB_REPOSITORY") or _gh(
        "repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner"
    )
    if not REPOSITORY.fullmatch(repository):
        raise UserError(
            f"of which repository is the pull request? GITHUB_REPOSITORY={repository!r} is no "
            "OWNER/NAME; set it, or install gh and type `gh auth login`"
        )
    number = number or _of_event(environ) or _of_branch()
    name = next((each for each in TOKENS if environ.get(each)), "gh auth token")
    token = (environ.get(name) or _gh("auth", "token")).strip()
    if not token:
        raise UserError(
            "nobody says who comments: set GITHUB_TOKEN (in a workflow: `env: GITHUB_TOKEN: "
            "${{ github.token }}`), or install gh and type `gh auth login`"
        )
    headers = {
        "Authorization": f"Bearer {_usable(token, name)}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    api = _address(environ.get("GITHUB_API_URL") or GITHUB, "GITHUB_API_URL")
    return Place("github", api, repository, number, headers, name)


def _gitlab(number: int | None, environ: Mapping[str, str]) -> Place:
    # In the pipeline of a fork the request is of another project than the job.
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    if not project:
        raise UserError("CI_PROJECT_ID is not set: of which project is the merge request?")
    told = environ.get("CI_MERGE_REQUEST_IID", "")
    if number is None and not told.isdecimal():
        raise UserError(
            "CI_MERGE_REQUEST_IID is not set: this is no pipeline of a merge request (rules: if: "
            "$CI_PIPELINE_SOURCE == 'merge_request_event'), or type --pr N"
        )
    token = environ.get("GITLAB_TOKEN", "").strip()
    if not token:
        raise UserError(
            "GITLAB_TOKEN is not set: make a project access token of scope `api`, and a masked "
            "variable of that name (CI_JOB_TOKEN may not write notes)"
        )
    headers = {"PRIVATE-TOKEN": _usable(token, "GITLAB_TOKEN")}
    api = _address(environ["CI_API_V4_URL"], "CI_API_V4_URL")
    return Place(
        "gitlab", api, quote(project, safe=""), number or int(told), headers, "GITLAB_TOKEN"
    )


def _address(url: str, variable: str) -> str:
    bare = keep_secrets_of(url).bare.rstrip("/")
    if not bare.startswith(("http://", "https://")):
        raise UserError(f"{variable}={url} is no address of a server; it begins with https://")
    return bare


def _usable(token: str, name: str) -> str:
    keep_secret(token)
    if not (token.isascii() and token.isprintable()):
        raise UserError(f"{name} holds no token: it has characters that no header can carry")
    return token


def _of_event(environ: Mapping[str, str]) -> int | None:
    """The number in the file that describes what set the job off, or in the name of its ref."""
    path = environ.get("GITHUB_EVENT_PATH")
    if path:
        try:
            event = json.loads(file_text(Path(path)))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(
                f"GITHUB_EVENT_PATH={path} cannot be read ({error}); type --pr N"
            ) from error
        event = event if isinstance(event, dict) else {}
        for of in (event.get("pull_request"), event.get("issue"), event):
            if isinstance(of, dict) and isinstance(of.get("number"), int):
                return int(of["number"])
    found = PULL.match(environ.get("GITHUB_REF", ""))
    return int(found[1]) if found else None


def _of_branch() -> int:
    """The pull request of the branch that is checked out, as `gh` knows."""
    said = _gh("pr", "view", "--json", "number", "--jq", ".number")
    if not said.isdecimal():
        raise UserError(
            "which pull request? The job was set off by none; type --pr N, or check out its branch"
        )
    return int(said)


def _gh(*words: str) -> str:
    """What `gh` prints; nothing where it is not installed, not signed in, or knows nothing."""
    program = shutil.which("gh")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
