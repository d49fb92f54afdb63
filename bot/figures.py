"""The figures for monitoring: what the database counts, in one query, and what the parts of Heddle know themselves."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from bot.conversations import MessageState
from bot.settings import Settings
from bot.tables import DeliveryRow, MessageRow
from bot.upkeep import Upkeep
from orchestrator.cleaning.cleaner import CACHES, Cleaner
from orchestrator.cleaning.disk import DATA, Disk
from orchestrator.cleaning.removals import Kind
from orchestrator.database import Database
from orchestrator.recovery.counts import Counts
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow
from web.metrics import Metrics, Numbers, Removed, Space

RECLAIMABLE_SECONDS = 300.0  # between two looks for what clean-up could free

_UNHANDLED = (MessageState.RECEIVED.value, MessageState.DOUBTFUL.value)


async def count(database: Database) -> Numbers:
    """What there is of each kind, in one query."""
    saved = sa.and_(WorkspaceRow.state == WorkspaceState.RUNNING.value, WorkspaceRow.checkpoint_at > 0)
    asked = sa.union_all(
        *(
            _grouped(name, column)
            for name, column in (
                ("workspaces", WorkspaceRow.state),
                ("runs", RunRow.state),
                ("openings", OpeningRow.state),
                ("deliveries", DeliveryRow.platform),
            )
        ),
        _one("waiting", sa.func.count(), MessageRow.state.in_(_UNHANDLED)),
        _one(
            "checkpoints",
            sa.func.count(),
            sa.and_(WorkspaceRow.checkpoint != "", WorkspaceRow.state != WorkspaceState.CLOSED.value),
        ),
        _one("checkpoint_at", sa.func.coalesce(sa.func.min(WorkspaceRow.checkpoint_at), 0.0), saved),
    )
    groups: defaultdict[str, dict[str, int]] = defaultdict(dict)
    singles: dict[str, float] = {}
    async with database.read() as session:
        for name, of, value in await session.execute(asked):
            if of:
                groups[name][of] = int(value)
            else:
                singles[name] = float(value)
    return Numbers(
        workspaces=groups["workspaces"],
        runs=groups["runs"],
        openings=groups["openings"],
        deliveries=groups["deliveries"],
        waiting=int(singles["waiting"]),
        checkpoints=int(singles["checkpoints"]),
        checkpoint_at=singles["checkpoint_at"],
    )


class Figures:
    """The sources of `/metrics`. watched: how many terminals people have open. clock: any seconds."""

    def __init__(
        self,
        *,
        database: Database,
        counts: Counts,
        disk: Disk,
        cleaner: Cleaner,
        watched: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = counts
        self._database = database
        self._disk = disk
        self._cleaner = cleaner
        self._watched = watched
        self._clock = clock
        self._reclaimable: dict[str, int] = {}
        self._looked_at = float("-inf")

    async def numbers(self) -> Numbers:
        return await count(self._database)

    async def spaces(self) -> Sequence[Space]:
        return [
            Space("data" if space.name == DATA else "docker", space.free, space.total)
            for space in await self._disk.state()
        ]

    async def reclaimable(self) -> Mapping[str, int]:
        """Looked at anew every few minutes: it costs a walk through the mirrors."""
        if self._clock() - self._looked_at >= RECLAIMABLE_SECONDS:
            sizes: Counter[str] = Counter({kind.value: 0 for kind in CACHES})
            for removal in await self._cleaner.reclaimable():
                sizes[removal.kind.value] += removal.size
            self._reclaimable, self._looked_at = dict(sizes), self._clock()
        return self._reclaimable

    def removed(self) -> Mapping[str, Removed]:
        none = {kind.value: Removed(0, 0) for kind in Kind}
        return none | {kind.value: Removed(one.count, one.size) for kind, one in self._cleaner.totals.items()}

    def removal_failures(self) -> int:
        return self._cleaner.errors

    def watched(self) -> int:
        return self._watched()


def metrics(settings: Settings, database: Database, upkeep: Upkeep, watched: Callable[[], int]) -> Metrics:
    """`/metrics` of a deployment."""
    figures = Figures(
        database=database,
        counts=upkeep.counts,
        disk=upkeep.disk,
        cleaner=upkeep.cleaner,
        watched=watched,
    )
    token = settings.heddle_metrics_token
    return Metrics(figures, token.get_secret_value() if token is not None else "")


def _grouped(name: str, column: sa.orm.InstrumentedAttribute[str]) -> sa.Select[str, str, float]:
    return sa.select(sa.literal(name), column, sa.cast(sa.func.count(), sa.Double)).group_by(column)


def _one(
    name: str, value: sa.ColumnElement[float] | sa.ColumnElement[int], where: sa.ColumnElement[bool]
) -> sa.Select[str, str, float]:
    return sa.select(sa.literal(name), sa.literal(""), sa.cast(value, sa.Double)).where(where)
