"""The champion in service: `python -m models.serve`, on 127.0.0.1, in OpenAI's protocol.

It watches champion.toml: what is promoted or rolled back answers from then on. Not a replacement
for vLLM: docs/serving.md says what it is for.
"""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from common.command import Parser, choice, one_line, run
from common.errors import UserError
from common.local_server import HERE, listen, serve
from common.paths import cache_dir
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions, retriever_kinds
from fixtures.served import FOLDER, INDEX, read_served
from models.promotion.refused import RefusedError
from models.registry import SHIPPED as REGISTRY
from models.serve.access import guard_of
from models.serve.application import application
from models.serve.log import Log
from models.serve.roster import Roster
from models.serve.service import Service
from models.serve.split import share_of
from models.serve.waves import Waves


def main(argv: list[str] | None = None) -> int:
    """Serve the champion until Ctrl-C or TERM; exits with 1 where it is not what was promoted."""
    return run(_parser().parse_args, _serve, argv, stopped="no longer served", code=0)


def _parser() -> Parser:
    parser = Parser(prog="python -m models.serve", description=main.__doc__)
    exam = RetrieverOptions()
    add = parser.add_argument
    add("--port", type=int, default=8000, metavar="N", help="0 takes any that is free (8000)")
    add("--host", default=HERE, metavar="ADDRESS", help=f"another needs --api-key-env ({HERE})")
    add("--api-key-env", metavar="NAME", help="the variable that holds the key to ask with")
    add("--folder", type=Path, metavar="DIR", help="of champion.toml (beside the registry)")
    add("--registry", type=Path, default=REGISTRY, metavar="DIR", help="whose models are served")
    add("--served", type=Path, default=FOLDER, metavar="DIR", help=f"the log ({FOLDER})")
    tried = parser.add_mutually_exclusive_group().add_argument
    tried("--split", type=partial(share_of, "split"), metavar="NAME=SHARE",
          help="give this share of requests the answer of a candidate")  # fmt: skip
    tried("--shadow", type=partial(share_of, "shadow"), metavar="NAME[=SHARE]",
          help="ask a candidate too, and give the champion's answer")  # fmt: skip
    add("--watch", type=_seconds, default=2.0, metavar="S", help="looks at champion.toml (2)")
    add("--at-once", type=_count, default=32, metavar="N", help="requests of a batch (32)")
    add("--queue", type=_count, default=256, metavar="N", help="that wait; more get 429 (256)")
    add("--grace", type=_seconds, default=60.0, metavar="S",
        help="for requests that are under way when it ends (60)")  # fmt: skip
    add("--retriever", type=choice(*retriever_kinds()), default=exam.kind,
        help=f"of contracts that are sent whole ({exam.kind})")  # fmt: skip
    add("--k", type=_count, default=exam.k, metavar="N", help=f"passages of these ({exam.k})")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 1 or more")
    return count


def _serve(given: argparse.Namespace) -> int:
    if given.served.exists() and not given.served.is_dir():
        raise UserError(f"--served {given.served}: that is a file; give a folder for the log")
    guard = guard_of(given.host, given.api_key_env)
    retriever = Retriever(
        RetrieverOptions(kind=given.retriever, k=given.k), INDEX, cache_dir() / INDEX
    )
    roster = Roster(
        given.folder or given.registry.parent, given.registry, given.split or given.shadow
    )
    waves = Waves(given.at_once, given.queue)
    service = Service(roster, Log(given.served), retriever, waves)
    with listen(given.port, given.host) as listening:
        try:
            asyncio.run(roster.start())
        except RefusedError as error:
            print(f"REFUSED: {one_line(error)}", file=sys.stderr)
            return 1
        _warn(roster, given.served)
        place = f"http://{given.host}:{listening.getsockname()[1]}"
        tried = f", {roster.split}" if roster.split else ""
        print(f"{roster.champion.name}{tried}: {place}/v1 (Ctrl-C ends it)", flush=True)
        serve(application(service, given.watch, given.grace), listening, guard, given.grace)
    return 0


def _warn(roster: Roster, folder: Path) -> None:
    """Say where rows of another split stand in the log of the last day: these are judged apart."""
    days = sorted(folder.glob("????-??-??.jsonl")) if folder.is_dir() else []
    if not days or not roster.split:
        return
    try:
        splits = {row.split for row in read_served(days[-1:], folder) if row.split} - {
            roster.split_digest
        }
    except UserError as error:
        print(f"{days[-1]}: {one_line(error)}", file=sys.stderr)
        return
    if splits:
        print(
            f"{days[-1]} holds requests of another split than {roster.split}: "
            "`python -m reports.compare --served` judges each apart",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
