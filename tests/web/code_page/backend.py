"""What stands behind the page in its tests: Heddle's answers as data, in front of a real container with ttyd and tmux."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import subprocess
import time
from collections import Counter
from typing import Any

from aiohttp import web

from orchestrator import terminal_socket
from orchestrator.interactive.opening import Loose, OpeningState, Progress, Status, Step, Terminal, Work
from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from tests.images.interactive.rooms import Room
from web.code import answers
from web.pages import Pages
from web.server import Route, WebServer
from web.terminals.splices import Splices

WORKSPACE = "w1"
BASE = f"/code/{WORKSPACE}"
WATCH = "/watch/a-token"
SESSION = "somebody"
SILENCE = 10.0  # seconds
LINK = "https://example.com/thread"
READY = (Step("container", 100.0, 100.4), Step("clone", 100.4, 101.6), Step("terminal", 101.6, 101.9))
OPEN = Progress(OpeningState.OPEN, READY, status=Status("claude/one", "1a2b3c4d5e6f", 2, 1))
LOST = Work(
    True,
    uncommitted=("src/greeting.py", "tests/test_greeting.py"),
    loose=(
        Loose("claude/one", 2, ("Greet in the visitor’s language", "Add a test for names")),
        Loose("stash@{0}", 1, ("WIP on main",)),
    ),
)
UNKNOWN = Work(False, reason="fatal: not a git repository")
FAILED = Progress(
    OpeningState.FAILED,
    (Step("container", 100.0, 100.4), Step("clone", 100.4, 131.0)),
    Problem(
        "The repository could not be cloned.",
        "Check that the App still has access to acme/greeter, then try again.",
        "Cloning into 'repository'...\nremote: Repository not found.\nfatal: repository 'acme/greeter' not found",
    ),
)


def runs() -> tuple[WorkspaceState, list[Move]]:
    """Where a workspace is that was opened a good hour before now."""
    now = time.time()
    opened = Move(now - 4000, WorkspaceState.STOPPED, WorkspaceState.STARTING, "Ada Lovelace opens it")
    ready = Move(now - 3998, WorkspaceState.STARTING, WorkspaceState.RUNNING, "its terminals answer")
    return WorkspaceState.RUNNING, [ready, opened]


class Backend:
    """Answers the page. What it answers can be changed at any time; what was asked is counted in `asked`."""

    def __init__(self, room: Room | None) -> None:
        self.room = room
        self.progress = OPEN
        self.terminals = [Terminal("claude", "Claude Code"), Terminal("shell-1", "Shell 1")]
        self.place = runs()
        self.work = Work(True)
        self.run_link: str | None = None  # of the run that has the workspace
        self.person = "Ada Lovelace"
        self.link = LINK
        self.dead = False  # nothing but refusals, as behind a proxy whose Heddle is away
        self.awake = True
        self.refusals = 0  # how many terminals are refused from now on
        self.signed_in = True
        self.histories: dict[str, bytes] = {}  # instead of what tmux has
        self.asked: Counter[str] = Counter()
        self.closes: list[str] = []
        self._news = asyncio.Condition()
        self._address = ""
        self._pages = Pages(lambda: self._address)
        self._splices = Splices()
        self._streams: set[asyncio.Task[Any]] = set()
        self._server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))

    async def start(self) -> str:
        routes = [
            ("GET", BASE, self._page),
            ("GET", WATCH, self._watch_page),
            ("POST", f"{BASE}/open", self._open),
            ("POST", f"{BASE}/wake", self._wake),
            ("GET", f"{BASE}/work", self._work),
            ("POST", f"{BASE}/close", self._close),
            ("POST", f"{BASE}/watch-link", self._share),
            ("DELETE", f"{BASE}/watch-link", self._unshare),
            ("POST", f"{BASE}/connections/{{connection}}/{{wish:hold|release}}", self._flow),
            ("POST", f"{BASE}/terminals", self._add),
            ("PATCH", f"{BASE}/terminals", self._arrange),
            ("PATCH", f"{BASE}/terminals/{{name}}", self._rename),
            ("DELETE", f"{BASE}/terminals/{{name}}", self._end),
            ("GET", f"{BASE}/terminals/{{name}}/history", self._history),
            *(("GET", f"{base}/events", self._events) for base in (BASE, WATCH)),
            *(("GET", f"{base}/terminals/{{name}}", self._terminal) for base in (BASE, WATCH)),
        ]
        counted = [Route(method, path, self._counting(handler)) for method, path, handler in routes]
        self._address = await self._server.start([*self._pages.routes(), *counted])
        return self._address

    @property
    def address(self) -> str:
        return self._address

    async def close(self) -> None:
        await self.cut()
        await self._splices.close()
        await self._server.close()

    async def tell(
        self,
        progress: Progress | None = None,
        terminals: list[Terminal] | None = None,
        place: tuple[WorkspaceState, list[Move]] | None = None,
    ) -> None:
        """Change what pages are told, and tell them."""
        async with self._news:
            self.place = place if place is not None else self.place
            self.progress = progress if progress is not None else self.progress
            self.terminals = terminals if terminals is not None else self.terminals
            self._news.notify_all()

    async def cut_terminals(self) -> None:
        """End the connections of terminals, as a container's end does."""
        self._splices.revoke_workspace(WORKSPACE)
        self._splices = Splices()

    async def cut(self) -> None:
        """End every connection, as a network does."""
        await self.cut_terminals()
        for task in list(self._streams):
            task.cancel()

    def _counting(self, handler: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.asked[f"{request.method} {request.path.removeprefix(BASE)}"] += 1
            if self.dead:
                return web.Response(status=502)
            if not self.signed_in and request.path != BASE:
                return web.json_response({"error": "You aren’t signed in."}, status=401)
            response: web.StreamResponse = await handler(request)
            return response

        return handle

    # Pages

    def _show(self, base: str, *, readonly: bool) -> web.Response:
        return self._pages.show(
            "code.html",
            terminal=True,
            workspace={
                "id": WORKSPACE,
                "repository": "acme/greeter",
                "branch": "claude/one",
                "link": self.link,
                "opener": "Ada",
            },
            state=self.progress.state.value if self.progress.steps or self.progress.state.live else "none",
            run={"link": self.run_link} if self.run_link is not None else None,
            person="" if readonly else self.person,
            readonly=readonly,
            base=base,
            terminals=[dataclasses.asdict(terminal) for terminal in self.terminals],
        )

    async def _page(self, _request: web.Request) -> web.Response:
        return self._show(BASE, readonly=False)

    async def _watch_page(self, _request: web.Request) -> web.Response:
        return self._show(WATCH, readonly=True)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)

        async def stream() -> None:
            said: tuple[object, object, object] = (None, None, None)
            while True:
                now = (self.progress, tuple(self.terminals), self.place)
                if now[0] != said[0]:
                    await self._say(response, "progress", {**dataclasses.asdict(now[0]), "now": time.time()})
                if now[1] != said[1]:
                    await self._say(
                        response, "terminals", [dataclasses.asdict(terminal) for terminal in now[1]]
                    )
                if now[2] != said[2]:
                    readonly = request.path.startswith(WATCH)
                    await self._say(response, "state", answers.state(*now[2], readonly=readonly))
                said = now
                async with self._news:
                    if (self.progress, tuple(self.terminals), self.place) == said:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(SILENCE):
                                await self._news.wait()
                await response.write(b": alive\n\n")

        task = asyncio.create_task(stream())
        self._streams.add(task)
        await asyncio.wait([task])
        self._streams.discard(task)
        if not task.cancelled() and not isinstance(task.exception(), ConnectionError):
            await task
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _say(self, response: web.StreamResponse, name: str, data: object) -> None:
        await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    # The workspace

    async def _open(self, request: web.Request) -> web.Response:
        take_over = (await request.json())["take_over"]
        if self.run_link is not None and not take_over:
            return web.json_response(
                {"held_by": "run", "link": self.run_link, "text": "Claude is working."}, status=409
            )
        self.run_link = None
        await self.tell(Progress(OpeningState.STARTING, (Step("container", time.time() - 0.2),)))
        return web.json_response({}, status=202)

    async def _wake(self, _request: web.Request) -> web.Response:
        if not self.progress.state.live:
            return web.json_response(
                {"state": self.progress.state.value, "error": "It isn’t open."}, status=409
            )
        if not self.awake:
            problem = {
                "what": "The container could not be started.",
                "todo": "Try again in a minute.",
                "output": "",
            }
            return web.json_response({"problem": problem}, status=503)
        return web.json_response({})

    async def _work(self, _request: web.Request) -> web.Response:
        return web.json_response({**dataclasses.asdict(self.work), "safe": self.work.safe})

    async def _close(self, request: web.Request) -> web.Response:
        word = (await request.json())["word"]
        self.closes.append(word)
        if not word and not self.work.safe:
            return web.json_response({**dataclasses.asdict(self.work), "safe": False}, status=409)
        await self.tell(Progress(OpeningState.CLOSING))
        return web.json_response({}, status=202)

    async def _share(self, _request: web.Request) -> web.Response:
        return web.json_response({"url": f"{self._address}{WATCH}"}, status=201)

    async def _unshare(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    # Its terminals

    async def _terminal(self, request: web.Request) -> web.StreamResponse:
        if self.room is None or self.refusals:
            self.refusals = max(0, self.refusals - 1)
            return web.Response(status=503)
        watching = request.path.startswith(WATCH)
        upstream = await terminal_socket.connect(
            self.room.place.sockets, "watch.sock" if watching else "terminal.sock"
        )
        return await self._splices.splice(
            request,
            upstream,
            target=f"/ws?arg={request.match_info['name']}",
            workspace_id=WORKSPACE,
            session=SESSION,
            connection=request.query["connection"],
        )

    async def _flow(self, request: web.Request) -> web.Response:
        wish, connection = request.match_info["wish"], request.match_info["connection"]
        self.asked[wish] += 1
        (self._splices.hold if wish == "hold" else self._splices.release)(connection, SESSION)
        return web.Response(status=204)

    async def _add(self, _request: web.Request) -> web.Response:
        numbers = [
            int(match[0]) for terminal in self.terminals if (match := re.findall(r"\d+", terminal.name))
        ]
        number = max(numbers, default=0) + 1
        terminal = Terminal(f"shell-{number}", f"Shell {number}")
        await self.tell(terminals=[*self.terminals, terminal])
        return web.json_response(dataclasses.asdict(terminal), status=201)

    async def _arrange(self, request: web.Request) -> web.Response:
        names = (await request.json())["names"]
        await self.tell(terminals=sorted(self.terminals, key=lambda terminal: names.index(terminal.name)))
        return web.Response(status=204)

    async def _rename(self, request: web.Request) -> web.Response:
        name, title = request.match_info["name"], (await request.json())["title"]
        changed = [
            Terminal(name, title) if terminal.name == name else terminal for terminal in self.terminals
        ]
        await self.tell(terminals=changed)
        return web.Response(status=204)

    async def _end(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self.tell(terminals=[terminal for terminal in self.terminals if terminal.name != name])
        if self.room is not None:
            await asyncio.to_thread(self.room.inside, "/opt/heddle/end", name)
        return web.Response(status=204)

    async def _history(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name in self.histories:
            text = self.histories[name]
        else:
            assert self.room is not None
            command = ("docker", "exec", self.room.container, "/opt/heddle/history", name)
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True)
            text = done.stdout
        response = web.Response(body=text, content_type="text/plain", charset="utf-8")
        response.enable_compression()
        return response
