"""Following a run's journal from its first byte to its end, over every interruption on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from orchestrator.claude.conclusion import conclude, tail
from orchestrator.claude.events import Finished
from orchestrator.claude.progress import Progress, fold_all
from orchestrator.claude.stream import Line, LineReader, parse
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.report import Report, RunState
from orchestrator.workspaces import Run

PATIENCE_SECONDS = 20.0  # how long the Engine may be away before the run counts as lost
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Followed:
    """How a run ended, as far as its own journal tells. `head` is the commit that was pushed."""

    report: Report
    session_id: str | None
    delivered: frozenset[str]
    head: str


class Following:
    """Reads journals through `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def follow(
        self,
        run: Run,
        *,
        changed: Callable[[Report], None],
        delivered: Callable[[frozenset[str]], None],
        stop_requested: Callable[[], Awaitable[bool]],
    ) -> Followed:
        """Fold the journal until the run ends, telling of every change; `stop_requested` is asked at the end.

        Reading begins at the first byte each time this is called: folding the same lines again gives the
        same report, so nothing that Heddle forgot is lost or counted twice. Raises EngineUnavailable.
        """
        first = progress = Progress(replace(run.first_report(), state=RunState.STARTING))
        reader = LineReader()

        def take(lines: list[Line]) -> None:
            nonlocal progress
            before = progress
            progress = fold_all(progress, (event for line in lines for event in parse(line)))
            if progress.report != before.report:
                changed(progress.report)
            if progress.delivered != before.delivered:
                delivered(progress.delivered)

        journal = f"{run.folder}/stdout.jsonl"
        received = 0
        lost_since: float | None = None
        while True:
            try:
                with suppress(ContainerMissing):  # not running yet, or not any more
                    async with aclosing(self._engine.follow(run.container, journal, received)) as chunks:
                        async for chunk in chunks:
                            received += len(chunk)
                            take(reader.feed(chunk))
                            if progress.finished is not None:
                                break
                complete = progress.finished is not None
                if complete or not await self._alive(run):
                    # The file has the last word: the stream may miss what was written just before the end.
                    whole = await self._read(run, "stdout.jsonl", optional=complete)
                    break
                lost_since = None
            except EngineUnavailable:
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        if len(whole) >= received:
            again = LineReader()
            lines = [*again.feed(whole), *again.close()]
            progress = fold_all(first, (event for line in lines for event in parse(line)))
        return await self._concluded(run, progress, await stop_requested())

    async def _alive(self, run: Run) -> bool:
        container = await self._engine.find(run.container)
        return container is not None and container.alive

    async def _read(self, run: Run, name: str, *, optional: bool) -> bytes:
        """A file of the run's, empty when it is not there; `optional`: also when the Engine is away."""
        try:
            return await self._engine.read(run.container, f"{run.folder}/{name}")
        except ContainerMissing:
            return b""
        except EngineUnavailable:
            if not optional:
                raise
            return b""

    async def _concluded(self, run: Run, progress: Progress, stop_requested: bool) -> Followed:
        complete = progress.finished is not None
        container = None if complete else await self._engine.find(run.container)
        errors = tail((await self._read(run, "stderr.log", optional=complete)).decode(errors="replace"))
        state, problem = conclude(
            progress,
            stop_requested=stop_requested,
            exit_code=container.exit_code if container is not None else None,
            out_of_memory=container is not None and container.out_of_memory,
            stderr=errors,
        )
        finished: Finished | None = progress.finished
        ended_at = finished.at if finished is not None and finished.at else time.time()
        report = replace(
            progress.report,
            state=state,
            problem=problem,
            ended_at=ended_at,
            activity="",
            branch=run.workspace.branch,
        )
        return Followed(
            report=report,
            session_id=progress.session_id,
            delivered=progress.delivered,
            head=finished.head if finished is not None and finished.pushed else "",
        )
