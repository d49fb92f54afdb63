"""What a run leaves for people to read: its journal as a text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from orchestrator.claude.transcript import transcript
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.workspaces import Run


async def save_log(engine: Engine, run: Run, redact: Callable[[str], str], path: Path) -> None:
    """Bring the log out of the volume, if it has one. Raises OSError."""
    text = await log_of(engine, run, redact)
    if text is not None:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_text, text)


async def log_of(engine: Engine, run: Run, redact: Callable[[str], str]) -> str | None:
    """The log of a run out of its container, without secrets; None when there is none, or the Engine is away."""

    async def read(name: str) -> bytes:
        return await engine.read(run.container, f"{run.folder}/{name}")

    try:
        journal = await read("stdout.jsonl")
    except (ContainerMissing, EngineUnavailable):
        return None
    others = await asyncio.gather(read("stderr.log"), read("setup.log"), return_exceptions=True)
    errors, setup = (other.decode(errors="replace") if isinstance(other, bytes) else "" for other in others)
    return await asyncio.to_thread(lambda: redact(transcript(journal, errors, setup)))
