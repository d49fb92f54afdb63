"""Following a run's journal from its first byte to its end, over every interruption on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog

from orchestrator.claude.conclusion import conclude, tail
from orchestrator.claude.events import Event
from orchestrator.claude.progress import Progress, fold_all
from orchestrator.claude.stream import Line, LineReader, parse
from orchestrator.containers import Container, ContainerMissing, Engine, EngineUnavailable
from orchestrator.report import Problem, Report, RunState
from orchestrator.reviving import Death, Verdict, given_up, judge
from orchestrator.workspaces import Run

PATIENCE_SECONDS = 600.0  # how long the Engine may be away before the run counts as lost
STOP_PATIENCE_SECONDS = 20.0  # the same for one that somebody wants to end
PAUSE_SECONDS = 0.5
LOOK_SECONDS = 5.0  # between two looks whether a silent container is paused

WAITING = "Waiting for Docker on Heddle's machine"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """How a run ended, as far as its own journal tells. `head` is the commit that was pushed."""

    report: Report
    session_id: str | None
    delivered: frozenset[str]
    head: str


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom following tells, and whom it asks.

    changed, delivered: never block. stop_requested: whether somebody wants the run to end. revive: make the run's
    container run again, or raise EngineUnavailable; a problem when that can't be, which then is the run's end.
    """

    changed: Callable[[Report], None]
    delivered: Callable[[frozenset[str]], None]
    stop_requested: Callable[[], Awaitable[bool]]
    revive: Callable[[Death], Awaitable[Problem | None]]


class Following:
    """Reads journals through `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def follow(self, run: Run, hooks: Hooks) -> Followed:
        """Fold the journal until the run ends, telling of every change.

        A container that is paused is let go on, one that died before the run's end is revived. Reading begins at the
        first byte each time this is called: folding the same lines again gives the same report, so nothing that
        Heddle forgot is lost or counted twice. Raises EngineUnavailable when the Engine stays away.
        """
        return await _Pursuit(self._engine, run, hooks).follow()


@dataclass(slots=True)
class _Reading:
    """A journal as far as it was read."""

    first: Progress
    progress: Progress
    received: int = 0
    reader: LineReader = field(default_factory=LineReader)

    def feed(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self.progress = fold_all(self.progress, _events(self.reader.feed(chunk)))

    def exchange(self, whole: bytes) -> None:
        """The file has the last word: a stream may miss what was written just before a container's end."""
        self.reader, self.progress, self.received = LineReader(), self.first, 0
        self.feed(whole)

    def close(self) -> None:
        """Nothing more will be written: the last line counts without its end."""
        self.progress = fold_all(self.progress, _events(self.reader.close()))


