"""Who works while everything breaks: Claude in runs, and people in terminals. Each writes numbered lines and commits."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from playground.chaos.evidence import FILE
from playground.chaos.ledger import Held, Ledger
from playground.chaos.stage import PERSON, Stage
from playground.model.steps import Step, Steps, bash, stop, wait
from playground.town import REPOSITORY
from playground.visitor import CODE, Terminal, TerminalEnded

CHANNEL = "#heddle-demo"
ENDS = ("Done", "Failed", "Stopped")
ROUND = 10_000
"""Numbers are never used twice: each new beginning starts at another multiple of this."""

COMMIT_EVERY = 5
SILENT_SECONDS = 8.0  # a shell that prints a line each second and prints nothing for so long is gone
PATIENCE_SECONDS = 45.0  # before somebody reloads the page, as one would
TYPED_SECONDS = 20.0
START_SECONDS = 180.0

_SAID = re.compile(rb"said-(\d+)-")


class WorkFailed(Exception):
    """A worker could not even begin; `str()` is what Heddle said."""


def numbered(first: int, lines: int, pause: float) -> Steps:
    """Claude writes each line, commits it, and thinks for `pause` seconds before the next."""
    steps = list[Step]()
    for number in range(first, first + lines):
        # A call that was cut off in the middle is made again by the same session.
        append = f"grep -qx {number} {FILE} || echo {number} >> {FILE}"
        commit = f"git add {FILE} && (git diff --cached --quiet || git commit -qm 'line {number}')"
        steps += [wait(pause), bash(f"{append}; {commit} && echo committed-{number}")]
    return Steps(*steps, stop(f"Wrote {lines} lines."))


def typing(first: int) -> str:
    """What a person types into a shell: a line each second, and a commit every few lines."""
    commit = f'git add {FILE} && git commit -qm "line $n"'
    return (
        f" rm -f .git/index.lock; n={first}; while :; do n=$((n+1)); echo $n >>{FILE}; sync {FILE}; "
        f"echo said-$n-; [ $((n%{COMMIT_EVERY})) = 0 ] && {commit}; sleep 1; done\r"
    )


@dataclass(slots=True)
class Run:
    """One asked-for run of a thread. first: its first line; last: its last one. text: its report's in the end."""

    thread: str
    first: int
    last: int
    asked_at: float
    ended_at: float = 0.0
    text: str = ""


@dataclass(slots=True)
class Claude:
    """One thread in which Claude is asked for lines, run after run, until it is told that it is enough."""

    stage: Stage
    pause: float
    lines: int
    thread: str = ""
    runs: list[Run] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        """Until the run is over during which it became enough, or until it is given up."""
        slack = self.stage.town.slack
        while not self.enough.is_set():
            first = ROUND * (len(self.runs) + 1) + 1
            marker = f"write-{random.randbytes(4).hex()}-lines"
            self.stage.town.model.add(marker, numbered(first, self.lines, self.pause))
            where = f"repo:{REPOSITORY} " if not self.thread else ""
            ts = await slack.post(
                PERSON, CHANNEL, f"{where}{marker}", thread_ts=self.thread or None, mention=True
            )
            self.thread = self.thread or ts
            run = Run(self.thread, first, first + self.lines - 1, time.time())
            self.runs.append(run)
            while not (text := self._ended(len(self.runs))):
                if self.given_up.is_set():
                    return
                await asyncio.sleep(0.5)
            run.text, run.ended_at = text, time.time()
            await asyncio.sleep(1.0)

    def _ended(self, runs: int) -> str:
        """What the report of the newest run says, once it has its end."""
        reports = [
            post
            for post in self.stage.town.slack.messages(CHANNEL, self.thread)
            if _key(post.metadata).startswith("report:")
        ]
        if len(reports) < runs or not reports[runs - 1].text.startswith(ENDS):
            return ""
        return reports[runs - 1].shown


@dataclass(slots=True)
class Person:
    """One open workspace, in whose shell somebody has a loop. `workspace` is its id."""

    stage: Stage
    ledger: Ledger
    thread: str = ""
    workspace: str = ""
    rounds: int = 0
    reloads: int = 0
    shell: str = ""
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    _fresh: bool = False

    @property
    def base(self) -> str:
        return f"/code/{self.workspace}"

    async def open(self) -> None:
        """Ask for the workspace and add a shell to it. Raises WorkFailed, TimeoutError."""
        slack = self.stage.town.slack
        self.thread = await slack.post(PERSON, CHANNEL, f"repo:{REPOSITORY} workspace", mention=True)

        def address() -> str:
            posts = slack.messages(CHANNEL, self.thread)[1:]
            found = CODE.search(json.dumps([post.blocks for post in posts]))
            return found[0] if found is not None else ""

        self.workspace = urlsplit(await slack.wait_for(address, timeout=START_SECONDS)).path.rpartition("/")[
            2
        ]
        await self._opened()
        answer = await self.stage.visitor.send("POST", f"{self.base}/terminals", {})
        if answer.status != 201:
            raise WorkFailed(answer.text)
        self.shell = str(answer.json()["name"])

    async def _opened(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            async for name, data in self.stage.visitor.events(self.base):
                if name == "progress" and isinstance(data, dict):
                    if data["state"] == "open":
                        return
                    if data["state"] in ("failed", "closed"):
                        raise WorkFailed(json.dumps(data))
        raise WorkFailed("the page was told no more")

    async def work(self) -> None:
        """Keep the loop going, over everything that ends it, until it is enough."""
        lost = time.monotonic()
        while not self.enough.is_set():
            try:
                await self._loop()
            except (TerminalEnded, aiohttp.ClientError, OSError, TimeoutError):
                pass
            else:
                continue
            if self._fresh:
                lost, self._fresh = time.monotonic(), False
            elif time.monotonic() - lost > PATIENCE_SECONDS:
                lost = time.monotonic()
                self.reloads += 1
                await self.reload()
            await asyncio.sleep(random.uniform(0.3, 1.0))

    async def reload(self) -> None:
        """What the page does first when somebody comes: wake the workspace."""
        try:
            await self.stage.visitor.send("POST", f"{self.base}/wake")
        except (aiohttp.ClientError, OSError, TimeoutError):
            return

    async def _loop(self) -> None:
        async with await self.stage.visitor.terminal(self.base, self.shell) as terminal:
            self.rounds += 1
            await self._shown(terminal)
            await terminal.type("\x03")
            await terminal.type(typing(ROUND * self.rounds))
            while not self.enough.is_set():
                async with asyncio.timeout(SILENT_SECONDS):
                    said = await terminal.output()
                # The screen shows older lines too, which say nothing new.
                seen = frozenset(
                    number for number in map(int, _SAID.findall(said)) if number // ROUND == self.rounds
                )
                if seen:
                    self._fresh = True
                    self.ledger.seen(self.workspace, Held(seen))
            await terminal.type("\x03")

    async def _shown(self, terminal: Terminal) -> None:
        """Wait for the screen, as people do: a key that comes before tmux has the terminal may end tmux's client."""
        async with asyncio.timeout(SILENT_SECONDS):
            await terminal.output()

    async def types(self) -> str:
        """Empty when the page lets one type, otherwise what happened instead."""
        mark = random.randbytes(4).hex()
        try:
            async with await self.stage.visitor.terminal(self.base, self.shell) as terminal:
                await self._shown(terminal)
                await terminal.type("\x03")
                await terminal.type(f" echo {mark[:4]}''{mark[4:]}\r")
                await terminal.until(mark, TYPED_SECONDS)
        except (TerminalEnded, aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"[:300]
        return ""


def _key(metadata: object) -> str:
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""
