"""Recovery: sweeps at Heddle's start and every minute, and a look at one workspace whenever Docker says something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from orchestrator.containers import ContainerEvent, EngineUnavailable
from orchestrator.database import Database
from orchestrator.interactive.flights import Flights
from orchestrator.recovery.actions import Action, Adopt, Note, RemoveContainer, RemoveFolder
from orchestrator.recovery.counts import Counts
from orchestrator.recovery.events import Events, agree
from orchestrator.recovery.executor import Executor, Hands
from orchestrator.recovery.facts import Listing, Policy, Row
from orchestrator.recovery.history import History
from orchestrator.recovery.listing import Lister
from orchestrator.recovery.marks import Marks
from orchestrator.recovery.reconcile import reconcile
from orchestrator.recovery.rows import Rows

START_SECONDS = 10.0  # that the first sweep may take before Heddle goes on without it
PATIENCE_SECONDS = 20.0  # that a sweep waits for what it began
SETTLE_SECONDS = 0.1  # what happens to a container within this time is one look
BEHIND_SECONDS = 3.0  # that Docker's lists may be behind its events
LOOK_SECONDS = 0.25  # between looks whether a workspace is still busy
BUSY_SECONDS = 30.0  # after which one that is still busy is left to the sweeps
_QUICK = (Adopt, Note, RemoveContainer, RemoveFolder)

log = structlog.get_logger(__name__)


class Ended(Protocol):
    async def ended(self) -> Mapping[str, float]:
        """Since when conversations count as ended, by their ids; only those that do."""
        ...


@dataclass(frozen=True, slots=True)
class _Decided:
    """About one workspace, whose row is the only one, if it has one."""

    rows: list[Row]
    listing: Listing
    actions: list[Action]


class Recovery:
    """Keeps rows and Docker in agreement. sockets: the gateway's folder. counts: what it has done, for metrics."""

    def __init__(
        self,
        *,
        database: Database,
        history: History,
        hands: Hands,
        ended: Ended,
        sockets: Path,
        deployment: str,
        policy: Policy,
        counts: Counts,
    ) -> None:
        self._hands = hands
        self._history = history
        self._ended = ended
        self._policy = policy
        self._counts = counts
        self._rows = Rows(database)
        self._lister = Lister(hands.engine, deployment, sockets)
        self._events = Events(hands.engine, deployment)
        self._executor = Executor(
            hands, history, Marks(database), policy, counts, again=self._again, row=self._row
        )
        self._sweeping = asyncio.Lock()
        self._flights = Flights()
        self._due: dict[str, ContainerEvent] = {}  # the newest of each workspace that was not looked at
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The first sweep, then follow Docker's events in the background.

        Returns once rows are made anew and containers that nobody needs are gone; what takes longer goes on. An Engine
        that is away is no reason to fail: the first sweep comes when it is there.
        """
        since = time.time()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._sweep(first=True)
        except TimeoutError:
            log.warning("the first sweep takes long and goes on later")
        self._follower = asyncio.create_task(self._follow(since))

    async def sweep(self) -> None:
        """Compare everything and put right what differs; one at a time. Never raises but when it is broken off.

        What takes long goes on in the background and is left alone by later sweeps.
        """
        await self._sweep(first=False)

    async def aclose(self) -> None:
        """Stop looking, and break off what is under way: it is found again at the next start."""
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
        await self._flights.close()
        await self._executor.aclose()

    # Everything

    async def _sweep(self, *, first: bool) -> None:
        async with self._sweeping:
            begun = time.monotonic()
            try:
                rows, actions = await self._decide(first=first)
                if first:
                    await self._executor.tell_again(rows)
            except Exception as error:
                self._counts.sweep_failures += 1
                log.warning("a sweep could not look", error=repr(error))
                return
            self._counts.swept(time.monotonic() - begun, time.time())
            tasks = self._executor.begin(actions, {row.id: row for row in rows}, begun)
            await self._mend()
            awaited = [
                task
                for task, action in zip(tasks, actions, strict=True)
                if not first or isinstance(action, _QUICK)
            ]
            if awaited:
                await asyncio.wait(awaited, timeout=PATIENCE_SECONDS)

    async def _mend(self) -> None:
        """What Docker can't tell: that nothing is at a run or at the end of a start any more."""
        for mend in (self._hands.runs.mend, self._hands.interactive.mend):
            try:
                await mend()
            except Exception as error:
                self._counts.sweep_failures += 1
                log.warning("what is broken could not be taken up", error=repr(error))

    async def _decide(self, *, first: bool) -> tuple[list[Row], list[Action]]:
        ended = await self._ended.ended()
        # Rows first: one that is as it was when an action is applied was so when Docker was asked.
        rows = await self._rows.all(ended, self._busy, self._hands.interactive.watched)
        listing = await self._known(await self._lister.all())
        now = time.time()
        await self._history.touch_all([row.id for row in rows if row.watched], now)
        # At the start of a Heddle whose database is new or lost there is nobody who might still be writing a row.
        policy = replace(self._policy, settle=0.0) if first and not rows else self._policy
        return rows, await asyncio.to_thread(reconcile, rows, listing, now, policy)

    async def _known(self, listing: Listing) -> Listing:
        if not listing.containers:
            return listing
        return replace(listing, unknown=await self._rows.unknown(listing.containers))

    def _busy(self, workspace_id: str) -> bool:
        return self._hands.interactive.busy(workspace_id) or self._executor.busy(workspace_id)

    # One workspace

    async def _again(self, workspace_id: str) -> list[Action]:
        """What is decided about a workspace that the caller is alone in."""
        return (await self._decide_one(workspace_id, mine=True)).actions

    async def _row(self, workspace_id: str) -> Row | None:
        ended = await self._ended.ended()
        return await self._rows.one(workspace_id, ended, self._busy, self._hands.interactive.watched)

    async def _decide_one(self, workspace_id: str, *, mine: bool) -> _Decided:
        row = await self._row(workspace_id)
        if row is not None and mine:
            row = replace(row, busy=False)
        listing = await self._known(await self._lister.one(workspace_id))
        rows = [row] if row is not None else []
        return _Decided(rows, listing, reconcile(rows, listing, time.time(), self._policy))

    async def _look(self, workspace_id: str, event: ContainerEvent | None = None) -> None:
        begun = time.monotonic()
        try:
            decided = await self._decide_one(workspace_id, mine=False)
            # Docker tells of an event up to some hundred milliseconds before its lists know.
            while (
                event is not None
                and not agree(decided.listing, event)
                and workspace_id not in self._due
                and time.monotonic() - begun < BEHIND_SECONDS
            ):
                await asyncio.sleep(SETTLE_SECONDS)
                decided = await self._decide_one(workspace_id, mine=False)
        except (EngineUnavailable, OSError) as error:  # the sweep that follows its return sees the same
            log.warning("a look at a workspace failed", workspace=workspace_id, error=repr(error))
            return
        tasks = self._executor.begin(decided.actions, {row.id: row for row in decided.rows}, begun)
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)

    async def _attend(self, workspace_id: str) -> None:
        """Look now, and once more when whoever is at the workspace has left it: a look leaves a busy one alone."""
        await asyncio.sleep(SETTLE_SECONDS)
        while (event := self._due.pop(workspace_id, None)) is not None:
            await self._look(workspace_id, event)
            patience = time.monotonic() + BUSY_SECONDS
            was_busy = False
            while self._busy(workspace_id) and workspace_id not in self._due and time.monotonic() < patience:
                was_busy = True
                await asyncio.sleep(LOOK_SECONDS)
            if was_busy and workspace_id not in self._due and time.monotonic() < patience:
                await self._look(workspace_id)

    async def _follow(self, since: float) -> None:
        while True:
            try:
                async with aclosing(self._events.follow(since)) as events:
                    async for event in events:
                        if event is None:
                            self._counts.reconnections += 1
                            self._flights.begin("sweep", self.sweep)
                            continue
                        self._counts.events += 1
                        workspace_id = event.workspace_id
                        self._due[workspace_id] = event
                        self._flights.begin(workspace_id, partial(self._attend, workspace_id))
            except Exception as error:  # whatever it was, the next event must not be missed
                log.error("events are followed anew", error=repr(error), exc_info=error)
                since = time.time()
                await asyncio.sleep(1.0)
