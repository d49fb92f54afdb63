"""From the page to a prompt: a new workspace, and one that was paused, beside the bare steps."""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.containers import ContainerSpec, Engine, Limits
from playground.bench.command import run
from playground.bench.terminal_result import Row, lines
from playground.cleaning import remove_deployment
from playground.town import REPOSITORY, Town
from playground.visitor import CODE, Visitor

NEW_LIMIT = 0.3  # seconds over the floor
PAUSED_LIMIT = 0.15
HEADINGS = ("", "Heddle", "floor", "compared", "limit", "")
CHANNEL = "#heddle-demo"
PERSON = "ada"
SECONDS = 60.0
PROMPT = "$ "
SETTLED_SECONDS = 1.5  # after which Heddle runs nothing new in a container that it has opened
SHELL = "shell-1"
CLONE = "cd /tmp && a=$EPOCHREALTIME && git clone --quiet --shared /mirror clone && echo $a $EPOCHREALTIME"


class PageFailed(Exception):
    """The workspace did not do what it should; `str()` is what it said."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """Seconds. new: from the wish to open a workspace to a prompt; bare: create, start and clone. paused: from a page
    that wakes a paused one to its prompt."""

    new: Sequence[float]
    bare: Sequence[float]
    paused: Sequence[float]

    def rows(self) -> list[Row]:
        new, bare, paused = (statistics.median(times) for times in (self.new, self.bare, self.paused))
        return [
            Row(
                f"A new workspace, median of {len(self.new)}",
                _seconds(new),
                _seconds(bare),
                f"+{_seconds(new - bare)}",
                f"+{_seconds(NEW_LIMIT)}",
                new - bare <= NEW_LIMIT,
            ),
            Row(
                f"A paused one, median of {len(self.paused)}",
                _seconds(paused),
                "",
                "",
                _seconds(PAUSED_LIMIT),
                paused < PAUSED_LIMIT,
            ),
        ]

    @property
    def holds(self) -> bool:
        """Whether every figure is within its limit."""
        return all(row.holds is not False for row in self.rows())

    def lines(self) -> list[str]:
        """A table."""
        return lines(self.rows(), HEADINGS)

    def data(self) -> dict[str, object]:
        """Every measurement."""
        return {**asdict(self), "cores": os.cpu_count()}


async def measure_page(folder: Path, *, image: str, times: int, say: Callable[[str], None]) -> PageResult:
    """All rounds; `folder` by its whole path. Raises PageFailed, CommandFailed, HeddleFailed, TimeoutError."""
    new, bare, paused = list[float](), list[float](), list[float]()
    async with Town(folder / "town") as town:
        heddle = await town.start_heddle()
        base = await _first(town)
        mirror = folder / "town" / "data" / "mirrors" / f"{REPOSITORY}.git"
        async with Visitor(heddle.address) as visitor:
            await visitor.sign_in_with_slack(PERSON)
            await _state(visitor, base, "open")
            for number in range(times + 1):
                floor = await _floor(folder / f"floor-{number}", town.docker_host, image, mirror)
                await _ended(visitor, base)
                opened = await _opened(visitor, base)
                woken = await _woken(visitor, base, town)
                if number:  # the first warms up
                    new.append(opened)
                    bare.append(floor)
                    paused.append(woken)
                    say(f"Round {number} of {times}")
    return PageResult(new, bare, paused)


async def _first(town: Town) -> str:
    """The path of a workspace that somebody has asked for."""
    thread = await town.slack.post(PERSON, CHANNEL, f"repo:{REPOSITORY} workspace", mention=True)
    posts = await town.slack.wait_for(lambda: town.slack.messages(CHANNEL, thread)[1:], timeout=SECONDS)
    found = CODE.search(json.dumps(posts[0].blocks))
    if found is None:
        raise PageFailed(posts[0].shown)
    return re.sub(r"^https?://[^/]+", "", found[0])


async def _ended(visitor: Visitor, base: str) -> None:
    answer = await visitor.send("POST", f"{base}/close", {"word": "discard"})
    if answer.status != 202:
        raise PageFailed(answer.text)
    await _state(visitor, base, "closed")


async def _opened(visitor: Visitor, base: str) -> float:
    began = time.perf_counter()
    answer = await visitor.send("POST", f"{base}/open", {})
    if answer.status != 202:
        raise PageFailed(answer.text)
    await _state(visitor, base, "open")
    await _prompt(visitor, base)
    return time.perf_counter() - began


async def _woken(visitor: Visitor, base: str, town: Town) -> float:
    container = f"heddle-{base.rpartition('/')[2]}"
    # A pause while Docker is about to run something in the container can lock Docker up, where cgroups are of version 1.
    await asyncio.sleep(SETTLED_SECONDS)
    environment = {**os.environ, "DOCKER_HOST": town.docker_host}
    await run("docker", "pause", container, environment=environment)
    began = time.perf_counter()
    answer = await visitor.send("POST", f"{base}/wake")
    if answer.status != 200:
        raise PageFailed(answer.text)
    await _prompt(visitor, base)
    return time.perf_counter() - began


async def _prompt(visitor: Visitor, base: str) -> None:
    async with await visitor.terminal(base, SHELL) as terminal:
        await terminal.until(PROMPT, SECONDS)


async def _state(visitor: Visitor, base: str, wanted: str) -> None:
    async with asyncio.timeout(SECONDS):
        async for name, data in visitor.events(base):
            if name == "progress" and isinstance(data, dict):
                if data["state"] == wanted:
                    return
                if data["state"] == "failed":
                    raise PageFailed(json.dumps(data))
    raise PageFailed(f"never {wanted}")


async def _floor(folder: Path, docker_host: str, image: str, mirror: Path) -> float:
    """Create and start a container as Heddle makes them, and clone in it, by the Engine's own interface."""
    deployment = f"bench-{uuid.uuid4().hex[:12]}"
    labels = {"heddle.deployment": deployment, "heddle.test": "1"}
    await asyncio.to_thread(folder.mkdir, parents=True)
    engine = Engine(docker_host)
    try:
        await engine.ping()
        name = f"heddle-{deployment}"
        spec = ContainerSpec(
            name=name,
            image=image,
            command=["sleep", "infinity"],
            volume=name,
            mirror=mirror,
            sockets=folder,
            limits=Limits("4g", 2.0, 2048),
            labels=labels,
        )
        began = time.perf_counter()
        await engine.ensure_volume(name, labels)
        await engine.ensure_container(spec)
        await engine.start(name)
        made = time.perf_counter() - began
        code, printed = await engine.execute(name, ["bash", "-c", CLONE], seconds=SECONDS)
        if code != 0:
            raise PageFailed(printed.decode(errors="replace"))
        before, after = map(float, printed.split())
        return made + after - before
    finally:
        await engine.close()
        await remove_deployment(docker_host, deployment)


def _seconds(value: float) -> str:
    return f"{value:.3f} s"
