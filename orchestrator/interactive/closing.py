"""The ends of an opening: closed or failed, durably. Nothing is removed that the remote lacks without the word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from dbos import DBOS, DBOSConfiguredInstance

from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.durability import begin, begin_again, broken, goes_on
from orchestrator.forge import ForgeError
from orchestrator.gateway.server import Gateway
from orchestrator.git import GitError
from orchestrator.interactive import answers, reasons
from orchestrator.interactive.asking import Asking, NoAnswer
from orchestrator.interactive.boards import Boards
from orchestrator.interactive.opening import Opening, OpeningState, Summary, Word, Work
from orchestrator.interactive.openings import Openings
from orchestrator.interactive.remote import Remote
from orchestrator.interactive.waking import Abandoned, Waking
from orchestrator.lanes import Lanes
from orchestrator.mirrors import RepositoryMissing, RepositoryUnreachable
from orchestrator.persistence import persist
from orchestrator.preparing import door_of
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from orchestrator.underway import Underway
from orchestrator.workspaces import Workspace, new_id

LOOKS = 3  # at a workspace whose container goes away while it is asked
STOP_SECONDS = 5
AWAKE_SECONDS = 60.0  # for a container that sleeps

NOT_AWAKE = "the workspace could not be started to ask it: {why}"
NOT_THERE = "the code host does not have the branch's newest commit"
NOT_RESCUED = "the code host does not have what was pushed to `{ref}`"
LEFT = "this could not be rescued; everything else is at `{ref}`"
ALL_LEFT = "this could not be rescued"
NOT_ASKED = "the code host could not be asked: {error}"

_FAILED = "opening-failed-"  # before an opening's id: the name of the workflows that end a start

log = structlog.get_logger(__name__)


class OpeningWatcher(Protocol):
    """Tells the people of a conversation. Every method returns once they can see it and raises while they can't;
    calling it again shows nothing twice. Texts may still hold secrets."""

    async def closed(self, opening: Opening, summary: Summary) -> None:
        """It is closed, or about to be: nothing can stop it any more."""
        ...

    async def failed(self, opening: Opening) -> None:
        """It never came to a terminal; `opening.problem` says why."""
        ...

    async def kept(self, opening: Opening, work: Work) -> None:
        """Its close was given up: the second look found this work, which the remote lacks."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What the second look has found. kept: what would be lost, so that the close is given up."""

    summary: Summary = Summary()
    kept: Work | None = None
    over: bool = False  # the opening had its end already


