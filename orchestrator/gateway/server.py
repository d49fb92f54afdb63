"""The gateway: for each workspace a UNIX socket, and behind it a server that knows whose socket it is."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from structlog.typing import FilteringBoundLogger

from orchestrator.gateway import answers, sockets
from orchestrator.gateway.door import Door, is_workspace_id
from orchestrator.gateway.git import GitPassage
from orchestrator.gateway.model import ModelPassage, OnUsage
from orchestrator.gateway.outbound import Outbound, Upstream
from orchestrator.gateway.pull_request import Publisher, PullRequestPassage
from orchestrator.gateway.routes import Greeting, ModelCall, Nowhere, PullRequestWish, Speech, route

MAX_CONNECTIONS = 256
"""Connections that one workspace may hold at a time: one container must not use up Heddle's descriptors."""

# aiohttp logs what a client gets wrong, with what it sent; a container must not fill Heddle's log.
_SILENT = logging.CRITICAL + 1

_GRACE = 0.1  # seconds for connections to end by themselves after their requests were cancelled


class Gateway:
    """The only way out of every container.

    sockets: the folder that holds a folder for each workspace; made if missing. on_usage: told what each
    answer of the model used. publisher: opens the pull requests that workspaces ask for; without one, none is opened.
    """

    def __init__(
        self,
        *,
        sockets: Path,
        upstream: Upstream,
        on_usage: OnUsage | None = None,
        publisher: Publisher | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._sockets = sockets
        self._publisher = publisher
        self._upstream = upstream
        self._on_usage = on_usage
        self._log: FilteringBoundLogger = log if log is not None else structlog.get_logger()
        self._doorways: dict[str, Doorway] = {}
        self._outbound: Outbound | None = None
        self._changing = asyncio.Lock()

    async def open(self, door: Door) -> Path:
        """The folder to mount into the workspace's container (it holds `gateway.sock`).

        Any number of times: a door that is open stays as it is, connections included, and from then on
        follows the repository and branch given last; a socket that is missing or left over from an earlier
        Heddle is replaced within the same folder. Raises OSError.
        """
        async with self._changing:
            doorway = self._doorways.get(door.workspace_id)
            inode = await asyncio.to_thread(sockets.inode_of, self._sockets, door.workspace_id)
            if doorway is not None and doorway.inode == inode:
                doorway.door = door
            else:
                listener = await asyncio.to_thread(sockets.listen, self._sockets, door.workspace_id)
                self._doorways[door.workspace_id] = await self._doorway(door, listener)
                if doorway is not None:
                    await doorway.close()
            return self._sockets / door.workspace_id

    async def close(self, workspace_id: str) -> None:
        """Ends the workspace's connections and removes its socket and folder; nothing if there is none."""
        async with self._changing:
            doorway = self._doorways.pop(workspace_id, None)
            if doorway is not None:
                await doorway.close()
            if is_workspace_id(workspace_id):
                await asyncio.to_thread(sockets.remove_folder, self._sockets, workspace_id)

    async def aclose(self) -> None:
        """Heddle stops: all connections end, the folders and sockets stay. A container's forwarder waits
        and reaches the next Heddle once that has opened the same doors."""
        async with self._changing:
            doorways = list(self._doorways.values())
            self._doorways.clear()
            await asyncio.gather(*(doorway.close() for doorway in doorways))
            if self._outbound is not None:
                await self._outbound.close()
                self._outbound = None

    async def _doorway(self, door: Door, listener: sockets.Listener) -> Doorway:
        if self._outbound is None:
            self._outbound = Outbound()
            if await asyncio.to_thread(sockets.open_to_others, self._sockets):
                self._log.warning("sockets_open_to_others", folder=str(self._sockets), wanted="mode 0700")
        git = GitPassage(outbound=self._outbound, upstream=self._upstream, log=self._log)
        model = ModelPassage(
            outbound=self._outbound, upstream=self._upstream, on_usage=self._on_usage, log=self._log
        )
        pull_request = PullRequestPassage(self._publisher, self._log)
        doorway = Doorway(door, git=git, model=model, pull_request=pull_request, log=self._log)
        try:
            await doorway.serve(listener)
        except BaseException:
            listener.socket.close()
            raise
        return doorway


class Doorway:
    """One workspace's server. What it may reach is `door`, which may be exchanged at any time."""

    def __init__(
        self,
        door: Door,
        *,
        git: GitPassage,
        model: ModelPassage,
        pull_request: PullRequestPassage,
        log: FilteringBoundLogger,
    ) -> None:
        self.door = door
        self.inode = 0
        self._git = git
        self._model = model
        self._pull_request = pull_request
        self._log = log
        self._tasks: set[asyncio.Task[object]] = set()
        self._listening: asyncio.AbstractServer | None = None
        self._server = web.Server(
            self._handle,
            handler_cancellation=True,  # who goes away needs no answer: the model is not asked on in vain
            auto_decompress=False,
            access_log=None,
            logger=logging.Logger("heddle.gateway", _SILENT),
        )

    async def serve(self, listener: sockets.Listener) -> None:
        """Takes the listening socket over."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_unix_server(
            self._protocol, sock=listener.socket, backlog=sockets.BACKLOG
        )
        self.inode = listener.inode

    async def close(self) -> None:
        """Stops listening and cuts every connection, requests in progress included."""
        if self._listening is not None:
            self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.shutdown(_GRACE)

    def _protocol(self) -> asyncio.BaseProtocol:
        if len(self._server.connections) >= MAX_CONNECTIONS:
            self._log.warning("too_many_connections", workspace=self.door.workspace_id)
            return _Turned()
        return self._server()

    async def _handle(self, request: BaseRequest) -> StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await self._answer(request, self.door)
        finally:
            self._tasks.discard(task)

    async def _answer(self, request: BaseRequest, door: Door) -> StreamResponse:
        where = route(request.method, request.raw_path, door)
        if isinstance(where, Nowhere):
            self._log.info(
                "refused", workspace=door.workspace_id, method=request.method, target=request.raw_path[:200]
            )
            refusal = answers.nowhere(where)
            if request.method == "CONNECT":  # what follows was meant for someone else
                refusal.force_close()
            return refusal
        if isinstance(where, Greeting):
            return Response(headers={"Server": "heddle"})
        speech = Speech.MODEL if isinstance(where, ModelCall) else Speech.TEXT
        try:
            if not await _may_send(request):
                return answers.spoken(speech, 417, answers.BAD_EXPECT)
            if isinstance(where, ModelCall):
                return await self._model.answer(request, where, door)
            if isinstance(where, PullRequestWish):
                return await self._pull_request.answer(request, door)
            return await self._git.answer(request, where, door)
        except ConnectionError:  # one of the two sides is gone, the other is cut off
            raise
        except Exception as error:
            # Frames without their variables, and no message: both could hold a credential.
            frames = "".join(traceback.format_tb(error.__traceback__))
            name = type(error).__name__
            self._log.error("gateway_failed", workspace=door.workspace_id, error=name, frames=frames)
            if request.writer.output_size:
                raise ConnectionResetError("the answer can't be completed") from None
            return answers.spoken(speech, 502, answers.FAILED)


async def _may_send(request: BaseRequest) -> bool:
    """Answers `Expect: 100-continue`, which aiohttp leaves to its handlers. False if something else is expected."""
    expected = request.headers.get("Expect")
    if expected is None:
        return True
    if expected.lower() != "100-continue":
        return False
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # nothing of the answer is sent yet
    return True


class _Turned(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
