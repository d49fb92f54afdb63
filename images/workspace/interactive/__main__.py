"""`python3 -m interactive DIR`: exit code 0 after a stop, 1 when no terminal could be offered."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from .journal import Journal
from .supervisor import Supervisor


async def supervise(folder: Path) -> int:
    with Journal(folder / "journal.jsonl") as journal:
        return await Supervisor(folder, journal).carry_out()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -m interactive DIR\n")
        return 2
    return asyncio.run(supervise(Path(arguments[0]).absolute()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
