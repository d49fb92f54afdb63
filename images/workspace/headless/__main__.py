"""`python3 -m headless RUN_DIR`: exit code 0 once the journal is complete, whatever became of the run."""

from __future__ import annotations

import asyncio
import sys
import traceback
from pathlib import Path

from .driver import Driver
from .journal import Journal, Phase, Reason, read_past
from .run import Run
from .stop import Stop, is_wished


async def carry_out(folder: Path) -> None:
    path = folder / "stdout.jsonl"
    past = read_past(path)
    wished = is_wished(folder)
    if past.finished and (wished or not past.stopped):
        return  # one that was only interrupted goes on: who starts it again wants that
    with Journal(path) as journal:
        stop = Stop(already=wished)
        stop.listen(lambda: journal.event("stop"))
        if past.begun:
            journal.event("restart")
        if wished:
            journal.event("stop")
        try:
            run = Run.read(folder)
        except (OSError, ValueError, KeyError, TypeError):
            journal.failed(Phase.CLONE, Reason.INTERNAL, traceback.format_exc())
            journal.event(
                "finished",
                head="",
                base="",
                branch="",
                commits=0,
                files=0,
                insertions=0,
                deletions=0,
                pushed=False,
            )
            return
        await Driver(run, journal, stop, past).carry_out()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -m headless RUN_DIR\n")
        return 2
    asyncio.run(carry_out(Path(arguments[0]).absolute()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
