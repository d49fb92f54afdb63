"""A sweep's look and decisions over many workspaces: real rows and a real client, beside the bare listing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bot.schema import migrate
from orchestrator.both import both
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.database import Database
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.listing import Lister
from orchestrator.recovery.reconcile import reconcile
from orchestrator.recovery.rows import Rows
from playground.bench.sweep_docker import CONTAINERS, VOLUMES, SweepDocker
from playground.bench.sweep_result import Size, SweepResult
from playground.bench.sweep_rows import DEPLOYMENT, fill

SIZES = (100, 1_000, 10_000)


class SweepFailed(Exception):
    """A sweep did not do what it should; `str()` says what."""


@dataclass(slots=True)
class _Times:
    """Seconds of each round that counts. cpu: of this process, for the sweep."""

    sweep: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)
    reconcile: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


async def measure_sweep(
    folder: Path, *, times: int, say: Callable[[str], None], sizes: Sequence[int] = SIZES
) -> SweepResult:
    """All sizes, `times` rounds each after one to warm up. Raises SweepFailed, OSError."""
    measured = list[Size]()
    for count in sizes:
        say(f"{count:,} workspaces …")
        try:
            measured.append(await _size(folder / str(count), count, times))
        except EngineUnavailable as error:
            raise SweepFailed(str(error)) from error
    return SweepResult(measured)


async def _size(folder: Path, count: int, times: int) -> Size:
    sockets = folder / "sockets"
    sockets.mkdir(parents=True)
    now = time.time()
    database = Database(f"sqlite:///{folder / 'heddle.db'}")
    try:
        await migrate(database)
        many = await fill(database, sockets, count, now)
        wrong = many.wrong
        stand_in = SweepDocker(folder / "docker.sock", many.containers, many.volumes)
        del many  # a collector that looks through what only the bench has would be measured as well
        async with stand_in as docker:
            engine = Engine(docker.address)
            try:
                sweeps = _Sweeps(Rows(database), Lister(engine, DEPLOYMENT, sockets), engine)
                measured, calls = _Times(), 0
                for number in range(times + 1):
                    into = measured if number else _Times()  # the first warms up
                    gc.collect()
                    before = docker.calls.total()
                    actions = await sweeps.one(into)
                    calls = docker.calls.total() - before
                    if actions != wrong:
                        raise SweepFailed(f"{actions} actions for {wrong} differences")
                    await sweeps.floor(into)
                if set(docker.calls) != {CONTAINERS, VOLUMES}:
                    raise SweepFailed(f"more than lists was asked for: {dict(docker.calls)}")
            finally:
                await engine.close()
    finally:
        await database.close()
    return Size(count, **asdict(measured), calls=calls, actions=actions)


@dataclass(frozen=True, slots=True)
class _Sweeps:
    rows: Rows
    lister: Lister
    engine: Engine

    async def one(self, into: _Times) -> int:
        """The look and the decisions of Recovery's sweep, without the deeds; how many actions it comes to."""
        worked, begun = time.process_time(), time.perf_counter()
        rows = await self.rows.all({}, lambda _: False, lambda _: 0)
        read = time.perf_counter()
        listing = await self.lister.all()
        listed = time.perf_counter()
        listing = replace(listing, unknown=await self.rows.unknown(listing.containers))
        asked = time.perf_counter()
        actions = reconcile(rows, listing, time.time(), Policy())
        ended = time.perf_counter()
        into.sweep.append(ended - begun)
        into.cpu.append(time.process_time() - worked)
        into.rows.append(read - begun)
        into.unknown.append(asked - listed)
        into.reconcile.append(ended - asked)
        return len(actions)

    async def floor(self, into: _Times) -> None:
        """The two lists alone."""
        begun = time.perf_counter()
        await both(self.engine.containers(DEPLOYMENT), self.engine.volumes(DEPLOYMENT))
        into.floor.append(time.perf_counter() - begun)
