"""Where a result comes from: commit, versions, machine. For reports and for manifests alike."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from common.paths import ROOT

PACKAGES = (
    "bar-exam",
    "torch", "transformers", "peft", "trl", "chromadb", "bm25s", "langchain-text-splitters",
    "openai", "scikit-learn", "scipy", "numpy", "pytest",
)  # fmt: skip

CODE = ("*.py", "pyproject.toml", "requirements*", ":(exclude)tests")
"""What runs: in a commit as it is, a new module included, since it is imported as well."""

DATA = ("evals", "fixtures", ":(exclude)*.toml", ":(exclude)fixtures/data/sample")
"""What else moves numbers in a checkout of the product, such as word weights and labelled pairs."""

MISLEADING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
)  # fmt: skip
"""Variables that make git speak of another repository than that of a folder."""


def provenance(root: Path = ROOT) -> dict[str, Any]:
    """Commit and dirty flag of the code at `root`, package versions, and the machine.

    Without git there is no commit, and the flag is True: nobody knows what was run.
    """
    return {
        "commit": git(root, "rev-parse", "HEAD"),
        "dirty": _is_dirty(root),
        "python": platform.python_version(),
        "packages": versions(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def commit(root: Path = ROOT) -> str | None:
    """The commit of the code, with `-dirty` where the code differs; None outside git.

    A container that holds no repository is told in BAR_EXAM_COMMIT.
    """
    told = os.environ.get("BAR_EXAM_COMMIT")
    if told:
        return told
    found = git(root, "rev-parse", "HEAD")
    return f"{found}-dirty" if found and _is_dirty(root) else found


def uncommitted(folder: Path) -> int:
    """Files of a folder that no commit holds as they are; 0 outside git."""
    return len((git(folder, "status", "--porcelain", "-uall", "--", ".") or "").splitlines())


def versions() -> dict[str, str]:
    """Versions of the packages that move numbers, of those that are installed."""
    return {name: found for name in PACKAGES if (found := _version(name))}


def usable_cores() -> int | None:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _is_dirty(root: Path) -> bool:
    """Whether code differs from the commit, as far as no digest of its own tells.

    Registry, adapters, manifests, gate, ledger and data sets are known by digests: they may be new
    or changed, and do not make the code dirty. A file that the index was told to overlook does.
    """
    changed = git(root, "status", "--porcelain", "--untracked-files=all", "--", *CODE)
    data: str | None = ""
    if root.resolve() == ROOT:
        data = git(root, "status", "--porcelain", "--untracked-files=no", "--", *DATA)
    listed = git(root, "ls-files", "-v", "--", *CODE)
    overlooked = any(line[0] == "S" or line[0].islower() for line in (listed or "").splitlines())
    return changed != "" or data != "" or overlooked


def git(root: Path, *words: str) -> str | None:
    """What git says of the repository of a folder; None where there is none, or git fails."""
    environ = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    try:
        done = subprocess.run(
            ["git", "--no-replace-objects", "-C", str(root), *words],
            capture_output=True, encoding="utf-8", errors="surrogateescape", check=True, timeout=20,
            env=environ,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
