"""stdout.jsonl: Claude Code's lines byte for byte, and the driver's own whole lines between them."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

OUTPUT_LIMIT = 4000  # characters of output in a `failed` line
LINE_LIMIT = 16 * 1024 * 1024  # bytes held back while waiting for the end of a line


class Phase(StrEnum):
    CLONE = "clone"
    SETUP = "setup"
    CLAUDE = "claude"
    SAVE = "save"
    PUSH = "push"


class Reason(StrEnum):
    """Why a phase failed."""

    CLONE_FAILED = "clone_failed"
    BASE_MISSING = "base_missing"
    SETUP_FAILED = "setup_failed"
    COMMIT_FAILED = "commit_failed"
    PUSH_REFUSED = "push_refused"
    PUSH_FAILED = "push_failed"
    CONFLICT = "conflict"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier start of the same run has left in the journal, before its container died.

    finished, stopped: of the last start alone. prepared: the repository was there and up to date. claude_exited:
    Claude has ended by itself. pushing: everything was saved, only the push was under way.
    """

    begun: bool = False
    finished: bool = False
    stopped: bool = False
    prepared: bool = False
    claude_begun: bool = False
    claude_exited: bool = False
    pushing: bool = False
    session_id: str | None = None
    delivered: frozenset[str] = frozenset()


def parsed(line: bytes) -> dict[str, object]:
    """The JSON object in a line, or an empty one: a line that can't be read means nothing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_past(path: Path) -> Past:
    """Reads a journal, which may be missing or end within a line."""
    if not path.exists():
        return Past()
    finished = stopped = prepared = claude_begun = claude_exited = pushing = False
    session_id: str | None = None
    delivered: set[str] = set()
    begun = False
    with path.open("rb") as lines:
        for line in lines:
            begun = True
            entry = parsed(line)
            if entry.get("type") == "heddle":
                event, phase = entry.get("event"), entry.get("phase")
                if event == "restart":
                    finished = stopped = False
                finished = finished or event == "finished"
                stopped = stopped or event == "stop"
                claude_exited = claude_exited or (event == "claude_exit" and not entry.get("stopped"))
                claude_begun = claude_begun or phase == Phase.CLAUDE
                if event == "phase":
                    prepared = prepared or phase != Phase.CLONE
                    pushing = phase == Phase.PUSH
                if event == "session_lost":
                    session_id, delivered = None, set()
                continue
            if isinstance(entry.get("session_id"), str):
                session_id = str(entry["session_id"])
            if entry.get("isReplay") and isinstance(entry.get("uuid"), str):
                delivered.add(str(entry["uuid"]))
    return Past(
        begun=begun,
        finished=finished,
        stopped=stopped,
        prepared=prepared,
        claude_begun=claude_begun,
        claude_exited=claude_exited,
        pushing=pushing,
        session_id=session_id,
        delivered=frozenset(delivered),
    )


class Journal:
    """The only writer of stdout.jsonl. Every line is handed to the system as soon as it is complete."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        size = os.fstat(self._file).st_size
        self._rest = b""
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"  # the file ends within a line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes a piece of Claude's output, writes what lines it completes and returns them."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest
        if lines:
            self._write(b"\n".join(lines) + b"\n")
            self._torn = False
        if len(self._rest) > LINE_LIMIT:
            self._write(self._rest)
            self._rest, self._torn = b"", True
        return lines

    def end(self) -> list[bytes]:
        """Claude's output is over: its last line counts even without a line feed."""
        return self.feed(b"\n") if self._rest or self._torn else []

    def event(self, event: str, **fields: object) -> None:
        """Writes a line of the driver's own, with the time."""
        if self._torn:
            self._write(b"\n")
            self._torn = False
        entry = {"type": "heddle", "event": event, **fields, "at": round(time.time(), 3)}
        self._write(json.dumps(entry).encode() + b"\n")

    def phase(self, phase: Phase) -> None:
        self.event("phase", phase=phase)

    def failed(self, phase: Phase, reason: Reason, output: str) -> None:
        self.event("failed", phase=phase, reason=reason, output=output[-OUTPUT_LIMIT:])

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
