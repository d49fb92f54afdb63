"""The folders of logs and attachments."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from orchestrator.cleaning.holdings import Stored
from orchestrator.cleaning.sizes import size_of

_LOG = re.compile(r"([0-9A-Za-z_-]{1,100})\.log")
_MESSAGE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


class Stores:
    """Logs of runs, and what people attached to their messages. What has another name is not touched."""

    def __init__(self, logs: Path, attachments: Path) -> None:
        self._logs = logs
        self._attachments = attachments

    async def logs(self, live: Collection[str], ended: Mapping[str, float]) -> tuple[Stored, ...]:
        """live: the ids of runs that have not ended; ended: when others did."""
        return await asyncio.to_thread(_stored, self._logs, _LOG, live, ended)

    async def attachments(self, wanted: Collection[str], used: Mapping[str, float]) -> tuple[Stored, ...]:
        """wanted: the ids of messages that something needs; used: when others were last of use."""
        return await asyncio.to_thread(_stored, self._attachments, _MESSAGE, wanted, used)

    async def remove_log(self, name: str) -> bool:
        return await asyncio.to_thread(_remove, self._logs, name, _LOG)

    async def remove_attachment(self, name: str) -> bool:
        return await asyncio.to_thread(_remove, self._attachments, name, _MESSAGE)


def _stored(
    folder: Path, pattern: re.Pattern[str], live: Collection[str], ends: Mapping[str, float]
) -> tuple[Stored, ...]:
    found = []
    for path in sorted(folder.glob("*")):
        match = pattern.fullmatch(path.name)
        if match is None or path.is_symlink():
            continue
        identity = match[match.lastindex or 0]
        try:
            at = max(path.stat().st_mtime, ends.get(identity, 0.0))
        except OSError:  # gone meanwhile
            continue
        found.append(Stored(path.name, size_of(path), at, identity in live))
    return tuple(found)


def _remove(folder: Path, name: str, pattern: re.Pattern[str]) -> bool:
    if pattern.fullmatch(name) is None:
        return False
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    there = path.exists()
    path.unlink(missing_ok=True)
    return there
