"""The routes of `/code/{id}` and `/watch/{token}` on a real server and database, in front of a pretended workspace."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import aiohttp
from aiohttp import web
from yarl import URL

from orchestrator.database import Base, Database
from orchestrator.interactive.interactive import Interactive, NotOpen
from orchestrator.interactive.opening import Opening, OpeningState, Progress, Terminal, Word, Work
from orchestrator.interactive.topic import Topic
from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from orchestrator.workspaces import Run, Workspace
from web.code.api import WATCH
from web.code.code import Code
from web.code.gate import Gate
from web.pages import Pages
from web.people import Person, Refusal
from web.server import Route, WebServer
from web.sessions import Sessions
from web.sign_in.pages import SignIn
from web.terminals.splices import Splices
from web.watches import Watches

WORKSPACE = Workspace("0123456789ab", "c1", "acme/tally", "main", "heddle/weave-012345", None)
OTHER = replace(WORKSPACE, id="ba9876543210")
ADA = Person("slack:T1:U1", "Ada <b>Park</b>")
REFUSED = "You may not. Ask Grace."
MOVE = Move(5.0, WorkspaceState.STARTING, WorkspaceState.RUNNING, "its terminals answer")
OPENING = Opening(
    "o1",
    WORKSPACE,
    "c1",
    "m1",
    "Ada",
    "",
    "https://example.org/thread",
    (),
    OpeningState.OPEN,
    None,
    1.0,
    None,
)


class Pretended:
    """What `Interactive` is to the routes. `raises` is what everything does instead; `asked` is what came."""

    def __init__(self) -> None:
        self.newest_opening: Opening | None = OPENING
        self.progress = Topic(Progress(OpeningState.OPEN))
        self.tabs = Topic([Terminal("claude", "Claude Code"), Terminal("shell-1", "Looms")])
        self.moves = Topic((WorkspaceState.RUNNING, [MOVE]))
        self.raises: Exception | None = None
        self.asked = list[tuple[object, ...]]()
        self.found = Work(True)
        self.connections = list[socket.socket]()

    def _note(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.raises is not None:
            raise self.raises

    async def newest(self, workspace_id: str) -> Opening | None:
        return self.newest_opening

    async def opening(self, opening_id: str) -> Opening:
        assert self.newest_opening is not None
        return self.newest_opening

    async def reopen(self, workspace_id: str, key: str, opener: str, *, take_over: bool = False) -> Opening:
        self._note("reopen", workspace_id, opener, take_over)
        return OPENING

    async def wake(self, workspace_id: str) -> None:
        self._note("wake", workspace_id)

    async def check(self, workspace_id: str) -> Work:
        self._note("check", workspace_id)
        return self.found

    async def close(self, workspace_id: str, word: Word, closer: str) -> Work | None:
        self._note("close", workspace_id, word, closer)
        return self.found if not self.found.safe and word is Word.NONE else None

    async def terminals(self, workspace_id: str) -> list[Terminal]:
        return self.tabs.value

    async def add_terminal(self, workspace_id: str, title: str = "") -> Terminal:
        self._note("add", workspace_id, title)
        return Terminal("shell-2", title or "Shell 2")

    async def rename_terminal(self, workspace_id: str, name: str, title: str) -> None:
        self._note("rename", workspace_id, name, title)

    async def arrange_terminals(self, workspace_id: str, names: Sequence[str]) -> None:
        self._note("arrange", workspace_id, *names)

    async def end_terminal(self, workspace_id: str, name: str) -> None:
        self._note("end", workspace_id, name)

    async def history(self, workspace_id: str, name: str) -> bytes:
        self._note("history", workspace_id, name)
        return "\x1b[1mhéddle\x1b[m 漢字\n".encode()

    async def connect(self, workspace_id: str, *, writable: bool) -> socket.socket:
        self._note("connect", workspace_id, writable)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.connections.append(theirs)
        return ours

    def watch(self, workspace_id: str) -> AsyncGenerator[Progress, None]:
        return self.progress.watch()

    def watch_moves(self, workspace_id: str) -> AsyncGenerator[tuple[WorkspaceState, list[Move]], None]:
        return self.moves.watch()

    def watch_terminals(self, workspace_id: str) -> AsyncGenerator[list[Terminal], None]:
        return self.tabs.watch()


@dataclass
class Doorkeeper:
    """An Admission that says no to everybody in `refused`."""

    refused: set[str] = field(default_factory=set)

    async def admits(self, person: Person, workspace: Workspace, conversation_id: str) -> Refusal | None:
        return Refusal(REFUSED) if person.id in self.refused else None


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.text)
        assert isinstance(value, dict)
        return value


@dataclass
class Stage:
    """A server with the routes. `cookie` signs Ada in; `asking` sends requests as her page does unless told otherwise."""

    address: str
    cookie: str
    session: str
    interactive: Pretended
    doorkeeper: Doorkeeper
    sessions: Sessions
    splices: Splices
    watches: Watches
    code: Code
    browser: aiohttp.ClientSession
    run: Run | None = None

    @property
    def base(self) -> str:
        return f"/code/{WORKSPACE.id}"

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        signed_in: bool = True,
        origin: str | None = "",
        upgrade: bool = False,
    ) -> Said:
        """origin: empty for the page's own, None for none."""
        headers = {"Cookie": self.cookie} if signed_in else {}
        if origin is not None:
            headers["Origin"] = origin or self.address
        if upgrade:
            headers |= {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
                "Sec-WebSocket-Protocol": "tty",
            }
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        whole = URL(self.address + path, encoded=True)
        async with self.browser.request(method, whole, data=data, headers=headers) as answer:
            assert answer.content_type != "text/event-stream", "it would never end"
            return Said(answer.status, await answer.text(), dict(answer.headers))

    @asynccontextmanager
    async def events(self, path: str = "") -> AsyncIterator[aiohttp.StreamReader]:
        """The stream of a workspace's page, or of another one's."""
        headers = {"Cookie": self.cookie}
        async with self.browser.get(f"{self.address}{path or self.base}/events", headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            yield answer.content


async def told(stream: aiohttp.StreamReader) -> tuple[str, object]:
    """The next event; comments come as ("", None), the end as ("end", None)."""
    async with asyncio.timeout(10):
        lines = list[str]()
        while (line := (await stream.readline()).decode()) != "\n":
            if not line:
                return "end", None
            lines.append(line.rstrip("\n"))
    if lines[0].startswith(":"):
        return "", None
    assert [line.partition(": ")[0] for line in lines] == ["event", "data"]
    return lines[0].partition(": ")[2], json.loads(lines[1].partition(": ")[2])


@asynccontextmanager
async def staged(path: Path) -> AsyncIterator[Stage]:
    database = Database(f"sqlite:///{path / 'heddle.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))
    pages = Pages(lambda: server.address)
    splices, interactive, doorkeeper = Splices(), Pretended(), Doorkeeper()
    sessions = Sessions(database, pages=pages, revoked=splices.revoke_session)
    watches = Watches(database, revoked=lambda token: splices.revoke_session(WATCH + token))

    async def workspace(workspace_id: str) -> Workspace | None:
        return {each.id: each for each in (WORKSPACE, OTHER)}.get(workspace_id)

    async def run(_workspace_id: str) -> Run | None:
        return stage.run

    code = Code(
        pages=pages,
        gate=Gate(sessions=sessions, admission=doorkeeper, workspace=workspace),
        interactive=cast(Interactive, interactive),
        splices=splices,
        watches=watches,
        sign_in=SignIn(pages=pages, sessions=sessions, database=database, ways=[]),
        run=run,
    )

    async def enter(request: web.Request) -> web.Response:
        made, only = web.Response(), request.query.get("only")
        await sessions.begin(request, made, ADA, only)
        return made

    address = await server.start([*pages.routes(), *code.routes(), Route("GET", "/enter", enter)])
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser:
        async with browser.get(f"{address}/enter") as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        stage = Stage(
            address,
            cookie,
            "",
            interactive,
            doorkeeper,
            sessions,
            splices,
            watches,
            code,
            browser,
        )
        yield stage
    await code.close()
    await server.close()
    await database.close()
    for connection_ in interactive.connections:
        connection_.close()


__all__ = ["ADA", "MOVE", "OPENING", "OTHER", "REFUSED", "WORKSPACE", "NotOpen", "Stage", "staged", "told"]
