"""`python3 -m interactive.git_cli check|rescue REF|checkpoint REF|summary`: one JSON object on standard output.

--workspace DIR: the volume, /workspace unless it is given. --also REF…: refs of the remote whose commits count as being
there, `refs/pull/7/head` for example; not with `summary`.

check: {"answered", "uncommitted", "more", "loose": [{"where", "commits", "subjects"}], "reason"}.
rescue: {"head", "ref", "left", "reason"}; see rescue.py for what they mean.
checkpoint: {"head", "stale", "unchanged", "left", "reason"}; see checkpoint.py.
summary: {"commits", "more", "files", "insertions", "deletions", "head", "pushed", "reason"}.
The exit code is 0 whenever there is an answer, also when it is that git could not say.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import order

WORKSPACE = Path("/workspace")
NO_ORDER = "The workspace's order can't be read: {error}"


async def answer(words: argparse.Namespace) -> dict[str, object]:
    """What the command says. Each is imported only when it is asked for: people wait."""
    try:
        run = order.read(words.workspace.absolute() / "interactive")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = NO_ORDER.format(error=error)
        nothing = {"uncommitted": [], "more": 0, "loose": [], "head": "", "unchanged": False, "left": []}
        return {"answered": False, **nothing, "reason": reason}
    match words.command:
        case "check":
            from .work import check

            return await check(run, words.also)
        case "rescue":
            from .rescue import rescue

            return await rescue(run, words.ref, words.also)
        case "checkpoint":
            from .checkpoint import checkpoint, stand_back

            stand_back()
            return await checkpoint(run, words.ref, words.also)
        case _:
            from .summary import summary

            return await summary(run)


def plain(value: object) -> object:
    """The same without surrogates: names and messages may be in any encoding, JSON is in one."""
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m interactive.git_cli")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--workspace", type=Path, default=WORKSPACE)
    commands = parser.add_subparsers(dest="command", required=True)
    more = argparse.ArgumentParser(add_help=False)
    more.add_argument("--also", nargs="+", default=[], metavar="REF")
    commands.add_parser("check", parents=[common, more])
    commands.add_parser("rescue", parents=[common, more]).add_argument("ref")
    commands.add_parser("checkpoint", parents=[common, more]).add_argument("ref")
    commands.add_parser("summary", parents=[common])
    result = asyncio.run(answer(parser.parse_args(arguments)))
    sys.stdout.write(json.dumps(plain(result)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
