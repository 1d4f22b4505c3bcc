"""Where a result comes from: code, versions, machine."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "transformers", "peft", "chromadb", "bm25s", "langchain-text-splitters", "openai",
    "scikit-learn", "scipy", "numpy", "pytest",
)  # fmt: skip

CODE = ("*.py", "pyproject.toml", "requirements*", ":(exclude)tests")


def provenance(root: Path) -> dict[str, Any]:
    """Commit and dirty flag of the code at `root`, package versions, and the machine.

    What is examined (registry, adapters, data, gate) has digests of its own, and does not make the
    code dirty. Without git there is no commit, and the flag is True: nobody knows what was run.
    """
    return {
        "commit": _git(root, "rev-parse", "HEAD"),
        "dirty": _git(root, "status", "--porcelain", "--", *CODE) != "",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


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


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
