"""Interactive workspaces, as the rest of Heddle sees them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress

import structlog

from orchestrator import terminal_socket
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.database import Database
from orchestrator.forge import Forge
from orchestrator.gateway.server import Gateway
from orchestrator.interactive import answers, reasons
from orchestrator.interactive.asking import Asking, NoAnswer
from orchestrator.interactive.boards import Boards
from orchestrator.interactive.cleaning_up import CleaningUp, NotCleanedUp
from orchestrator.interactive.closing import NOT_AWAKE, Closing, OpeningWatcher
from orchestrator.interactive.execs import Execs
from orchestrator.interactive.holding import Held
from orchestrator.interactive.opening import Opening, OpeningState, Progress, Terminal, Word, Work
from orchestrator.interactive.openings import NotOpen, Openings, TooMany
from orchestrator.interactive.options import InteractiveOptions
from orchestrator.interactive.pulls import Pulls
from orchestrator.interactive.remote import Remote
from orchestrator.interactive.resting import Resting
from orchestrator.interactive.starting import StartFailed, Starting
from orchestrator.interactive.tabs import Tabs, TooManyTerminals
from orchestrator.interactive.taking_up import TakingUp
from orchestrator.interactive.terminals import Terminals
from orchestrator.interactive.visits import Visits
from orchestrator.interactive.waking import Waking
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.preparing import Machine, Preparing, nowhere
from orchestrator.records import Records, RunRequest
from orchestrator.recovery.history import History, Move
from orchestrator.recovery.states import WorkspaceState
from orchestrator.underway import Underway
from orchestrator.workspaces import Run, Workspace

__all__ = [
    "Held",
    "Interactive",
    "InteractiveOptions",
    "NotCleanedUp",
    "NotOpen",
    "OpeningWatcher",
    "StartFailed",
    "TooMany",
    "TooManyTerminals",
]

CHECK_AWAKE_SECONDS = 30.0  # for a workspace that sleeps and is asked what is in it
SOMEBODY = "Somebody"

log = structlog.get_logger(__name__)


class Interactive:
    """Opens, wakes, watches, rests and closes workspaces, and knows their terminals.

    Made before the workflows are launched. lanes: the runs' own. watching: how many browsers a workspace's terminals
    have; revoke: cuts those connections. redact: takes secrets out of what people see. before_rest: saves what the
    remote lacks before a pause or a stop; forget: gives that up for a closed workspace, and raises nothing. disk:
    raises DiskFull when nothing new may begin.
    """

    def __init__(
        self,
        *,
        database: Database,
        records: Records,
        openings: Openings,
        engine: Engine,
        mirrors: Mirrors,
        gateway: Gateway,
        forge: Forge,
        lanes: Lanes,
        history: History,
        watcher: OpeningWatcher,
        watching: Callable[[str], int],
        revoke: Callable[[str], None],
        redact: Callable[[str], str],
        before_rest: Callable[[Opening], Awaitable[None]],
        forget: Callable[[Workspace], Awaitable[None]] | None = None,
        disk: Callable[[], Awaitable[None]],
        address_of: Callable[[str], Awaitable[str]] = nowhere,
        options: InteractiveOptions,
        underway: Underway,
    ) -> None:
        self._openings = openings
        self._engine = engine
        self._lanes = lanes
        self._revoke = revoke
        self._sockets = options.sockets
        self._history = history
        self._execs = execs = Execs()
        self._terminals = Terminals(Tabs(database), engine, execs)
        self._visits = Visits(history, watching)
        self._boards = Boards(engine, execs, redact)
        self._asking = Asking(engine, Pulls(database).refs)
        preparing = Preparing(
            records=records,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            machine=Machine(
                options.deployment, options.image, options.limits, options.environment, options.attachments
            ),
            address_of=address_of,
        )
        self._waking = Waking(
            engine=engine,
            preparing=preparing,
            boards=self._boards,
            sockets=options.sockets,
            deployment=options.deployment,
        )
        self._closing = Closing(
            openings=openings,
            engine=engine,
            gateway=gateway,
            waking=self._waking,
            asking=self._asking,
            remote=Remote(mirrors, forge),
            boards=self._boards,
            lanes=lanes,
            history=history,
            watcher=watcher,
            revoke=revoke,
            underway=underway,
            forget=forget,
        )
        self._starting = Starting(
            openings=openings,
            waking=self._waking,
            boards=self._boards,
            lanes=lanes,
            redact=redact,
            history=history,
            disk=disk,
            failed=self._closing.begin_failure,
        )
        self._resting = Resting(
            openings=openings,
            engine=engine,
            execs=execs,
            lanes=lanes,
            history=history,
            watched=self.watched,
            before_rest=before_rest,
        )
        self._cleaning_up = CleaningUp(openings, self)
        self._taking_up = TakingUp(
            openings=openings,
            lanes=lanes,
            waking=self._waking,
            starting=self._starting,
            closing=self._closing,
        )

    # Opening

    async def open(self, request: RunRequest, opener: str, *, take_over: bool = False) -> Opening:
        """Open the workspace that a message asks for, once however often this is called for that message.

        The workspace is chosen as for a run; an opening that is live is returned as it is. Raises Held when a run has
        the workspace, unless `take_over`: then the run is asked to stop and the start waits for its end. Raises
        TooMany.
        """
        created = await self._openings.create(request, opener or SOMEBODY, take_over=take_over)
        return await self._begin(*created)

    async def reopen(self, workspace_id: str, key: str, opener: str, *, take_over: bool = False) -> Opening:
        """As `open`, for a workspace that is known; `key` stands for the message. Raises NotOpen when it never was."""
        return await self._begin(*await self._openings.again(workspace_id, key, opener, take_over=take_over))

    async def _begin(self, opening: Opening, ending: Sequence[Run]) -> Opening:
        for run in ending:
            with suppress(EngineUnavailable):  # the run itself looks whether it should stop, too
                await self._engine.signal(run.container, "SIGTERM")
        if opening.state is OpeningState.STARTING and opening.problem is None:
            self._starting.begin(opening)
        return opening

    async def newest(self, workspace_id: str) -> Opening | None:
        """The latest opening of a workspace, live or not."""
        return await self._openings.newest(workspace_id)

    async def opening(self, opening_id: str) -> Opening:
        """An opening by its id."""
        return await self._openings.opening(opening_id)

    async def wake(self, workspace_id: str) -> None:
        """Until terminals answer, whatever state the container is in; any number of callers wait for one attempt.

        Raises NotOpen, StartFailed.
        """
        self._resting.visit(workspace_id)
        await self._visits.touch(workspace_id)
        await self._starting.wake(workspace_id)

    # Recovery and rest

    async def recover(self) -> None:
        """After Heddle's start: the doors of open workspaces, and the starts and ends that were interrupted."""
        await self._taking_up.all()

    async def mend(self) -> None:
        """Go on with ends of starts that broke before anybody was told."""
        await self._closing.mend()

    async def take_up(self, opening_id: str) -> None:
        """Go on with a start or a close that nobody is at, any number of times; an open one gets its doors. Raises
        EngineUnavailable, OSError."""
        await self._taking_up.one(opening_id)

    async def recover_one(self, workspace_id: str, *, restore: bool = False) -> None:
        """Bring an open workspace's container up that should run; restore: on a new volume, from its checkpoint.

        Raises NotOpen, StartFailed.
        """
        await self._starting.recover(workspace_id, restore=restore)

    async def pause(self, workspace_id: str, reason: str) -> bool:
        """Freeze it; False when somebody or something is at work in it, or it is gone. Raises EngineUnavailable."""
        return await self._resting.pause(workspace_id, reason)

    async def stop(self, workspace_id: str, reason: str) -> bool:
        """End the container of a paused one, which keeps its volume; False as for `pause`. Raises EngineUnavailable."""
        return await self._resting.stop(workspace_id, reason)

    async def clean_up(
        self, workspace_id: str, announce: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work | None:
        """Close a workspace for good whose conversation has ended, quietly opened for it where it is not open.

        The work that is at the rescue ref now; None when there was none, or somebody else took the workspace meanwhile.
        announce: hears of that work first; what it raises puts the clean-up off. Raises NotCleanedUp, StartFailed.
        """
        return await self._cleaning_up.clean_up(workspace_id, announce)

    def busy(self, workspace_id: str) -> bool:
        """Whether this process is at it: starts or wakes it, puts it to rest, closes it, has a run in it."""
        parts = (self._lanes, self._starting, self._resting, self._cleaning_up)
        return any(part.busy(workspace_id) for part in parts)

    def watched(self, workspace_id: str) -> int:
        """How many pages and terminals are open on it."""
        return self._visits.count(workspace_id)

    async def aclose(self) -> None:
        """Heddle stops: what is under way goes on at the next start."""
        await self._starting.close()
        await self._boards.close()
        await self._resting.close()
        await self._visits.close()

    # Watching

    async def watch(self, workspace_id: str) -> AsyncGenerator[Progress, None]:
        """The newest opening's progress, then each change; ends after the opening's end.

        A workspace that was never open counts as closed.
        """
        opening = await self._openings.newest(workspace_id)
        if opening is None:
            yield Progress(OpeningState.CLOSED)
            return
        if not opening.state.live:
            yield Progress(opening.state, problem=opening.problem)
            return
        self._resting.visit(workspace_id)
        async with self._visits.page(workspace_id), self._boards.keep(opening) as board:
            now = await self._openings.opening(opening.id)  # it may have moved before the board was there
            board.move(now.state, now.problem if now.state is OpeningState.FAILED else None)
            async with aclosing(board.watch()) as values:
                async for progress in values:
                    yield progress
                    if not progress.state.live:
                        return

    def watch_moves(self, workspace_id: str) -> AsyncGenerator[tuple[WorkspaceState, list[Move]], None]:
        """The workspace's state and how it came there, newest first; again after each move. Never ends by itself."""
        return self._history.watch(workspace_id)

    def watch_terminals(self, workspace_id: str) -> AsyncGenerator[list[Terminal], None]:
        """The tabs, then again whenever they change. Never ends by itself."""
        return self._terminals.watch(workspace_id)

    # Terminals

    async def terminals(self, workspace_id: str) -> list[Terminal]:
        """Claude Code's first, always."""
        return await self._terminals.all(workspace_id)

    async def add_terminal(self, workspace_id: str, title: str = "") -> Terminal:
        """Another tab; its shell begins when somebody connects. Raises NotOpen, TooManyTerminals."""
        await self._live(workspace_id)
        return await self._terminals.add(workspace_id, title)

    async def rename_terminal(self, workspace_id: str, name: str, title: str) -> None:
        """Claude Code's keeps its title, and what is not there is no matter."""
        await self._terminals.rename(workspace_id, name, title)

    async def arrange_terminals(self, workspace_id: str, names: Sequence[str]) -> None:
        """In this order, after Claude Code's; those that are not named come last."""
        await self._terminals.arrange(workspace_id, names)

    async def end_terminal(self, workspace_id: str, name: str) -> None:
        """End a shell and remove its tab; Claude Code's stays. Raises EngineUnavailable, TimeoutError."""
        await self._terminals.end(workspace_id, await self._openings.newest(workspace_id), name)

    async def history(self, workspace_id: str, name: str) -> bytes:
        """All that a terminal has shown and still knows, with colours; empty when it has not begun.

        Raises NotOpen, EngineUnavailable, ContainerMissing (it sleeps), TimeoutError.
        """
        return await self._terminals.history(await self._live(workspace_id), name)

    async def connect(self, workspace_id: str, *, writable: bool) -> socket.socket:
        """A connected socket to the terminals, or to those that only show. Raises NotOpen, OSError."""
        opening = await self._live(workspace_id)
        if opening.state is not OpeningState.OPEN:
            raise NotOpen
        self._resting.visit(workspace_id)
        await self._visits.touch(workspace_id)
        name = terminal_socket.TERMINAL if writable else terminal_socket.WATCH
        return await terminal_socket.connect(self._sockets / workspace_id, name)

    # Ends

    async def check(self, workspace_id: str) -> Work:
        """What is in the workspace and not on the remote; one that sleeps is woken. Raises NotOpen."""
        opening = await self._live(workspace_id)
        try:
            async with asyncio.timeout(CHECK_AWAKE_SECONDS):
                await self._starting.wake(workspace_id)
        except TimeoutError:
            pass  # it may be at its set-up commands: asking will show
        except StartFailed as failed:
            return answers.unknown(NOT_AWAKE.format(why=failed.problem.what))
        try:
            async with self._execs.ask(opening.container):
                return await self._asking.work(opening)
        except NoAnswer as error:
            return answers.unknown(str(error))

    async def close(self, workspace_id: str, word: Word, closer: str, reason: str = "") -> Work | None:
        """Close for good: container and volume go. reason: why, if it is not only that `closer` does. Raises NotOpen.

        None: that has begun and survives whatever happens to Heddle. Work: the remote lacks this, or nobody could say,
        and nothing was done, because `word` does not say what to do with it.
        """
        opening = await self._live(workspace_id)
        if opening.state is OpeningState.CLOSING:
            return None
        if word is Word.NONE:
            work = await self.check(workspace_id)
            if not work.safe:
                return work
        live = [OpeningState.STARTING, OpeningState.OPEN]
        if await self._openings.move(opening.id, OpeningState.CLOSING, of=live, word=word):
            log.info("closing", opening=opening.id, word=word.value, closer=closer)
            self._boards.abandon(opening.id, True)
            why = reason or reasons.CLOSES.format(closer=closer)
            await self._history.move(workspace_id, WorkspaceState.CLOSING, why)
            self._boards.move(opening.id, OpeningState.CLOSING)
            await self._closing.begin_close(opening)
        return None

    async def hand_over(self, workspace_id: str, reason: str = reasons.HANDED_OVER) -> None:
        """End the terminals and keep the volume, so that a run can have the workspace; any number of times.

        Raises Held when it is being closed, EngineUnavailable.
        """
        opening = await self._openings.newest(workspace_id)
        if opening is None or not opening.state.live:
            return
        self._boards.abandon(opening.id, True)
        async with self._lanes.lane(workspace_id):
            self._boards.abandon(opening.id, False)  # whoever was at it has left
            opening = await self._openings.opening(opening.id)
            if opening.state is OpeningState.CLOSING:
                raise Held(opening=opening)
            if opening.state.live:
                self._revoke(workspace_id)
                await self._closing.hand_over(opening, reason)

    async def _live(self, workspace_id: str) -> Opening:
        opening = await self._openings.newest(workspace_id)
        if opening is None or not opening.state.live:
            raise NotOpen
        return opening
