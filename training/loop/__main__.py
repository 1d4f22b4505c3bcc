"""`python -m training.loop`: watch, train, examine, promote, and round again.

    python -m training.loop run loop.toml      what is next, until it waits or is done
    python -m training.loop status             where it stands, what it would do next, and why

Each step is a command of the house. Exit codes of `run`: 0 nothing to do, or promoted; 1 a round
ended without; 3 a person has to approve, or another `run` is at work; 4 a mistake.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from common.command import one_line
from common.command import run as run_command
from common.errors import UserError
from common.files import private_folder, write_whole
from common.identity import file_digest
from common.locks import locked
from common.paths import cuad_dir
from common.redaction import outward
from common.storable import presentable
from fixtures.datasets import load_dataset, seals_beside
from models.promotion.champion import read_champion
from models.promotion.refused import RefusedError
from training.loop.approval import WaitsError
from training.loop.journal import Round, read_rounds
from training.loop.lineage import lineage, mermaid, tree
from training.loop.options import POLICY, LoopOptions, read_options
from training.loop.policy import LoopPolicy, no_policy, read_policy
from training.loop.rounds import PROMOTED, Loop, abandoned, begin, go_on, upcoming
from training.loop.sifting import sift, write_sifted
from training.loop.standing import Standing, lines_of, standing
from training.loop.triggers import Seen, Trigger, train_contracts, triggers

STOPPED = "stopped; the same line goes on from here"
LOCK = ".lock"


def main(argv: list[str] | None = None) -> int:
    """Do what was typed; returns the exit code."""
    return run_command(read_options, _do, argv, stopped=STOPPED)


def _do(options: LoopOptions) -> int:
    if options.cuad_dir:
        os.environ["CUAD_DIR"] = str(options.cuad_dir.resolve())
    try:
        return _COMMANDS[options.command](options)
    except WaitsError as error:
        print(one_line(error))
        return 3
    except RefusedError as error:
        print(f"REFUSED: {one_line(error)}", file=sys.stderr)
        return 1


def _loop(options: LoopOptions) -> Loop:
    return Loop(read_policy(options.policy), options.policy, options.state)


def _run(options: LoopOptions) -> int:
    loop = _loop(options)
    if options.dry_run:
        return _plan(options)
    try:
        private_folder(loop.state)
    except OSError as error:
        raise UserError(f"{loop.state} cannot be made: {error.strerror}; mend that") from error
    with locked(loop.state / LOCK, _busy):
        rounds = read_rounds(loop.state)
        last = rounds[-1] if rounds else None
        if options.abandon:
            if last is None or last.ended is not None:
                raise UserError("--abandon: no round is open")
            return _told(abandoned(loop, last, one_line(UserError(options.abandon))))
        seen = _seen(loop.policy, last)
        if last is None or last.ended is not None:
            last = _begun(loop, rounds, seen, options.start)
            if last is None:
                return 0
        else:
            _noted(options, last)
        return _told(go_on(loop, last, seen.dataset, _say))


def _noted(options: LoopOptions, open_: Round) -> None:
    """Say what whoever typed the line may not expect of a round that goes on."""
    if options.start:
        _say(f"--start begins no other round: {open_.number} is open, and goes on")
    if file_digest(options.policy) != open_.policy:
        edited = f"{options.policy} was edited since round {open_.number} began"
        _say(f"{edited}; whatever that changes is done again")


def _busy() -> None:
    raise WaitsError("another `python -m training.loop run` is at work; `status` says at what")


def _begun(loop: Loop, rounds: tuple[Round, ...], seen: Seen, start: str | None) -> Round | None:
    if start:
        why = [one_line(UserError(outward(start)))]
    else:
        found = triggers(loop.policy, rounds, seen, time.time())
        why = [each.why for each in found if each.due]
        if not why:
            _say("nothing to do: " + ("; ".join(each.why for each in found) or "nothing is asked"))
            return None
    round_ = begin(loop, rounds, seen, why)
    _say(f"round {round_.number} begins: {'; '.join(why)}")
    asked = loop.policy.sft and loop.policy.sft.start == "champion"
    champion = read_champion(loop.policy.models)
    if asked and champion and not round_.champion:
        _say(f"{champion.model}, which is in service, is no adapter: SFT starts from the base")
    return round_


def _told(round_: Round) -> int:
    champion = "" if round_.outcome == PROMOTED else "; the champion stays"
    _say(f"round {round_.number} ended: {round_.outcome}: {round_.reason}{champion}")
    return 0 if round_.outcome == PROMOTED else 1


def _seen(policy: LoopPolicy, last: Round | None = None) -> Seen:
    try:
        dataset = load_dataset(policy.dataset, seals=seals_beside(policy.registry))
    except UserError as error:
        if last is None or last.ended is not None:
            raise
        raise UserError(
            f"round {last.number} has lost its data: {error}; restore them and type the same line "
            'again, or end the round with --abandon "REASON"; the champion stays'
        ) from error
    sifted = sift(policy.feedback, dataset)
    if policy.feedback and (sifted.refused or sifted.faults):
        _say(sifted.line)
    return Seen(dataset.identity, train_contracts(dataset), sifted)


def _standing(options: LoopOptions) -> tuple[Loop, Standing, Round]:
    """Where the loop stands, and the round that is open, or would begin now."""
    loop = _loop(options)
    rounds = read_rounds(loop.state)
    last = rounds[-1] if rounds else None
    found: tuple[Trigger, ...] = ()
    if last is not None and last.ended is None:
        coming = last
    else:
        seen = _seen(loop.policy)
        found = triggers(loop.policy, rounds, seen, time.time(), watch=False)
        coming = upcoming(loop, rounds, seen)
    champion = read_champion(loop.policy.models)
    stands = standing(loop, last, coming, found, champion.model if champion else "")
    return loop, stands, coming


def _status(options: LoopOptions) -> int:
    _, stands, _ = _standing(options)
    if options.json:
        print(json.dumps(stands.json))
    else:
        _show(lines_of(stands))
    return 0


def _plan(options: LoopOptions) -> int:
    loop, stands, round_ = _standing(options)
    steps = loop.steps(round_)
    if options.json:
        lines = [{"step": each.name, "line": each.line} for each in steps]
        print(json.dumps(stands.json | {"steps": lines}))
        return 0
    _show(lines_of(stands))
    print(f"round {round_.number}, step by step:")
    done = {name for name, made in round_.steps.items() if made.code is not None}
    _show(f"  {'done' if each.name in done else 'to do'}: {each.line}" for each in steps)
    return 0


def _lineage(options: LoopOptions) -> int:
    without = options.policy == POLICY and not POLICY.exists()
    loop = Loop(no_policy(), POLICY, options.state) if without else _loop(options)
    node = lineage(loop, options.model)
    _show(mermaid(node) if options.mermaid else tree(node))
    return 0


def _sift(options: LoopOptions) -> int:
    missing = [path for path in options.files if not path.exists()]
    if len(missing) == len(options.files):
        raise UserError(f"{missing[0]}: no such file or folder of feedback")
    for path in missing:
        _say(f"{path} is not there, and counts as empty")
    sifted = sift(options.files, load_dataset(options.dataset))
    write_sifted(options.output, sifted)
    _say(f"{options.output}: {sifted.line}")
    return 0


def _demo(options: LoopOptions) -> int:
    from training.loop.demo.acts import play
    from training.loop.demo.figures import notebook, page, write_page
    from training.loop.demo.place import Place, prepare
    from training.loop.demo.sizes import SMALL, WHOLE

    place = Place(options.work.resolve(), SMALL if options.small else WHOLE)
    prepare(place, Path(os.environ.get("CUAD_DIR") or cuad_dir()))
    played = play(place)
    text = page(place, played)
    if options.page:
        write_page(options.page, text)
    if options.notebook:
        write_whole(options.notebook, notebook(place, played))
    print(f"\n{text}")
    return 0


def _show(lines: Iterable[str]) -> None:
    """Lines that a file may have made, without what a terminal would obey."""
    for line in lines:
        print(presentable(line).replace("\n", " "))


def _say(line: str) -> None:
    print(line, flush=True)


_COMMANDS = {
    "run": _run,
    "status": _status,
    "plan": _plan,
    "lineage": _lineage,
    "sift": _sift,
    "demo": _demo,
}

if __name__ == "__main__":
    sys.exit(main())
