"""Running the docker and git command lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

LONGEST = 60.0  # seconds for one command; a bench that waits longer measures nothing


class CommandFailed(Exception):
    """`str()` is the command and what it said last."""


async def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What the command printed. Raises CommandFailed, also after LONGEST seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST):
            output, errors = await process.communicate()
    except TimeoutError:
        raise CommandFailed(f"{' '.join(command)}: not done within {LONGEST:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = (errors or output).decode(errors="replace").strip()[-2000:]
        raise CommandFailed(f"{' '.join(command)}: {said or f'exit code {process.returncode}'}")
    return output.decode(errors="replace")


async def timed(*command: str, environment: Mapping[str, str] | None = None) -> float:
    """Seconds that the command took. Raises CommandFailed."""
    began = time.monotonic()
    await run(*command, environment=environment)
    return time.monotonic() - began
