"""SIGKILL of Heddle at any moment of a run: after a restart it ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from playground.model.answer import Gate
from playground.model.steps import Steps, bash, stop, wait, write
from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.scene import Scene, log_of

TASK = "count-to-a-hundred"
NUMBERS = "for i in $(seq 1 100); do echo line-$i-of-100; done"
WAY = 60.0

Moment = Callable[[Scene, str, Gate], Awaitable[None]]


async def acknowledged(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()
    await scene.until(lambda: scene.slack.acks)


async def report_posted(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()
    await scene.until(lambda: scene.reports(thread))


async def container_created(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()
    async with asyncio.timeout(WAY):
        while not await scene.containers():
            await asyncio.sleep(0.01)


async def claude_working(scene: Scene, thread: str, gate: Gate) -> None:
    await gate.reached()


async def agent_committed(scene: Scene, thread: str, gate: Gate) -> None:
    """Opens the gate first, so that Claude ends, and commits are saved, around the moment of the kill."""
    await gate.reached()
    gate.open()
    await scene.model.wait_for(lambda seen: len([one for one in seen if not one.side]) >= 4, WAY)


async def branch_pushed(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()

    async def pushed() -> bool:
        return bool(await scene.heddle_branches())

    await scene.github.wait_for(pushed, timeout=WAY)


async def pull_request_opened(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()
    await scene.github.wait_for(lambda: bool(scene.github.pull_requests(REPOSITORY)), timeout=WAY)


async def end_shown(scene: Scene, thread: str, gate: Gate) -> None:
    gate.open()
    await scene.until(lambda: [post for post in scene.reports(thread) if post.text.startswith("Done")], WAY)


MOMENTS: list[Moment] = [
    acknowledged,
    report_posted,
    container_created,
    claude_working,
    agent_committed,
    branch_pushed,
    pull_request_opened,
    end_shown,
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: str(moment.__name__))
async def test_run_survives_a_kill(make_scene: MakeScene, moment: Moment) -> None:
    scene: Scene = await make_scene()
    gate = Gate()
    steps = Steps(
        bash(NUMBERS),
        write("count.txt", "100\n"),
        wait(gate),
        bash("git add -A && git commit -qm Count"),
        stop("Counted."),
    )
    scene.model.add(TASK, steps)
    since = time.time()
    thread = await scene.mention(TASK)
    await moment(scene, thread, gate)
    assert scene.town.heddle is not None
    await scene.town.heddle.kill()
    gate.open()
    await scene.town.start_heddle()

    report = await scene.ended(thread)
    await scene.until(lambda: any(post.files for post in scene.replies(thread)))
    assert report.text.startswith("Done")
    (branch,) = await scene.heddle_branches()
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert pull.head == branch
    assert await scene.github.file(REPOSITORY, branch, "count.txt") == "100\n"
    assert len(scene.reports(thread)) == 1
    assert len(scene.replies(thread)) == 2  # the report and the log, nothing twice
    assert len(await scene.started(since)) == 1
    counted = [
        int(number) for number in re.findall(r"^\s*line-(\d+)-of-100$", log_of(scene.replies(thread)), re.M)
    ]
    assert counted == list(range(1, 101))


async def test_run_goes_on_while_heddle_is_down(scene: Scene) -> None:
    """The container waits for the model's door instead of failing, and is taken up where it is."""
    gate = Gate()
    scene.model.add(
        TASK, Steps(bash(NUMBERS), wait(gate), write("late.txt", "late\n"), stop("Late, but there."))
    )
    thread = await scene.mention(TASK)
    await gate.reached()
    assert scene.town.heddle is not None
    await scene.town.heddle.kill()
    gate.open()
    container = await scene.running_container()
    await asyncio.sleep(
        3
    )  # the time that Heddle is away: there is nothing to wait for, nothing should happen
    assert await scene.containers(every=False) == [container]
    await scene.town.start_heddle()
    report = await scene.ended(thread)
    assert report.text.startswith("Done")
    assert "Late, but there." in report.shown


async def test_terminated_heddle_hands_its_runs_over(scene: Scene) -> None:
    gate = Gate()
    scene.model.add(TASK, Steps(bash(NUMBERS), wait(gate), write("on.txt", "on\n"), stop("Went on.")))
    thread = await scene.mention(TASK)
    await gate.reached()
    assert scene.town.heddle is not None
    began = time.monotonic()
    await scene.town.heddle.stop()
    assert time.monotonic() - began < 10
    assert "Traceback" not in scene.town.heddle.log()
    gate.open()
    await scene.town.start_heddle()
    report = await scene.ended(thread)
    assert report.text.startswith("Done")
    assert len(scene.reports(thread)) == 1
