"""Interactive workspaces, as the rest of Heddle sees them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestrator import terminal_socket
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable, Limits
from orchestrator.database import Database
from orchestrator.durability import Underway
from orchestrator.forge import Forge
from orchestrator.gateway.server import Gateway
from orchestrator.interactive import answers
from orchestrator.interactive.asking import Asking, NoAnswer
from orchestrator.interactive.boards import Boards
from orchestrator.interactive.closing import NOT_AWAKE, Closing, OpeningWatcher
from orchestrator.interactive.holding import Held
from orchestrator.interactive.opening import (
    CLAUDE,
    Opening,
    OpeningState,
    Progress,
    Terminal,
    Word,
    Work,
    is_terminal,
)
from orchestrator.interactive.openings import NotOpen, Openings, TooMany
from orchestrator.interactive.remote import Remote
from orchestrator.interactive.starting import StartFailed, Starting
from orchestrator.interactive.tabs import Tabs, TooManyTerminals
from orchestrator.interactive.topic import Topic
from orchestrator.interactive.waking import Waking
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.preparing import Machine, Preparing
from orchestrator.records import Records, RunRequest
from orchestrator.workspaces import Run

__all__ = [
    "Held",
    "Interactive",
    "InteractiveOptions",
    "NotOpen",
    "OpeningWatcher",
    "StartFailed",
    "TooMany",
    "TooManyTerminals",
]

MAX_OPEN = 20
CHECK_AWAKE_SECONDS = 30.0  # for a workspace that sleeps and is asked what is in it
END_SECONDS = 10.0
HISTORY_SECONDS = 30.0
DOORS_AT_ONCE = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InteractiveOptions:
    """What a deployment decides about interactive workspaces. sockets: the gateway's folder of sockets."""

    deployment: str
    image: str
    limits: Limits
    environment: Mapping[str, str]
    attachments: Path
    sockets: Path
    max_open: int = MAX_OPEN


