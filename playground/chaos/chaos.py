"""The whole of it: work begins, things break, everything is mended, and then it is looked at what is left."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from playground.chaos import evidence, judgement, leftovers, rows
from playground.chaos.daemon import Daemon
from playground.chaos.faults import Breaking
from playground.chaos.judgement import Facts, RunFacts
from playground.chaos.ledger import Ledger
from playground.chaos.recoveries import Recoveries, containers, volumes
from playground.chaos.result import Result
from playground.chaos.rows import WorkspaceFacts
from playground.chaos.schedule import Kind, schedule
from playground.chaos.stage import Stage
from playground.chaos.watch import Watch
from playground.chaos.workers import CHANNEL, Claude, Person, Run
from playground.town import REPOSITORY

SWEEPS_SECONDS = 150.0  # two of Heddle's, and some for a busy machine
LAST_RUNS_SECONDS = 420.0
LOOK_SECONDS = 2.0
OPEN_AT_ONCE = 3
OUTAGES = (Kind.MODEL, Kind.GITHUB, Kind.DISK, Kind.DAEMON_KILLED, Kind.DAEMON_RESTARTED, Kind.CLOCK)


@dataclass(frozen=True, slots=True)
class Plan:
    """seconds: how long things break, and longer where not each of `kinds` has had its turn by then.

    workspaces: half of them are runs'. pause: seconds between two faults, on average. lines: of one run. think: seconds
    between two of them.
    """

    seconds: float = 900.0
    workspaces: int = 20
    seed: int = 1
    pause: float = 8.0
    lines: int = 60
    think: float = 2.0
    kinds: tuple[Kind, ...] = tuple(Kind)


def plan(seconds: float, workspaces: int, seed: int) -> Plan:
    """With faults and runs in proportion to the time."""
    return Plan(
        seconds=seconds,
        workspaces=workspaces,
        seed=seed,
        pause=min(8.0, max(2.0, seconds / 30)),
        lines=int(min(60, max(10, seconds / 8))),
    )


@dataclass(slots=True)
class Chaos:
    """One time of it, on a stage that stands."""

    stage: Stage
    plan: Plan
    say: Callable[[str], None]
    ledger: Ledger = field(default_factory=Ledger)
    claudes: list[Claude] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    async def run(self) -> Result:
        """Raises WorkFailed, TimeoutError when the work can't even begin."""
        plan, begun = self.plan, time.monotonic()
        half = plan.workspaces // 2
        self.people = [Person(self.stage, self.ledger) for _ in range(plan.workspaces - half)]
        self.claudes = [Claude(self.stage, plan.think, plan.lines) for _ in range(half)]
        await self._open()
        self.say(f"{len(self.people)} workspaces are open after {time.monotonic() - begun:.0f} s")
        recoveries = Recoveries(self.stage, self._over)
        breaking = Breaking(self.stage, self.ledger, recoveries, self.say)
        watch = Watch(self.stage, self.ledger, breaking.locked)
        work = [*(claude.work() for claude in self.claudes), *(person.work() for person in self.people)]
        async with _beside(recoveries.watch(), watch.watch()):
            async with asyncio.TaskGroup() as workers:
                for one in work:
                    workers.create_task(one)
                await self._break(breaking)
                self.say("Everything is mended; the last runs go on to their ends")
                for claude in self.claudes:
                    claude.enough.set()
                await self._last_runs()
                for person in self.people:
                    person.enough.set()
            return await self._settled(breaking, recoveries, watch, begun)

    async def _open(self) -> None:
        turn = asyncio.Semaphore(OPEN_AT_ONCE)

        async def open_one(person: Person) -> None:
            async with turn:
                await person.open()

        await asyncio.gather(*map(open_one, self.people))

    async def _break(self, breaking: Breaking) -> None:
        ends = time.monotonic() + self.plan.seconds
        for number, fault in enumerate(schedule(self.plan.seed, self.plan.pause, self.plan.kinds)):
            if number >= len(self.plan.kinds) and time.monotonic() + fault.pause > ends:
                break
            await asyncio.sleep(fault.pause)
            await breaking.carry_out(fault)
        await breaking.settle()

    async def _last_runs(self) -> None:
        deadline = time.monotonic() + LAST_RUNS_SECONDS
        while time.monotonic() < deadline:
            if all(run.text for claude in self.claudes for run in claude.runs):
                return
            await asyncio.sleep(LOOK_SECONDS)
        for claude in self.claudes:
            claude.given_up.set()

    async def _over(self, workspace: str) -> bool:
        """Whether a workspace has no live run, by its row."""
        try:
            listed = await asyncio.to_thread(rows.workspaces, self.stage.database)
        except sqlite3.Error:
            return False
        return not any(row.run for row in listed if row.id == workspace)

    # Looking at it

    async def _settled(
        self, breaking: Breaking, recoveries: Recoveries, watch: Watch, begun: float
    ) -> Result:
        mended = time.monotonic()
        while True:
            facts = await self._facts(breaking, recoveries, watch)
            good = not (judgement.losses(facts) or judgement.orphans(facts) or judgement.untrue(facts))
            if good or time.monotonic() - mended > SWEEPS_SECONDS:
                break
            await asyncio.sleep(LOOK_SECONDS)
        runs = [run for claude in self.claudes for run in claude.runs]
        return Result(
            seed=self.plan.seed,
            seconds=time.monotonic() - begun,
            workspaces=self.plan.workspaces,
            faults=breaking.log,
            recoveries=recoveries.done,
            lines=self.ledger.lines,
            commits=self.ledger.commits,
            written_off=self.ledger.written_off,
            runs=len(runs),
            failed_runs=[run.text for run in runs if judgement.DONE not in run.text.split("\n")[0]],
            reloads=sum(person.reloads for person in self.people),
            starts=self.stage.starts,
            failed_starts=self.stage.failed_starts,
            settled=time.monotonic() - mended if good else None,
            losses=judgement.losses(facts),
            orphans=judgement.orphans(facts),
            untrue=judgement.untrue(facts),
            complaints=breaking.complaints,
            last_words=self._last_words(),
        )

    async def _facts(self, breaking: Breaking, recoveries: Recoveries, watch: Watch) -> Facts:
        """Raises DaemonFailed, TimeoutError, sqlite3.Error: everything is there again, and must answer."""
        listed = await asyncio.to_thread(rows.workspaces, self.stage.database)
        return Facts(
            rows=listed,
            containers=await containers(self.stage),
            volumes=await volumes(self.stage),
            folders=_folders(self.stage.data / "sockets"),
            mirrors=_mirrors(self.stage.data / "mirrors"),
            losses=self.ledger.losses(await watch.everywhere()),
            typed={person.workspace: await person.types() for person in self.people},
            runs=[
                await self._run_facts(claude, run, listed, breaking)
                for claude in self.claudes
                for run in claude.runs
            ],
            recovering=recoveries.waiting,
        )

    async def _run_facts(
        self, claude: Claude, run: Run, listed: Sequence[WorkspaceFacts], breaking: Breaking
    ) -> RunFacts:
        of_run = lines = frozenset(range(run.first, run.last + 1))
        row = next((row for row in listed if claude.thread and claude.thread in row.address), None)
        if row is None:
            return RunFacts(claude.thread, run.text, lines)
        # A call that was cut off may be followed by the next one: what nobody has seen need not be there.
        lines &= self.ledger.account(row.id).certain.commits
        held = await evidence.on_remote(self.stage.remote, [f"refs/heads/{row.branch}"])
        pulls = self.stage.town.github.pull_requests(REPOSITORY)
        hit = {*breaking.hit.get(row.id, ()), *(one.kind for one in breaking.log if one.kind in OUTAGES)}
        pull_request = any(pull.head == row.branch for pull in pulls)
        return RunFacts(row.id, run.text, lines, held.commits & of_run, pull_request, tuple(sorted(hit)))

    def _last_words(self) -> dict[str, str]:
        threads = [*(person.thread for person in self.people), *(claude.thread for claude in self.claudes)]
        return {
            thread: self.stage.town.slack.messages(CHANNEL, thread)[-1].shown for thread in threads if thread
        }


@asynccontextmanager
async def _beside(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def chaos(folder: Path, wanted: Plan, say: Callable[[str], None]) -> Result:
    """From an empty folder to the result. Raises DaemonFailed, HeddleFailed, WorkFailed, TimeoutError."""
    daemon = Daemon()
    async with daemon, Stage(folder, daemon) as stage:
        result = await Chaos(stage, wanted, say).run()
        places = [daemon.folder, stage.data]
    left = await asyncio.to_thread(_left, daemon.group, places)
    return replace(result, orphans=[*result.orphans, *left])


def _left(group: str, places: list[Path]) -> list[str]:
    """What of it is still there when everything has been ended."""
    return [
        *(f"process {number} is left" for place in places for number in leftovers.processes(str(place))),
        *(f"process {number} is left in {group}" for number in leftovers.members(group)),
        *(f"{place} is still mounted" for place in leftovers.mounts(places)),
    ]


def _folders(parent: Path) -> frozenset[str]:
    return frozenset(entry.name for entry in parent.iterdir() if not entry.name.startswith("."))


def _mirrors(parent: Path) -> frozenset[str]:
    return frozenset(
        f"{path.parent.name}/{path.name.removesuffix('.git')}" for path in parent.glob("*/*.git")
    )
