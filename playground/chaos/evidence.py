"""What is really there, read past Heddle: files and commits in volumes, and what the remote has."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from playground.chaos.ledger import Held

FILE = "lines.txt"
SUBJECT = "line {number}"
SECONDS = 30.0

_SUBJECT = re.compile(r"^line (\d+)$", re.MULTILINE)
_NUMBER = re.compile(r"^(\d+)$", re.MULTILINE)
_CONFIG = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def numbers(text: str) -> frozenset[int]:
    """The numbers of whole lines; one that is still being written ends without a line feed and does not count."""
    whole = text[: text.rfind("\n") + 1]
    return frozenset(int(found) for found in _NUMBER.findall(whole))


async def in_volume(volume: Path, mirror: Path) -> Held:
    """What a workspace's volume holds: the lines of the file and the commits of all branches and of HEAD.

    Nothing where there is no repository (yet). mirror: from which the clone borrows objects.
    """
    repository = volume / "repository"
    lines = await asyncio.to_thread(_read, repository / FILE)
    borrowed = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror / "objects")}
    logged = await _git(repository, "log", "--format=%s", "--branches", "HEAD", environment=borrowed)
    return Held(numbers(lines), _commits(logged))


async def on_remote(repository: Path, refs: Iterable[str]) -> Held:
    """What refs of a bare repository hold; those that are not there hold nothing."""
    held = Held()
    for ref in refs:
        # In the file of any of the commits: what was committed once counts, whatever the newest one is.
        logged = await _git(repository, "log", "--format=%s", ref)
        shown = await _git(repository, "show", f"{ref}:{FILE}")
        held |= Held(numbers(shown), _commits(logged))
    return held


async def refs(repository: Path) -> list[str]:
    """All refs of a bare repository, hidden ones too."""
    return (await _git(repository, "for-each-ref", "--format=%(refname)")).split()


def refs_of(workspace: str, branch: str) -> list[str]:
    """Where the work of a workspace can be on the remote."""
    return [
        f"refs/heads/{branch}",
        f"refs/heddle/checkpoints/{workspace}",
        f"refs/heddle/rescue/{workspace}",
    ]


def _commits(logged: str) -> frozenset[int]:
    return frozenset(int(found) for found in _SUBJECT.findall(logged))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


async def _git(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    """What git printed, "" where it could not."""

    def run() -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *command],
                env={**os.environ, **_CONFIG, **(environment or {})},
                capture_output=True,
                check=False,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode(errors="replace")

    return await asyncio.to_thread(run)
