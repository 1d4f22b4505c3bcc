"""Whether a policy stood before the exam that it is to judge, as far as git can tell."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from common.provenance import git
from common.settings import validated
from models.promotion.admission.policy import Policy

ALONE = "commit it, in a commit of its own, and examine again"


def uncommitted(path: Path, policy: Policy) -> str | None:
    """Why nobody can tell whether a policy was changed meanwhile; None where a commit holds it.

    Outside a git repository nobody can, nor of a file that git ignores, and a policy that says
    `versioned = false` accepts that.

    Args:
        path: of the file.
        policy: what it says.
    """
    folder = path.parent.resolve()
    top = git(folder, "rev-parse", "--show-toplevel")
    if top is None and any((above / ".git").exists() for above in (folder, *folder.parents)):
        return f"git cannot read the repository of {path}; type `git status` there to see why"
    if top is None or _is_ignored(path):
        if policy.versioned:
            return (
                f"{path} lies in no git repository, or git ignores it, so nobody can tell whether "
                "it was changed after the exam; put it into one, or say versioned = false in it"
            )
        return None
    if _at("HEAD", path) != policy.identity:
        return f"{path} says what no commit holds; {ALONE}"
    return None


def fitted(path: Path, policy: Policy, commit: str | None, own: Sequence[Path]) -> str | None:
    """Why a policy may have been fitted to a candidate; None where nothing speaks for that.

    It must say at the exam's commit what it says now, where this repository holds that commit, and
    the last commit that changed what it says may not hold the candidate's own files too. A policy
    that was never changed was fitted to nobody.

    Args:
        path: of the file, which `uncommitted` found committed.
        policy: what it says.
        commit: that the exam ran on.
        own: the candidate's files and folders.
    """
    folder = path.parent.resolve()
    top = git(folder, "rev-parse", "--show-toplevel")
    if top is None or _is_ignored(path):
        return None
    if commit and _holds(folder, commit) and _at(commit, path) != policy.identity:
        return f"{path} is not what it was at the exam's commit {commit[:12]}; examine again"
    if git(folder, "rev-parse", "--is-shallow-repository") != "false":
        return f"the history of {path} is cut off; type `git fetch --unshallow`"
    last = _last_change(path, policy)
    if last is None:
        return None
    listed = git(folder, "diff-tree", "-r", "-m", "-z", "--no-commit-id", "--name-only", last) or ""
    both = {Path(top, name) for name in listed.split("\0") if name}
    places = [each.resolve() for each in own]
    shared = sorted(f for f in both if any(f.resolve().is_relative_to(each) for each in places))
    if not shared:
        return None
    return (
        f"{path} was last changed in commit {last[:12]}, which changed {shared[0].name} of the "
        "candidate too, so that one may be fitted to the other; change the policy in a commit of "
        "its own, and examine again"
    )


def _is_ignored(path: Path) -> bool:
    """Whether git leaves a file out; one that a commit ever held is not, whatever a rule says."""
    folder = path.parent.resolve()
    held = git(folder, "rev-list", "-n1", "HEAD", "--", path.name)
    return not held and git(folder, "check-ignore", "--", path.name) is not None


def _last_change(path: Path, policy: Policy) -> str | None:
    """The last commit that made a policy say what it says; None where it never said anything else.

    Comments say nothing: a commit that changed them alone is passed over.
    """
    folder = path.parent.resolve()
    touched = (git(folder, "rev-list", "--full-history", "HEAD", "--", path.name) or "").split()
    for commit in touched:
        before = (git(folder, "rev-parse", f"{commit}^@") or "").split()
        if policy.identity in {_at(each, path) for each in before}:
            continue
        if _at(commit, path) == policy.identity:
            never = all(_at(each, path) == policy.identity for each in touched)
            return None if never else commit
    return None


def _holds(folder: Path, commit: str) -> bool:
    """Whether a repository holds a commit: the code that examined may lie in another."""
    is_name = re.fullmatch("[0-9a-f]{40,64}", commit)
    return bool(is_name) and git(folder, "cat-file", "-t", commit) == "commit"


def _at(commit: str, path: Path) -> str | None:
    """Identity of what the policy said at a commit; None where it said nothing that can be read."""
    text = git(path.parent.resolve(), "show", f"{commit}:./{path.name}")
    if text is None:
        return None
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))
        policy: Policy = validated(str(path), values, Policy)
    except (tomllib.TOMLDecodeError, RecursionError, UserError):
        return None
    return policy.identity
