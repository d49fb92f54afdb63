"""`python3 -m interactive DIR [GO]`: exit code 0 after a stop, 1 when no terminal could be offered.

GO: the name of a file in DIR; nothing in there is read before it is there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from .journal import Journal
from .supervisor import Supervisor


async def supervise(folder: Path, go: str | None) -> int:
    with Journal(folder / "journal.jsonl") as journal:
        return await Supervisor(folder, journal, folder / go if go else None).carry_out()


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python3 -m interactive DIR [GO]\n")
        return 2
    folder = Path(arguments[0]).absolute()
    folder.mkdir(exist_ok=True)
    return asyncio.run(supervise(folder, arguments[1] if arguments[1:] else None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