class Interactive:
    """Opens, wakes, watches and closes workspaces, and knows their terminals.

    Made before the workflows are launched. lanes: the same as the runs'. revoke: cuts the connections to a workspace's
    terminals. redact: takes secrets out of what people see.
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
        watcher: OpeningWatcher,
        revoke: Callable[[str], None],
        redact: Callable[[str], str],
        options: InteractiveOptions,
        underway: Underway,
    ) -> None:
        self._openings = openings
        self._engine = engine
        self._gateway = gateway
        self._lanes = lanes
        self._revoke = revoke
        self._options = options
        self._tabs = Tabs(database)
        self._lists: dict[str, Topic[list[Terminal]]] = {}
        self._boards = Boards(engine, redact)
        self._asking = Asking(engine)
        preparing = Preparing(
            records=records,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            machine=Machine(
                options.deployment, options.image, options.limits, options.environment, options.attachments
            ),
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
            remote=Remote(mirrors),
            boards=self._boards,
            lanes=lanes,
            watcher=watcher,
            revoke=revoke,
            underway=underway,
        )
        self._starting = Starting(
            openings=openings,
            waking=self._waking,
            boards=self._boards,
            lanes=lanes,
            redact=redact,
            failed=self._closing.begin_failure,
        )

    # Opening

    async def open(self, request: RunRequest, opener: str, *, take_over: bool = False) -> Opening:
        """Open the workspace that a message asks for, once however often this is called for that message.

        The workspace is chosen as for a run; an opening that is live is returned as it is. Raises Held when a run has
        the workspace, unless `take_over`: then the run is asked to stop and the start waits for its end. Raises
        TooMany.
        """
        return await self._begin(*await self._openings.create(request, opener, take_over=take_over))

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
        await self._starting.wake(workspace_id)

    async def recover(self) -> None:
        """After Heddle's start: the doors of open workspaces, and the starts and ends that were interrupted."""
        at_once = asyncio.Semaphore(DOORS_AT_ONCE)

        async def take_up(opening: Opening) -> None:
            try:
                async with at_once:
                    await self._take_up(opening)
            except Exception as error:
                log.warning("could not be taken up", opening=opening.id, error=repr(error))

        await asyncio.gather(*(take_up(opening) for opening in await self._openings.live()))

    async def _take_up(self, opening: Opening) -> None:
        if opening.state is OpeningState.CLOSING:
            await self._closing.take_up(opening)
        elif opening.state is OpeningState.OPEN:
            async with self._lanes.lane(opening.workspace.id):
                if (await self._openings.opening(opening.id)).state is OpeningState.OPEN:
                    await self._waking.door(opening)
        elif opening.problem is not None:
            await self._closing.take_failure_up(opening)
        else:
            self._starting.begin(opening)

    async def aclose(self) -> None:
        """Heddle stops: what is under way goes on at the next start."""
        await self._starting.close()
        await self._boards.close()

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
        async with self._boards.keep(opening) as board:
            now = await self._openings.opening(opening.id)  # it may have moved before the board was there
            board.move(now.state, now.problem if now.state is OpeningState.FAILED else None)
            async with aclosing(board.watch()) as values:
                async for progress in values:
                    yield progress
                    if not progress.state.live:
                        return

    async def watch_terminals(self, workspace_id: str) -> AsyncGenerator[list[Terminal], None]:
        """The tabs, then again whenever they change. Never ends by itself."""
        topic = self._lists.get(workspace_id)
        if topic is None:
            topic = self._lists[workspace_id] = Topic(await self._tabs.all(workspace_id))
        try:
            async with aclosing(topic.watch()) as values:
                async for terminals in values:
                    yield terminals
        finally:
            if not topic.watched and self._lists.get(workspace_id) is topic:
                del self._lists[workspace_id]

    # Terminals

    async def terminals(self, workspace_id: str) -> list[Terminal]:
        """Claude Code's first, always."""
        return await self._tabs.all(workspace_id)

    async def add_terminal(self, workspace_id: str, title: str = "") -> Terminal:
        """Another tab; its shell begins when somebody connects. Raises NotOpen, TooManyTerminals."""
        await self._live(workspace_id)
        terminal = await self._tabs.add(workspace_id, title)
        await self._changed(workspace_id)
        return terminal

    async def rename_terminal(self, workspace_id: str, name: str, title: str) -> None:
        """Claude Code's keeps its title, and what is not there is no matter."""
        await self._tabs.rename(workspace_id, name, title)
        await self._changed(workspace_id)

    async def arrange_terminals(self, workspace_id: str, names: Sequence[str]) -> None:
        """In this order, after Claude Code's; those that are not named come last."""
        await self._tabs.arrange(workspace_id, names)
        await self._changed(workspace_id)

    async def end_terminal(self, workspace_id: str, name: str) -> None:
        """End a shell and remove its tab; Claude Code's stays. Raises EngineUnavailable, TimeoutError."""
        opening = await self._openings.newest(workspace_id)
        if name == CLAUDE or not is_terminal(name):
            return
        if opening is not None and opening.state is OpeningState.OPEN:
            found = await self._engine.find(opening.container)
            if (
                found is not None and found.state == "paused"
            ):  # or the next one of that name would find it there
                await self._engine.unpause(opening.container)
            with suppress(ContainerMissing):
                command = ["/opt/heddle/end", name]
                await self._engine.execute(opening.container, command, seconds=END_SECONDS)
        await self._tabs.remove(workspace_id, name)
        await self._changed(workspace_id)

    async def history(self, workspace_id: str, name: str) -> bytes:
        """All that a terminal has shown and still knows, with colours; empty when it has not begun.

        Raises NotOpen, EngineUnavailable, ContainerMissing (it sleeps), TimeoutError.
        """
        opening = await self._live(workspace_id)
        if not is_terminal(name):
            return b""
        command = ["/opt/heddle/history", name]
        code, text = await self._engine.execute(opening.container, command, seconds=HISTORY_SECONDS)
        return text if code == 0 else b""

    async def connect(self, workspace_id: str, *, writable: bool) -> socket.socket:
        """A connected socket to the terminals, or to those that only show. Raises NotOpen, OSError."""
        opening = await self._openings.newest(workspace_id)
        if opening is None or opening.state is not OpeningState.OPEN:
            raise NotOpen
        name = terminal_socket.TERMINAL if writable else terminal_socket.WATCH
        return await terminal_socket.connect(self._options.sockets / workspace_id, name)

    async def _changed(self, workspace_id: str) -> None:
        topic = self._lists.get(workspace_id)
        if topic is not None:
            topic.set(await self._tabs.all(workspace_id))

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
            return await self._asking.work(opening)
        except NoAnswer as error:
            return answers.unknown(str(error))

    async def close(self, workspace_id: str, word: Word, closer: str) -> Work | None:
        """Close for good: container and volume go. Raises NotOpen.

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
            self._boards.move(opening.id, OpeningState.CLOSING)
            await self._closing.begin_close(opening)
        return None

    async def hand_over(self, workspace_id: str) -> None:
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
                await self._closing.hand_over(opening)

    async def _live(self, workspace_id: str) -> Opening:
        opening = await self._openings.newest(workspace_id)
        if opening is None or not opening.state.live:
            raise NotOpen
        return opening
