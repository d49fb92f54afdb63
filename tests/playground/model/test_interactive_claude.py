"""Real Claude Code at a terminal of the workspace image, with the demo's model behind the real gateway."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import playground
from bot.github.access import AccountAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.threads import Threads
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.gateway.credentials import CredentialKind, ModelCredential
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.openings import Openings
from orchestrator.mirrors import Mirrors
from orchestrator.preparing import door_of
from orchestrator.publishing import BranchPublisher
from orchestrator.records import RunRequest
from orchestrator.redaction import Redactor
from playground.github.server import GitHubStandIn
from playground.model.demo import DemoScript
from playground.model.server import API_KEY, ModelStandIn
from tests.images.interactive.rooms import Room, Terminal, make_room, until
from tests.orchestrator.gateway.stand_ins import StandInUpstream

pytestmark = pytest.mark.e2e

REPOSITORY = "acme/tally"
SAMPLE = Path(playground.__file__).parent / "sample"
REMOTE = f"http://127.0.0.1:3128/git/{REPOSITORY}.git"
PATIENCE = 60.0  # seconds for one task of the model
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x1b\x07]*(?:\x07|\x1b\\))")


@dataclass
class Desk:
    """Somebody at the terminal with Claude Code."""

    room: Room
    github: GitHubStandIn
    model: ModelStandIn
    branch: str
    terminal: Terminal

    def screen(self) -> str:
        """The history of the terminal and what it shows, as words."""
        command = ("docker", "exec", "-u", "1000", self.room.container, "/opt/heddle/history", "claude")
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return _ESCAPES.sub("", shown)

    async def see(self, words: str, seconds: float = PATIENCE) -> str:
        """The screen, once the words are on it."""
        await until(lambda: words in self.screen(), seconds)
        return self.screen()

    async def enter(self, line: str) -> None:
        await self.terminal.type(line)
        await self.see(line.removeprefix("!"), 20)  # which is shown apart from the rest
        await self.terminal.type("\r")

    async def git(self, *arguments: str) -> str:
        done = await asyncio.to_thread(self.room.inside, "git", "-C", "/workspace/repository", *arguments)
        return str(done)


@asynccontextmanager
async def desk(pace: float = 0.0) -> AsyncIterator[Desk]:
    room = await asyncio.to_thread(make_room)
    folder = room.place.folder
    try:
        async with AsyncExitStack() as stack:
            github = await stack.enter_async_context(GitHubStandIn(root=folder / "github"))
            await github.create_repository(REPOSITORY, from_dir=SAMPLE)
            model = await stack.enter_async_context(ModelStandIn(DemoScript(pace)))
            database = Database(f"sqlite:///{folder / 'heddle.db'}")
            stack.push_async_callback(database.close)
            await migrate(database)
            threads = Threads()
            access = AccountAccess(github.token, github.api_url, threads)
            forge = GitHubForge(GitHubClient(access, github.api_url, threads), server_url=github.url)
            mirrors = Mirrors(folder / "mirrors", forge)
            request = RunRequest("c1", "m1", REPOSITORY, "workspace")
            opening, _ = await Openings(database, 5).create(request, "Ada")
            upstream = StandInUpstream(
                git_server=github.url,
                model_url=model.url,
                token=github.token,
                credential=ModelCredential(CredentialKind.API_KEY, API_KEY),
            )
            publisher = BranchPublisher(
                database=database, mirrors=mirrors, forge=forge, redact=Redactor([github.token])
            )
            gateway = Gateway(sockets=folder / "gates", upstream=upstream, publisher=publisher)
            stack.push_async_callback(gateway.aclose)
            door = door_of(opening.workspace)
            room.place.sockets.rmdir()
            room.place.sockets.symlink_to(await gateway.open(door))
            (folder / "gates").chmod(0o755)
            mirror = await mirrors.refresh(REPOSITORY)
            await asyncio.to_thread(shutil.rmtree, room.place.mirror)
            room.place.mirror.symlink_to(mirror.path)
            await asyncio.to_thread(room.start, branch=door.branch, base="main", remote=REMOTE)
            await room.ready()
            terminal = await stack.enter_async_context(room.terminal("claude", columns=110, rows=40))
            reading = asyncio.create_task(read_on(terminal))
            stack.callback(reading.cancel)
            made = Desk(room, github, model, door.branch, terminal)
            await made.see("bypass permissions on")
            yield made
    finally:
        await asyncio.to_thread(room.place.close)


async def read_on(terminal: Terminal) -> None:
    """What no page would leave unread."""
    while await terminal.take():
        terminal.output.clear()


@pytest.mark.timeout(300)
async def test_a_task_then_the_two_commands_end_in_a_pull_request() -> None:
    async with desk() as at:
        await at.enter("fix the failing test")
        await at.see("All tests pass.")
        assert (await at.git("status", "--short")).split() == ["M", "tally/words.py"]

        await at.enter("/commit-changes")
        await at.see("is pushed.")
        assert await at.git("status", "--short") == ""
        head = await at.git("rev-parse", "HEAD")
        assert [commit.sha for commit in await at.github.log(REPOSITORY, at.branch)][0] == head

        await at.github.commit(REPOSITORY, {"theirs.txt": "theirs\n"}, message="Add theirs")
        await at.enter("/ai-merge-back")
        screen = await at.see("I leave the merging")
        (pull,) = at.github.pull_requests(REPOSITORY)
        assert pull.url in screen
        assert (pull.head, pull.base) == (at.branch, "main")
        assert pull.title == "Put words with equal counts in alphabetical order"
        assert pull.head_sha == await at.git("rev-parse", "HEAD")
        assert (await at.git("show", "HEAD:theirs.txt")).strip() == "theirs"
        assert not any(seen.problem for seen in at.model.requests)


@pytest.mark.timeout(300)
async def test_what_is_said_meanwhile_and_what_is_run_by_hand() -> None:
    async with desk(pace=0.5) as at:
        await at.enter("fix the failing test")
        await at.see("fails. I'll read the code")
        await at.enter("write docs too")
        await at.see("an example that I ran")
        assert set((await at.git("status", "--short")).split()) == {"M", "tally/words.py", "??", "docs/"}

        await at.enter("!echo from-$((40+2))")
        await at.see("I see what echo from-$((40+2)) printed.")
        await at.enter("what does this project do?")
        await at.see("I changed nothing.")
        await at.see("Counts the words of a text")
        assert not any(seen.problem for seen in at.model.requests)
