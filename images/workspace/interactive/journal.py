"""journal.jsonl: what became of this start of the container, one JSON object a line."""

from __future__ import annotations

import json
import os
import time
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

OUTPUT_LIMIT = 4000  # characters of output in a line


class Phase(StrEnum):
    CLONE = "clone"
    SETUP = "setup"
    TERMINAL = "terminal"


class Journal:
    """Starts empty. Every line is handed to the system as a whole, as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def event(self, event: str, **fields: object) -> None:
        """One line, with the time in seconds since the epoch."""
        entry = {"at": round(time.time(), 3), "event": event, **fields}
        view = memoryview(json.dumps(entry).encode() + b"\n")
        while view:
            view = view[os.write(self._file, view) :]

    def phase(self, phase: Phase) -> None:
        self.event("phase", phase=phase)

    def warning(self, output: str) -> None:
        self.event("warning", output=output[-OUTPUT_LIMIT:])

    def failed(self, reason: str, output: str) -> None:
        self.event("failed", reason=reason, output=output[-OUTPUT_LIMIT:])
