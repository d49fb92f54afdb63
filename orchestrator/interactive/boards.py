"""What everybody who watches a workspace sees, kept up to date while somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.interactive import progress
from orchestrator.interactive.execs import Execs
from orchestrator.interactive.opening import Opening, OpeningState, Progress
from orchestrator.interactive.progress import Lines, Seen
from orchestrator.interactive.topic import Topic
from orchestrator.report import Problem

PAUSE_SECONDS = 1.0  # between looks whether a container that sleeps runs again

AHEAD_SECONDS = 0.3
"""A start goes ahead of those who watch it: reading its journal needs the processors too, and loses nothing later."""


class Board:
    """One opening's progress. abandoned: a start that goes on should give up, for somebody ends the opening."""

    def __init__(self, opening: Opening, redact: Callable[[str], str]) -> None:
        self.opening = opening
        self.abandoned = False
        self.again = asyncio.Event()  # the container may have been started: follow it at once
        self._redact = redact
        self.seen = Seen(Progress(opening.state, problem=opening.problem))
        self._topic = Topic(self.seen.progress)

    def begin_step(self, name: str, at: float) -> None:
        self._show(progress.begin_step(self.seen, name, at))

    def started(self, at: float) -> None:
        self._show(progress.started(self.seen, at))
        self.again.set()

    def take(self, lines: list[bytes]) -> None:
        self._show(progress.fold_all(self.seen, lines))

    def move(self, state: OpeningState, problem: Problem | None = None) -> None:
        self._show(progress.moved(self.seen, state))
        if problem is not None:
            self._show(replace(self.seen, progress=replace(self.seen.progress, problem=problem)))

    def watch(self) -> AsyncGenerator[Progress, None]:
        return self._topic.watch()

    def _show(self, seen: Seen) -> None:
        before, now = self.seen.progress, seen.progress
        if now.warning != before.warning:
            now = replace(now, warning=self._redact(now.warning))
        if now.problem is not None and now.problem != before.problem:
            now = replace(now, problem=replace(now.problem, output=self._redact(now.problem.output)))
        self.seen = replace(seen, progress=now)
        self._topic.set(now)


class Boards:
    """The boards of all openings that are being started or watched; `redact` takes secrets out of outputs."""

    def __init__(self, engine: Engine, execs: Execs, redact: Callable[[str], str]) -> None:
        self._engine = engine
        self._execs = execs
        self._redact = redact
        self._boards: dict[str, Board] = {}
        self._keepers: dict[str, int] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def keep(self, opening: Opening) -> AsyncIterator[Board]:
        """The opening's board, followed and kept as long as anybody is in such a block."""
        board = self._boards.get(opening.id)
        if board is None:
            board = self._boards[opening.id] = Board(opening, self._redact)
            self._followers[opening.id] = asyncio.create_task(self._follow(board))
        self._keepers[opening.id] = self._keepers.get(opening.id, 0) + 1
        try:
            yield board
        finally:
            self._keepers[opening.id] -= 1
            if not self._keepers[opening.id]:
                del self._keepers[opening.id], self._boards[opening.id]
                await _ended(self._followers.pop(opening.id))

    def find(self, opening_id: str) -> Board | None:
        """None where nobody watches or starts it."""
        return self._boards.get(opening_id)

    def move(self, opening_id: str, state: OpeningState, problem: Problem | None = None) -> None:
        """Tell whoever watches that the opening has come to another state."""
        board = self._boards.get(opening_id)
        if board is not None:
            board.move(state, problem)

    def abandon(self, opening_id: str, yes: bool) -> None:
        """Have a start or a wake give up, or let the next one go on."""
        board = self._boards.get(opening_id)
        if board is not None:
            board.abandoned = yes

    @property
    def kept(self) -> int:
        return len(self._boards)

    async def close(self) -> None:
        for follower in list(self._followers.values()):
            await _ended(follower)

    async def _follow(self, board: Board) -> None:
        container, journal = board.opening.container, f"{board.opening.folder}/journal.jsonl"
        while True:
            with suppress(ContainerMissing, EngineUnavailable):  # asleep, or not there yet, or Docker is away
                lines = Lines()
                async with (
                    self._execs.ask(container),
                    aclosing(self._engine.follow(container, journal, 0)) as chunks,
                ):
                    async for chunk in chunks:
                        board.take(lines.feed(chunk))
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await board.again.wait()
                    await asyncio.sleep(AHEAD_SECONDS)
            board.again.clear()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