class _Pursuit:
    """One run's journal, followed by this process."""

    def __init__(self, engine: Engine, run: Run, hooks: Hooks) -> None:
        self._engine = engine
        self._run = run
        self._hooks = hooks
        first = Progress(replace(run.first_report(), state=RunState.STARTING))
        self._reading = _Reading(first, first)
        self._attempts: list[tuple[float, int]] = []  # when, and how much Claude had got done
        self._failures = 0
        self._away_since: float | None = None

    async def follow(self) -> Followed:
        while True:
            try:
                container = await self._listen()
                self._back()
                if container is not None and container.alive and self._reading.progress.finished is None:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                followed = await self._dead(container)
                if followed is not None:
                    return followed
            except EngineUnavailable as error:
                if self._reading.progress.finished is not None and not await self._interrupted():
                    return await self._concluded(None, optional=True)
                await self._wait(error)

    async def _listen(self) -> Container | None:
        """Take in what is written until that breaks off or the run has ended; the container as it is then."""
        broken = False
        try:
            async with self._unpausing(), aclosing(self._stream()) as chunks:
                async for chunk in chunks:
                    self._take(self._reading.feed, chunk)
                    if self._reading.progress.finished is not None:
                        break
        except ContainerMissing:
            pass  # not running yet, or not any more
        except EngineUnavailable:
            broken = True  # or only this one question can't be answered
        found = await self._engine.find(self._run.container)
        if found is not None and found.state == "paused":
            await self._engine.unpause(self._run.container)
        if broken or found is None or not found.alive or self._reading.progress.finished is not None:
            await self._read_whole()
        return found

    @property
    def _journal(self) -> str:
        return f"{self._run.folder}/stdout.jsonl"

    def _stream(self) -> AsyncGenerator[bytes, None]:
        return self._engine.follow(self._run.container, self._journal, self._reading.received)

    @asynccontextmanager
    async def _unpausing(self) -> AsyncGenerator[None, None]:
        """Meanwhile a paused container is let go on: its stream would only be silent."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(EngineUnavailable):
                found = await self._engine.find(self._run.container)
                if found is not None and found.state == "paused":
                    log.info("a paused run goes on", run=self._run.id)
                    await self._engine.unpause(self._run.container)

    async def _read_whole(self) -> None:
        """A journal that can't be read now stays as far as it is known."""
        with suppress(ContainerMissing):
            whole = await self._engine.read(self._run.container, self._journal)
            self._take(self._reading.exchange, whole)

    def _take(self, step: Callable[[bytes], None], data: bytes) -> None:
        before = self._reading.progress
        step(data)
        after = self._reading.progress
        if after.report != before.report:
            self._hooks.changed(after.report)
        if after.delivered != before.delivered:
            self._hooks.delivered(after.delivered)

    async def _dead(self, container: Container | None) -> Followed | None:
        """The run's end; None when it goes on, in this container after all or in another one."""
        progress = self._reading.progress
        if container is not None and container.alive and progress.finished is None:
            return None  # what looked like an end was one of an earlier container
        attempts = tuple(at for at, works in self._attempts if works == progress.works)
        death = Death(container, progress, attempts, self._failures)
        match judge(death, time.time()):
            case Verdict.CONCLUDE:
                return await self._concluded(container)
            case Verdict.GIVE_UP:
                return await self._concluded(container, given_up(death))
        if death.interrupted and await self._hooks.stop_requested():
            return await self._concluded(container)
        if container is not None and container.alive:
            await asyncio.sleep(PAUSE_SECONDS)  # it is at its last lines
            return None
        problem = await self._hooks.revive(death)
        if problem is not None:
            return await self._concluded(container, problem)
        self._attempts.append((time.time(), progress.works))
        self._failures += death.own
        # It may be another volume, in which the journal begins anew.
        try:
            whole = await self._engine.read(self._run.container, self._journal)
        except ContainerMissing:
            whole = b""
        self._take(self._reading.exchange, whole)
        return None

    async def _interrupted(self) -> bool:
        death = Death(None, self._reading.progress)
        return death.interrupted and not await self._hooks.stop_requested()

    async def _wait(self, error: EngineUnavailable) -> None:
        """A moment for the Engine to come back. Raises the error when it was away for too long."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            log.warning("waiting for Docker", run=self._run.id, error=str(error))
            self._hooks.changed(replace(self._reading.progress.report, activity=WAITING))
        patience = STOP_PATIENCE_SECONDS if await self._hooks.stop_requested() else PATIENCE_SECONDS
        if now - self._away_since > min(patience, PATIENCE_SECONDS):
            raise error
        await asyncio.sleep(PAUSE_SECONDS)

    def _back(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            self._hooks.changed(self._reading.progress.report)

    async def _concluded(
        self, container: Container | None, problem: Problem | None = None, *, optional: bool = False
    ) -> Followed:
        """optional: what is known already has to do, the Engine is away."""
        self._reading.close()
        progress = self._reading.progress
        errors = b""
        with suppress(ContainerMissing):
            try:
                errors = await self._engine.read(self._run.container, f"{self._run.folder}/stderr.log")
            except EngineUnavailable:
                if not optional and progress.finished is None:
                    raise
        stop_requested = await self._hooks.stop_requested()
        state, found = conclude(
            progress,
            stop_requested=stop_requested,
            exit_code=container.exit_code if container is not None else None,
            out_of_memory=container is not None and container.out_of_memory,
            stderr=tail(errors.decode(errors="replace")),
        )
        if problem is not None and not stop_requested:
            state, found = RunState.FAILED, problem
        finished = progress.finished
        report = replace(
            progress.report,
            state=state,
            problem=found,
            ended_at=finished.at if finished is not None and finished.at else time.time(),
            activity="",
            branch=self._run.workspace.branch,
        )
        return Followed(
            report=report,
            session_id=progress.session_id,
            delivered=progress.delivered,
            head=finished.head if finished is not None and finished.pushed else "",
        )


def _events(lines: list[Line]) -> list[Event]:
    return [event for line in lines for event in parse(line)]
