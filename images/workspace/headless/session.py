"""Which session of Claude Code the workspace goes on with, whoever has worked in it last."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .run import Run

STARTER = "HEDDLE_SESSION_OF"
"""In the environment: the process whose own Claude Code records its session (see the hook, `context`)."""

_ID = re.compile(r"[0-9A-Za-z-]+")
_SAID = re.compile(rb'"type":"(?:user|assistant)"')


def known_session(run: Run, home: Path) -> str | None:
    """The session that was recorded last, if something was said in it; else the one of the order."""
    record = run.workspace / "session"
    recorded = record.read_text().strip() if record.is_file() else ""
    return recorded if _has_words(recorded, run, home) else run.resume


def recording(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a Claude Code that this process starts and whose session counts."""
    return {**environment, STARTER: str(os.getpid())}


def _has_words(session: str, run: Run, home: Path) -> bool:
    """Claude Code refuses to resume a session in which nothing was said."""
    if not _ID.fullmatch(session):
        return False
    folder = re.sub(r"[^0-9A-Za-z]", "-", str(run.workspace / "repository"))
    transcript = home / ".claude" / "projects" / folder / f"{session}.jsonl"
    return transcript.is_file() and _SAID.search(transcript.read_bytes()) is not None
