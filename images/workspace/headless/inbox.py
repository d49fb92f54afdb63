"""The folder in which Heddle puts messages for the running session."""

from __future__ import annotations

import json
import time
from pathlib import Path

from .run import Message

PATIENCE = 5.0  # seconds that a file may take to be written before the ones after it go first


class Inbox:
    """Messages in the order of their file names, each handed out once."""

    def __init__(self, folder: Path, delivered: frozenset[str] = frozenset()) -> None:
        self._open = folder / "inbox"
        self._closed = folder / "inbox.closed"
        self._delivered = delivered
        self._taken: set[str] = set()

    def take(self) -> list[Message]:
        """The messages that are new since the last call; the files stay where they are."""
        messages: list[Message] = []
        for path in self._files():
            message = _message(path)
            if message is None:
                if time.time() - path.stat().st_mtime < PATIENCE:
                    break  # half written: it keeps its place in the order
                continue
            self._taken.add(path.name)
            if message.id not in self._delivered:
                messages.append(message)
        return messages

    def close(self) -> None:
        """From here on Heddle can't add messages; those that it had added are still to be taken."""
        if self._open.is_dir() and not self._closed.exists():
            self._open.rename(self._closed)

    def reopen(self) -> None:
        """Claude is started once more, after its container died: it takes messages again."""
        if self._closed.is_dir() and not self._open.exists():
            self._closed.rename(self._open)

    def _files(self) -> list[Path]:
        found = [
            path
            for folder in (self._closed, self._open)
            if folder.is_dir()
            for path in folder.glob("*.json")
            if path.name not in self._taken
        ]
        return sorted(found, key=lambda path: path.name)


def _message(path: Path) -> Message | None:
    try:
        entry = json.loads(path.read_bytes())
        return Message(str(entry["id"]), str(entry["text"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
