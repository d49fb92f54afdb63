"""The tmux server of this container."""

from __future__ import annotations

import asyncio
from pathlib import Path

SOCKET = Path("/run/heddle/tmux")
CONFIGURATION = Path("/opt/heddle/tmux.conf")


async def _ask(*arguments: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *("tmux", "-u", "-S", str(SOCKET), "-f", str(CONFIGURATION), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    answer, _ = await process.communicate()
    return process.returncode or 0, answer


async def start() -> None:
    """Starts the server, without a session. Terminals start it too, so that a failure here is not the end."""
    await _ask("start-server")


async def is_watched() -> bool:
    """Whether somebody looks at a terminal."""
    code, answer = await _ask("list-clients", "-F", "x")
    return code == 0 and bool(answer.strip())


async def end() -> None:
    """Ends the server with all sessions: their programs get SIGHUP."""
    await _ask("kill-server")
