"""Rows made anew from Docker's labels, for what the database has lost."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.database import Database
from orchestrator.interactive.holding import LIVE, LIVE_RUNS
from orchestrator.interactive.opening import CLAUDE, OpeningState, is_terminal
from orchestrator.interactive.tabs import SHELL_TITLE
from orchestrator.recovery.actions import Adopt
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import MoveRow, OpeningRow, RunRow, TerminalRow, WorkspaceRow

MESSAGE = "adopted:{id}"  # stands for a message that nobody knows any more
TASK = "(The task is lost: Heddle's database was made anew.)"
FOUND = "Heddle's database did not know it; found by its labels"
LIST_SECONDS = 10.0

log = structlog.get_logger(__name__)


class AdoptionWatcher(Protocol):
    async def adopt(self, conversation_id: str, address: str) -> None:
        """Make a conversation's row anew, from what its workspace's labels say of where it is."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What Docker and the volume say. state: where the workspace is."""

    state: WorkspaceState
    opening: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    terminals: tuple[str, ...] = ()


class Adopting:
    """Makes rows of what only Docker knows. go_on: begins a run's workflow, once however often it is called."""

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        watcher: AdoptionWatcher,
        go_on: Callable[[str], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._engine = engine
        self._watcher = watcher
        self._go_on = go_on
        self._clock = clock

    async def adopt(self, action: Adopt) -> None:
        """Make the rows that are missing; one that is there is never changed. Any number of times.

        The container of an opening goes on untouched, and so does a run's, whose workflow is begun.
        Raises EngineUnavailable, and what the watcher raises.
        """
        found = await self._look(action)
        await self._watcher.adopt(
            action.labels["heddle.conversation"], action.labels.get("heddle.address", "")
        )
        async with self._database.write() as session:
            run_id = await self._rows(session, action, found)
        log.info(
            "adopted",
            workspace=action.workspace_id,
            state=found.state.value,
            opening=found.opening.get("heddle.opening", ""),
            run=run_id,
        )
        if run_id:
            await self._go_on(run_id)

    async def _look(self, action: Adopt) -> _Found:
        """A container of an opening counts unless only a run's is alive: a workspace is held by one of them."""
        opening, run = dict(action.opening), dict(action.run)
        interactive = await self._state(f"heddle-{action.workspace_id}") if opening else ""
        headless = await self._state(f"heddle-{action.workspace_id}-{run['heddle.run']}") if run else ""
        if opening and run:
            if headless in ("running", "paused") and interactive not in ("running", "paused"):
                opening = {}
            else:
                run = {}
        if run:
            task = await self._task(action.workspace_id, run["heddle.run"])
            return _Found(WorkspaceState.RUNNING, run=run, task=task)
        states = {"running": WorkspaceState.RUNNING, "paused": WorkspaceState.PAUSED}
        state = states.get(interactive, WorkspaceState.STOPPED)
        running = opening and state is WorkspaceState.RUNNING
        terminals = await self._terminals(f"heddle-{action.workspace_id}") if running else ()
        return _Found(state, opening=opening, terminals=terminals)

    async def _state(self, name: str) -> str:
        found = await self._engine.find(name)
        return found.state if found is not None else ""

    async def _task(self, workspace_id: str, run_id: str) -> str:
        """A run's task as it lies in its volume. Of what lies there, which a container could change, only this text is
        taken: what decides about rights comes from labels."""
        container = f"heddle-{workspace_id}-{run_id}"
        try:
            return (await self._engine.read(container, f"/workspace/runs/{run_id}/task.md")).decode(
                errors="replace"
            )
        except ContainerMissing:
            return ""

    async def _terminals(self, container: str) -> tuple[str, ...]:
        """The further terminals of a running container, as tmux has them."""
        command = ["tmux", "list-sessions", "-F", "#{session_name}"]
        try:
            code, text = await self._engine.execute(container, command, seconds=LIST_SECONDS)
        except (ContainerMissing, EngineUnavailable, TimeoutError) as error:  # the tabs are not worth more
            log.warning("terminals can't be listed", container=container, error=repr(error))
            return ()
        names = text.decode(errors="replace").split() if code == 0 else []
        further = [name for name in names if is_terminal(name) and name != CLAUDE]
        return tuple(sorted(further, key=lambda name: int(name.rpartition("-")[2])))

    async def _rows(self, session: AsyncSession, action: Adopt, found: _Found) -> str:
        """Inside a transaction that writes; the run whose workflow has to be begun, empty for none."""
        now = self._clock()
        workspace_id = action.workspace_id
        if await session.get(WorkspaceRow, workspace_id) is None:
            session.add(_workspace(workspace_id, action.labels, found, now))
            await session.flush()
            session.add(
                MoveRow(
                    workspace_id=workspace_id,
                    at=now,
                    before=WorkspaceState.CLOSED.value,
                    after=found.state.value,
                    reason=FOUND,
                )
            )
        if await _is_held(session, workspace_id):
            return ""
        if found.opening:
            await _add_opening(session, workspace_id, found, now)
        elif found.run:
            return await _add_run(session, action, found, now)
        return ""


async def _is_held(session: AsyncSession, workspace_id: str) -> bool:
    for table, live in ((OpeningRow, LIVE), (RunRow, LIVE_RUNS)):
        held = await session.scalar(
            sa.select(sa.func.count())
            .select_from(table)
            .where(table.workspace_id == workspace_id, table.state.in_(live))
        )
        if held:
            return True
    return False


def _workspace(workspace_id: str, labels: Mapping[str, str], found: _Found, now: float) -> WorkspaceRow:
    return WorkspaceRow(
        id=workspace_id,
        conversation_id=labels["heddle.conversation"],
        repository=labels["heddle.repository"],
        base=labels.get("heddle.base", ""),
        branch=labels["heddle.branch"],
        session_id=None,
        start=labels.get("heddle.start", ""),
        # Where the labels don't say that it is not, outsiders may control what it began with.
        untrusted=labels.get("heddle.untrusted") != "",
        created_at=now,
        state=found.state.value,
        state_at=now,
        active_at=now,
    )


async def _add_opening(session: AsyncSession, workspace_id: str, found: _Found, now: float) -> None:
    labels = found.opening
    opening_id = labels["heddle.opening"]
    if await session.get(OpeningRow, opening_id) is not None:
        return
    session.add(
        OpeningRow(
            id=opening_id,
            workspace_id=workspace_id,
            conversation_id=labels["heddle.conversation"],
            message_id=MESSAGE.format(id=opening_id),
            opener="",
            context="",
            link=labels.get("heddle.link", ""),
            attachments=[],
            state=OpeningState.OPEN.value,
            created_at=now,
        )
    )
    for position, name in enumerate(found.terminals, 1):
        if await session.get(TerminalRow, (workspace_id, name)) is None:
            title = SHELL_TITLE.format(number=name.rpartition("-")[2])
            session.add(TerminalRow(workspace_id=workspace_id, name=name, title=title, position=position))


async def _add_run(session: AsyncSession, action: Adopt, found: _Found, now: float) -> str:
    labels = found.run
    run_id = labels["heddle.run"]
    message_id = labels.get("heddle.message") or MESSAGE.format(id=run_id)
    taken = await session.scalar(sa.select(RunRow.id).where(RunRow.message_id == message_id))
    if await session.get(RunRow, run_id) is not None:
        return ""
    session.add(
        RunRow(
            id=run_id,
            workspace_id=action.workspace_id,
            # Of a linked one that asked for it only the id is known, not where it is.
            conversation_id=action.labels["heddle.conversation"],
            message_id=MESSAGE.format(id=run_id) if taken is not None else message_id,
            task=found.task or labels.get("heddle.title") or TASK,
            context="",
            link=labels.get("heddle.link", ""),
            title=labels.get("heddle.title", ""),
            state=RunState.WORKING.value,
            stop_requested=False,
            created_at=now,
        )
    )
    return run_id
