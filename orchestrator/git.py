"""git on Heddle's own side: a subprocess with a token that no command line and no file ever holds."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from contextlib import suppress
from pathlib import Path

TIMEOUT_SECONDS = 600.0
OUTPUT_BYTES = 64 * 1024


class GitError(Exception):
    """git failed. `output` is what it said, last lines last."""

    def __init__(self, output: str) -> None:
        super().__init__(output.strip().splitlines()[-1] if output.strip() else "git failed")
        self.output = output


async def git(*arguments: str, cwd: Path | None = None, url: str = "", token: str | None = None) -> str:
    """Run git and return what it printed.

    The token goes along with requests to `url` only, by git's configuration in the environment
    (git-config, GIT_CONFIG_COUNT), where no other user can read it. Raises GitError.
    """
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        cwd=cwd,
        env=_environment(url, token),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        await _end(process)
        raise GitError(f"git did not finish within {TIMEOUT_SECONDS:.0f} s") from None
    except BaseException:
        await _end(process)
        raise
    if process.returncode != 0:
        raise GitError(errors[-OUTPUT_BYTES:].decode(errors="replace"))
    return output.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """All of it, also where git itself has ended: a helper of its that lives on holds the pipes, and they are closed at
    the end of what they bring only."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()


def _environment(url: str, token: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_CONFIG")}
    environment = kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "LC_ALL": "C.UTF-8"}
    if token:
        credential = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credential}",
        }
    return environment
