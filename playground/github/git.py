"""git itself, on one bare repository: every call is a process of its own, awaited, its output bounded."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes of output that a call may return unless it says otherwise."""

_CHUNK = 64 * 1024


class GitFailed(Exception):
    """git ended with another exit code than 0. `code` and `stderr` say how."""

    def __init__(self, arguments: Sequence[str], code: int, stderr: str) -> None:
        super().__init__(f"git {' '.join(arguments)} ended with {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for git: nothing of the user's own configuration, no questions on a terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **(extra or {}),
    }


async def stop(process: asyncio.subprocess.Process) -> None:
    """Kill a process of ours, if it still lives, and wait for its end."""
    if process.returncode is None:
        # With all that it has started: whoever of them lives on holds the pipes, and waiting would not end.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


class Git:
    """git on one bare repository. `path` need not exist before `initialise`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        limit: int = OUTPUT_LIMIT,
    ) -> bytes:
        """Standard output of `git ARGUMENTS`, at most `limit` bytes of it (what comes after is not waited for).

        Raises GitFailed when git says no, unless its output was cut off.
        """
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(self.path),
            *arguments,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(env),
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        feeding = asyncio.create_task(_feed(process, stdin))
        complaining = asyncio.create_task(process.stderr.read())
        try:
            output = bytearray()
            while len(output) < limit and (chunk := await process.stdout.read(_CHUNK)):
                output += chunk
            if len(output) >= limit:
                return bytes(output[:limit])
            await feeding
            stderr = (await complaining).decode(errors="replace")
            code = await process.wait()
        finally:
            feeding.cancel()
            complaining.cancel()
            await stop(process)
            await asyncio.gather(feeding, complaining, return_exceptions=True)
        if code != 0:
            raise GitFailed(arguments, code, stderr)
        return bytes(output)

    async def text(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Standard output as text, without the white space around it."""
        return (await self.run(*arguments, env=env)).decode(errors="replace").strip()

    async def initialise(self, default_branch: str) -> None:
        """Make the empty bare repository, with what GitHub allows its clients."""
        await asyncio.to_thread(self.path.mkdir, parents=True)
        await self.run("init", "--quiet", "--bare", f"--initial-branch={default_branch}")
        settings = {
            "gc.auto": "0",
            "http.receivepack": "true",
            "receive.hideRefs": "refs/pull",
            "receive.advertisePushOptions": "true",
            "uploadpack.allowFilter": "true",
            "uploadpack.allowAnySHA1InWant": "true",
        }
        for name, value in settings.items():
            await self.run("config", name, value)

    async def sha(self, revision: str) -> str | None:
        """The commit that a branch, tag, full ref or SHA names; None when there is none."""
        try:
            return await self.text(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            )
        except GitFailed:
            return None

    async def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Full ref name to SHA, of every ref below `prefix`, in name order."""
        output = await self.text("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        pairs = (line.split(" ", 1) for line in output.splitlines())
        return dict(pair for pair in pairs if len(pair) == 2)

    async def update_ref(self, ref: str, new: str, old: str | None = None) -> None:
        """Point a ref at a commit; with `old`, only if it still is there (40 zeros: only if it is new)."""
        await self.run("update-ref", ref, new, *([old] if old is not None else []))

    async def delete_ref(self, ref: str) -> None:
        await self.run("update-ref", "-d", ref)

    async def is_ancestor(self, older: str, newer: str) -> bool:
        try:
            await self.run("merge-base", "--is-ancestor", older, newer)
        except GitFailed as failure:
            if failure.code == 1:
                return False
            raise
        return True


async def _feed(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if data is None or process.stdin is None:
        return
    try:
        process.stdin.write(data)
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # git read as much as it wanted
    finally:
        process.stdin.close()
