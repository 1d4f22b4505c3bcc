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


def provenance(root: Path = ROOT) -> dict[str, Any]:
    """Commit and dirty flag of the code at `root`, package versions, and the machine.

    Without git there is no commit, and the flag is True: nobody knows what was run.
    """
    return {
        "commit": _git(root, "rev-parse", "HEAD"),
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
    found = _git(root, "rev-parse", "HEAD")
    return f"{found}-dirty" if found and _is_dirty(root) else found


def uncommitted(folder: Path) -> int:
    """Files of a folder that no commit holds as they are; 0 outside git."""
    return len((_git(folder, "status", "--porcelain", "-uall", "--", ".") or "").splitlines())


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
    """Whether code differs from the commit, a new module included: it is imported as well.

    What is examined (registry, adapters, data, gate) has digests of its own, and does not make the
    code dirty.
    """
    return _git(root, "status", "--porcelain", "--", *CODE) != ""


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
