"""Clean-up: looks at what there is, decides by `plan`, and removes one thing after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.cleaning.holdings import EngineSeen, Holdings, OldRows, Ref, WorkspaceUse
from orchestrator.cleaning.plan import (
    BRANCHES,
    borrowed,
    branch_is_done,
    done_with,
    plan,
)
from orchestrator.cleaning.removals import DAY, Kind, Removal, Retention
from orchestrator.cleaning.shelves import Shelf
from orchestrator.cleaning.stores import Stores
from orchestrator.cleaning.workspace_rows import Marks, WorkspaceRows
from orchestrator.containers import EngineUnavailable
from orchestrator.forge import ForgeError
from orchestrator.mirrors import Mirrors, RepositoryMissing, RepositoryUnreachable

MARK = "gc"  # somebody has asked for a clean-up
ASKED_AT_ONCE = 4  # repositories
CACHES = frozenset({Kind.LEFTOVER, Kind.LOG, Kind.MIRROR})
ENGINE_AWAY = "Docker doesn't answer ({error}): mirrors, refs and the rows of workspaces were left alone."
HOST_AWAY = "{repository} could not be asked for its refs ({error})."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Total:
    """What this process has removed of one kind: how many, and their bytes."""

    count: int = 0
    size: int = 0


class Cleaner:
    """Cleans up after a deployment. What it looks at and removes may be in use by others at the same time.

    shelves: kinds of rows that get old. waiting: the ids of messages that wait to be handled. code_host: whether
    refs there can be asked for. clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        rows: WorkspaceRows,
        marks: Marks,
        engine: DockerSeen,
        mirrors: Mirrors,
        stores: Stores,
        shelves: Sequence[Shelf],
        waiting: Callable[[], Awaitable[Collection[str]]],
        retention: Retention,
        code_host: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._marks = marks
        self._engine = engine
        self._mirrors = mirrors
        self._stores = stores
        self._shelves = {shelf.name: shelf for shelf in shelves}
        self._waiting = waiting
        self._retention = retention
        self._code_host = code_host
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._asked: dict[str, float] = {}
        self._totals: dict[Kind, Total] = {}
        self._errors = 0
        self._notes: tuple[str, ...] = ()

    @property
    def totals(self) -> Mapping[Kind, Total]:
        """What this process has removed so far."""
        return dict(self._totals)

    @property
    def errors(self) -> int:
        """How many removals have failed in this process."""
        return self._errors

    @property
    def notes(self) -> tuple[str, ...]:
        """What the latest clean-up could not look at, in words for people."""
        return self._notes

    async def holdings(self, *, thorough: bool = False) -> Holdings:
        """What there is.

        thorough: with the sizes of volumes, which takes Docker a while, and all repositories asked for their refs;
        otherwise only those where some may go, once a day.
        """
        now, notes = self._clock(), list[str]()
        seen: EngineSeen | None = None
        try:
            seen = await self._engine.look(sizes=thorough)
        except EngineUnavailable as error:
            notes.append(ENGINE_AWAY.format(error=error))
        # After Docker: a workspace that begins meanwhile has its row before it has anything else.
        needs, workspaces = await self._rows.needs(), await self._rows.all()
        wanted = needs.wanted | frozenset(await self._waiting())
        holdings = Holdings(
            logs=await self._stores.logs(needs.live, needs.ended),
            attachments=await self._stores.attachments(wanted, needs.used),
            workspaces=workspaces,
            rows=tuple([await self._old(shelf, now) for shelf in self._shelves.values()]),
            engine=seen,
            mirrors=tuple(await self._mirrors.held()),
            leftovers=await self._mirrors.leftovers(now),
        )
        refs = await self._refs(holdings, now, notes, thorough) if self._code_host else {}
        return replace(holdings, refs=refs, notes=tuple(notes))

    async def plan(self) -> list[Removal]:
        """What may go now."""
        return plan(await self.holdings(), self._clock(), self._retention)

    async def clean(self, *, thorough: bool = False) -> list[Removal]:
        """Remove what may go; what went. What could not be removed is logged and stays for the next time."""
        async with self._one_at_a_time:
            holdings = await self.holdings(thorough=thorough)
            self._notes = holdings.notes
            self._asked |= dict.fromkeys(holdings.refs, self._clock())
            return await self._remove(holdings, plan(holdings, self._clock(), self._retention))

    async def clean_caches(self) -> list[Removal]:
        """Remove what can be had again: leftovers, all mirrors that nobody borrows from, logs older than a day."""
        async with self._one_at_a_time:
            holdings = await self._caches()
            removals = plan(holdings, self._clock(), self._retention.tightest())
            return await self._remove(holdings, [one for one in removals if one.kind in CACHES])

    async def reclaimable(self) -> list[Removal]:
        """What `clean_caches` would remove now."""
        removals = plan(await self._caches(), self._clock(), self._retention.tightest())
        return [one for one in removals if one.kind in CACHES]

    async def requested(self) -> None:
        """Clean up if somebody has left the mark; what a scheduler calls each minute."""
        found = await self._marks.find(MARK)
        if found is not None:
            await self.clean(thorough=True)
            await self._marks.wipe(MARK, found[0])

    async def request(self) -> None:
        """Leave the mark, for the Heddle that serves."""
        await self._marks.leave(MARK, self._clock())

    async def _caches(self) -> Holdings:
        """As much of it as caches need; nothing that a full disk or a code host that is away could keep back."""
        now, seen = self._clock(), None
        try:
            seen = await self._engine.look()
        except EngineUnavailable as error:
            log.warning("no mirror can go while Docker doesn't answer", error=str(error))
        needs = await self._rows.needs()
        return Holdings(
            logs=await self._stores.logs(needs.live, needs.ended),
            workspaces=await self._rows.all(),
            engine=seen,
            mirrors=tuple(await self._mirrors.held()),
            leftovers=await self._mirrors.leftovers(now),
        )

    async def _old(self, shelf: Shelf, now: float) -> OldRows:
        return await shelf.old(self._retention.before(shelf.age, now))

    async def _refs(
        self, holdings: Holdings, now: float, notes: list[str], thorough: bool
    ) -> dict[str, tuple[Ref, ...]]:
        names = {workspace.key: workspace.repository for workspace in holdings.workspaces}
        if not thorough:
            worth = {one.key for one in holdings.workspaces if self._may_have_old_refs(one, holdings, now)}
            names = {key: names[key] for key in worth if now - self._asked.get(key, 0.0) > DAY}
        slots = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(key: str, repository: str) -> tuple[str, tuple[Ref, ...] | None]:
            async with slots:
                try:
                    found = await self._mirrors.refs(repository)
                except (RepositoryMissing, RepositoryUnreachable, ForgeError) as error:
                    notes.append(HOST_AWAY.format(repository=repository, error=error))
                    return key, None
                return key, await self._judged(key, found, holdings, now)

        answers = await asyncio.gather(*(ask(key, name) for key, name in sorted(names.items())))
        return {key: refs for key, refs in answers if refs is not None}

    def _may_have_old_refs(self, workspace: WorkspaceUse, holdings: Holdings, now: float) -> bool:
        if workspace.kept_row and not workspace.rows:
            return False
        return done_with(workspace, holdings) and now - workspace.until > self._retention.rescues

    async def _judged(
        self, key: str, found: Mapping[str, str], holdings: Holdings, now: float
    ) -> tuple[Ref, ...]:
        """The refs, with whether the branches that might go are merged."""
        head = found.get("HEAD", "")
        refs = []
        for name, commit in sorted(found.items()):
            branch, merged = name.removeprefix(BRANCHES), None
            candidate = name.startswith(BRANCHES) and branch_is_done(
                key, branch, holdings, now, self._retention.rescues
            )
            if candidate and head:
                merged = await self._mirrors.reaches(key, head, commit)
            if name != "HEAD":
                refs.append(Ref(name, commit, merged))
        return tuple(refs)

    async def _remove(self, holdings: Holdings, removals: Iterable[Removal]) -> list[Removal]:
        gone = []
        for removal in removals:
            try:
                done = await self._remove_one(holdings, removal)
            except Exception as error:  # the others can go all the same
                self._errors += 1
                log.warning(
                    "could not be removed", kind=removal.kind.value, name=removal.name, error=repr(error)
                )
                continue
            if done:
                gone.append(removal)
                before = self._totals.get(removal.kind, Total())
                self._totals[removal.kind] = Total(before.count + removal.count, before.size + removal.size)
                log.info("removed", kind=removal.kind.value, name=removal.name, reason=removal.reason)
        return gone

    async def _remove_one(self, holdings: Holdings, removal: Removal) -> bool:
        match removal.kind:
            case Kind.LEFTOVER:
                return bool(await self._mirrors.clear([removal.name], self._clock()))
            case Kind.LOG:
                return await self._stores.remove_log(removal.name)
            case Kind.ATTACHMENT:
                return await self._stores.remove_attachment(removal.name)
            case Kind.REF | Kind.BRANCH:
                return await self._remove_ref(holdings, removal)
            case Kind.WORKSPACE:
                return await self._rows.remove(removal.name, removal.before)
            case Kind.ROWS:
                return await self._shelves[removal.name].remove(removal.before) > 0
            case Kind.MIRROR:
                return await self._mirrors.remove(removal.name, lambda: self._is_unused(removal.name))

    async def _remove_ref(self, holdings: Holdings, removal: Removal) -> bool:
        repository, _, ref = removal.name.partition(" ")
        fresh = await self._rows.of(repository)
        # Somebody may have gone on with it since the decision was made.
        again = plan(
            Holdings(workspaces=fresh, engine=holdings.engine, refs={repository: holdings.refs[repository]}),
            self._clock(),
            self._retention,
        )
        if not any((one.kind, one.name) == (removal.kind, removal.name) for one in again):
            return False
        return await self._mirrors.remove_ref(fresh[0].repository, ref, removal.commit)

    async def _is_unused(self, repository: str) -> bool:
        needed = borrowed(Holdings(engine=await self._engine.look(), workspaces=await self._rows.all()))
        return needed is not None and repository not in needed