@DBOS.dbos_class()
class Closing(DBOSConfiguredInstance):
    """Carries the ends of openings out, whatever happens to Heddle.

    revoke: cuts the connections of a workspace's terminals. forget: gives up what was saved of a closed workspace,
    without raising anything.
    """

    def __init__(
        self,
        *,
        openings: Openings,
        engine: Engine,
        gateway: Gateway,
        waking: Waking,
        asking: Asking,
        remote: Remote,
        boards: Boards,
        lanes: Lanes,
        history: History,
        watcher: OpeningWatcher,
        revoke: Callable[[str], None],
        underway: Underway,
        forget: Callable[[Workspace], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(config_name="openings")
        self._openings = openings
        self._engine = engine
        self._gateway = gateway
        self._waking = waking
        self._asking = asking
        self._remote = remote
        self._boards = boards
        self._lanes = lanes
        self._history = history
        self._watcher = watcher
        self._revoke = revoke
        self._underway = underway
        self._forget = forget

    async def begin_close(self, opening: Opening) -> None:
        """Carry the close of an opening out that is in state `closing`; durable when this returns."""
        await begin(self.close, f"{_prefix(opening)}{new_id()}", opening.id)

    async def take_up(self, opening: Opening) -> None:
        """As `begin_close`, unless its workflow is there and goes on by itself."""
        if not await goes_on(self._underway, _prefix(opening)):
            await self.begin_close(opening)

    async def begin_failure(self, opening: Opening, problem: Problem) -> None:
        """Give a start up; durable when this returns."""
        starting = [OpeningState.STARTING]
        await self._openings.move(opening.id, OpeningState.STARTING, of=starting, problem=problem)
        await self.take_failure_up(opening)

    async def take_failure_up(self, opening: Opening) -> None:
        """The rest of `begin_failure`, any number of times."""
        await begin_again(self._underway, self.fail, f"{_FAILED}{opening.id}", opening.id)

    async def mend(self) -> None:
        """Carry ends of starts through to people whose workflow was broken (see `broken`)."""
        for name in await broken(self._underway, _FAILED):
            opening_id = name.removeprefix(_FAILED)
            if await self._openings.has(opening_id):
                await begin_again(self._underway, self.fail, name, opening_id)

    @DBOS.workflow()
    async def close(self, opening_id: str) -> None:
        """The whole of a close. Killed at any point, it goes on from the step that it was in."""
        with self._underway:
            opening = await self._openings.opening(opening_id)
            async with self._lanes.lane(opening.workspace.id):
                looked = await self._look(opening_id)
                if looked.over:
                    return
                if looked.kept is not None:
                    await self._reopen(opening_id)
                else:
                    await self._tell(opening_id, looked.summary)
                    await self._remove(opening_id, _reason(looked.summary))
            if looked.kept is not None:
                await self._tell_kept(opening_id, looked.kept)

    @DBOS.workflow()
    async def fail(self, opening_id: str) -> None:
        """The end of an opening that never came to a terminal; its volume stays."""
        with self._underway:
            opening = await self._openings.opening(opening_id)
            async with self._lanes.lane(opening.workspace.id):
                await self._give_up(opening_id)
            await self._tell_failed(opening_id)

    @DBOS.step()
    async def _look(self, opening_id: str) -> Looked:
        opening = await self._openings.opening(opening_id)
        if opening.state is not OpeningState.CLOSING:
            return Looked(over=True)
        self._boards.abandon(opening_id, False)  # whoever was at it has left the lane
        self._revoke(opening.workspace.id)
        word = await self._openings.word(opening_id)
        looked = Looked(kept=answers.unknown(""))
        for _ in range(LOOKS):
            try:
                looked = await self._look_once(opening, word)
                break
            except NoAnswer as error:
                log.warning("the workspace did not answer its close", opening=opening_id, error=str(error))
                looked = Looked(kept=answers.unknown(str(error)))
                if not error.gone and not await self._is_gone(opening):
                    break
        if word is Word.DISCARD and looked.kept is not None:  # then nobody needs an answer
            looked = Looked(Summary(discarded=True))
        if looked.kept is None:
            # From here on nothing in the volume can change.
            await persist(
                f"removing container {opening.container}", lambda: self._engine.remove(opening.container)
            )
        return looked

    async def _is_gone(self, opening: Opening) -> bool:
        """Whether its container does not run: the Engine has several ways to fail at one that ends just now."""
        try:
            found = await self._engine.find(opening.container)
        except EngineUnavailable:
            return False
        return found is None or not found.alive

    async def _look_once(self, opening: Opening, word: Word) -> Looked:
        """Raises NoAnswer."""
        await self._awaken(opening)
        await self._asking.quiesce(opening)
        work = await self._asking.work(opening)
        brought = await self._asking.brought(opening)
        summary = brought.summary
        if word is Word.DISCARD:
            return Looked(replace(summary, discarded=not work.safe))
        try:
            if work.safe:
                if brought.reason:
                    return Looked(kept=answers.unknown(brought.reason))
                repository = opening.workspace.repository
                also = await self._asking.also(opening)
                if summary.commits and not await self._remote.holds(repository, brought.head, also):
                    return Looked(kept=answers.unknown(NOT_THERE))
                return Looked(summary)
            if word is not Word.RESCUE:
                return Looked(kept=work)
            ref = door_of(opening.workspace).rescue_ref
            rescued = await self._asking.rescue(opening, ref)
            if rescued.head and await self._remote.at(opening.workspace.repository, ref) != rescued.head:
                return Looked(kept=replace(work, answered=False, reason=NOT_RESCUED.format(ref=ref)))
            if rescued.left:
                reason = LEFT.format(ref=ref) if rescued.head else ALL_LEFT
                return Looked(kept=Work(True, uncommitted=rescued.left, reason=reason))
            return Looked(replace(summary, rescue_ref=ref))
        except (RepositoryMissing, RepositoryUnreachable, ForgeError, GitError) as error:
            return Looked(kept=replace(work, answered=False, reason=NOT_ASKED.format(error=error)))

    async def _awaken(self, opening: Opening) -> None:
        try:
            async with asyncio.timeout(AWAKE_SECONDS):
                problem = await self._waking.bring_up(opening, to_ask=True)
        except TimeoutError:
            return  # it may be at its set-up commands: asking will show
        except Abandoned:
            return
        except Exception as error:  # whatever it was: there is no answer
            raise NoAnswer(NOT_AWAKE.format(why=error)) from error
        if problem is not None:
            raise NoAnswer(NOT_AWAKE.format(why=problem.what))

    @DBOS.step()
    async def _reopen(self, opening_id: str) -> None:
        opening = await self._openings.opening(opening_id)
        if await self._openings.move(opening_id, OpeningState.OPEN, of=[OpeningState.CLOSING]):
            to = WorkspaceState.RECOVERING
            try:  # only a new start brings terminals back; where it does not work, the next sweep or visit wakes it
                await self._engine.stop(opening.container, STOP_SECONDS)
                if await self._waking.bring_up(opening) is None:
                    to = WorkspaceState.RUNNING
            except Exception as error:
                log.warning("could not be reopened", opening=opening_id, error=repr(error))
            await self._history.move(opening.workspace.id, to, reasons.KEPT)
        self._boards.move(opening_id, OpeningState.OPEN)

    @DBOS.step()
    async def _tell_kept(self, opening_id: str, work: Work) -> None:
        opening = await self._openings.opening(opening_id)
        await persist(f"telling that {opening_id} is kept", lambda: self._watcher.kept(opening, work))

    @DBOS.step()
    async def _tell(self, opening_id: str, summary: Summary) -> None:
        opening = await self._openings.opening(opening_id)
        await persist(f"telling the close of {opening_id}", lambda: self._watcher.closed(opening, summary))

    @DBOS.step()
    async def _remove(self, opening_id: str, reason: str) -> None:
        opening = await self._openings.opening(opening_id)
        if opening.state is not OpeningState.CLOSING:  # done before, and the names may be another's by now
            return
        workspace = opening.workspace
        await persist(
            f"removing container {opening.container}", lambda: self._engine.remove(opening.container)
        )
        await persist(
            f"removing volume {workspace.volume}", lambda: self._engine.remove_volume(workspace.volume)
        )
        await self._close_door(opening)
        if self._forget is not None:
            await self._forget(workspace)
        await self._history.move(workspace.id, WorkspaceState.CLOSED, reason)
        await self._openings.end(opening)
        self._boards.move(opening_id, OpeningState.CLOSED)
        log.info("closed", opening=opening_id)

    @DBOS.step()
    async def _give_up(self, opening_id: str) -> None:
        opening = await self._openings.opening(opening_id)
        if opening.state is not OpeningState.STARTING:
            return
        await persist(
            f"removing container {opening.container}", lambda: self._engine.remove(opening.container)
        )
        await self._close_door(opening)
        why = opening.problem.what if opening.problem is not None else ""
        await self._history.move(opening.workspace.id, WorkspaceState.STOPPED, why)
        await self._openings.move(opening_id, OpeningState.FAILED, of=[OpeningState.STARTING])
        self._boards.move(opening_id, OpeningState.FAILED, opening.problem)

    @DBOS.step()
    async def _tell_failed(self, opening_id: str) -> None:
        opening = await self._openings.opening(opening_id)
        if opening.state is OpeningState.FAILED and not opening.quiet:
            await persist(f"telling the failure of {opening_id}", lambda: self._watcher.failed(opening))

    async def hand_over(self, opening: Opening, reason: str) -> bool:
        """Inside the lane: end the terminals and the container, keep the volume; False when it had its end already."""
        try:
            await self._asking.quiesce(opening)  # what is open is written down, Claude's session among it
        except NoAnswer as error:
            log.info("handed over as it is", opening=opening.id, error=str(error))
        await self._engine.remove(opening.container)
        await self._close_door(opening)
        await self._history.move(opening.workspace.id, WorkspaceState.STOPPED, reason)
        live = [OpeningState.STARTING, OpeningState.OPEN]
        moved = await self._openings.move(opening.id, OpeningState.HANDED_OVER, of=live)
        if moved:
            self._boards.move(opening.id, OpeningState.HANDED_OVER)
        return moved

    async def _close_door(self, opening: Opening) -> None:
        try:
            await self._gateway.close(opening.workspace.id)
        except OSError as error:  # a container may leave folders there that not everybody can remove
            log.warning("sockets could not be removed", workspace=opening.workspace.id, error=str(error))


def _reason(summary: Summary) -> str:
    if summary.discarded:
        return reasons.GIVEN_UP
    return reasons.RESCUED.format(ref=summary.rescue_ref) if summary.rescue_ref else reasons.ON_THE_REMOTE


def _prefix(opening: Opening) -> str:
    return f"opening-close-{opening.id}-"
