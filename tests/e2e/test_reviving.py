"""Containers of live runs that are killed, removed, stopped or paused: the run goes on and ends as if nothing had been."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from playground.model.answer import Gate
from playground.model.steps import Steps, bash, stop, wait, write
from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.scene import Scene, run

TASK = "work-on-after-a-death"
ONCE = (
    "if mkdir .git/once 2>/dev/null; then sleep 600; fi"  # in the repository: hangs the first time it is done
)
WAY = 60.0

Fault = Callable[[Scene, str], Awaitable[None]]


async def killed(scene: Scene, container: str) -> None:
    await run("docker", "kill", container)


async def removed(scene: Scene, container: str) -> None:
    await run("docker", "rm", "--force", container)


async def stopped(scene: Scene, container: str) -> None:
    await run("docker", "stop", "--time=20", container)


async def paused(scene: Scene, container: str) -> None:
    await run("docker", "pause", container)


async def removed_while_heddle_is_down(scene: Scene, container: str) -> None:
    assert scene.town.heddle is not None
    await scene.town.heddle.kill()
    await removed(scene, container)
    await scene.town.start_heddle()


async def journal_of(scene: Scene, container: str) -> list[dict[str, Any]]:
    """What the driver has written so far; nothing while it can't be asked."""
    run_id = container.rpartition("-")[2]
    try:
        text = await scene.in_container(container, "cat", f"/workspace/runs/{run_id}/stdout.jsonl")
    except AssertionError:
        return []
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"type": "heddle"')]


async def in_phase(scene: Scene, container: str, phase: str) -> None:
    async with asyncio.timeout(WAY):
        while not any(entry.get("phase") == phase for entry in await journal_of(scene, container)):
            await asyncio.sleep(0.05)


async def concluded(scene: Scene, thread: str, files: dict[str, str]) -> None:
    """One report that says Done, one branch, one pull request, and on it these files."""
    report = await scene.ended(thread, seconds=WAY * 2)
    assert report.text.startswith("Done"), report.shown
    assert len(scene.reports(thread)) == 1
    (branch,) = await scene.heddle_branches()
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert pull.head == branch
    for name, text in files.items():
        assert await scene.github.file(REPOSITORY, branch, name) == text


@pytest.mark.parametrize("fault", [killed, removed, stopped, paused, removed_while_heddle_is_down])
async def test_claude_goes_on_in_another_container(scene: Scene, fault: Fault) -> None:
    gate = Gate()
    scene.model.add(
        TASK,
        Steps(
            bash("for i in 1 2 3; do echo line-$i >> numbers.txt; done; git add -A; git commit -qm Numbers"),
            wait(gate),
            write("after.txt", "after\n"),
            stop("Went on."),
        ),
    )
    thread = await scene.mention(TASK)
    await gate.reached()
    container = await scene.running_container()
    await fault(scene, container)
    gate.open()
    await concluded(scene, thread, {"numbers.txt": "line-1\nline-2\nline-3\n", "after.txt": "after\n"})


@pytest.mark.parametrize("fault", [killed, removed])
async def test_death_in_the_first_moment(scene: Scene, fault: Fault) -> None:
    scene.model.add(TASK, Steps(write("made.txt", "made\n"), stop("Made.")))
    thread = await scene.mention(TASK)
    async with asyncio.timeout(WAY):
        while not (names := await scene.containers(every=False)):
            await asyncio.sleep(0.01)
    await fault(scene, names[0])
    await concluded(scene, thread, {"made.txt": "made\n"})


async def test_death_during_set_up(scene: Scene) -> None:
    name = "acme/slow-setup"
    setup = f"touch half.made; {ONCE}\n"
    await scene.github.create_repository(name, files={"README.md": "# x\n", ".heddle/setup.sh": setup})
    scene.model.add(TASK, Steps(write("made.txt", "made\n"), stop("Made.")))
    thread = await scene.mention(TASK, repository=name)
    container = await scene.running_container()
    await in_phase(scene, container, "setup")
    await killed(scene, container)
    report = await scene.ended(thread, seconds=WAY * 2)
    assert report.text.startswith("Done"), report.shown
    (branch,) = await scene.heddle_branches(name)
    assert await scene.github.file(name, branch, "made.txt") == "made\n"
    # What set-up leaves is no work, however often it ran.
    assert await scene.github.file(name, branch, "half.made") is None


async def test_death_in_a_tool(scene: Scene) -> None:
    scene.model.add(
        TASK,
        Steps(
            write("made.txt", "made\n"),
            bash(f"git add -A; git commit -qm Made; {ONCE}"),
            stop("Made."),
        ),
    )
    thread = await scene.mention(TASK)
    container = await scene.running_container()
    async with asyncio.timeout(WAY):
        while "once" not in await scene.in_container(
            container, "sh", "-c", "ls /workspace/repository/.git || true"
        ):
            await asyncio.sleep(0.05)
    await killed(scene, container)
    await concluded(scene, thread, {"made.txt": "made\n"})


async def test_death_during_the_push(scene: Scene) -> None:
    scene.model.add(TASK, Steps(write("made.txt", "made\n"), stop("Made.")))
    scene.github.fail(f"/{REPOSITORY}.git/git-receive-pack", 503, times=8)  # it is tried again and again
    thread = await scene.mention(TASK)
    container = await scene.running_container()
    await in_phase(scene, container, "push")
    await killed(scene, container)
    await concluded(scene, thread, {"made.txt": "made\n"})
    (branch,) = await scene.heddle_branches()
    (bare,) = (scene.town.folder / "github").rglob("tally.git")
    assert len(await run("git", "-C", str(bare), "rev-list", f"main..{branch}")) == 1


async def test_a_stop_counts_for_the_next_container(scene: Scene) -> None:
    gate = Gate()
    scene.model.add(
        TASK, Steps(bash("echo kept > kept.txt"), wait(gate), write("no.txt", "no\n"), stop("No."))
    )
    thread = await scene.mention(TASK)
    await gate.reached()
    container = await scene.running_container()
    await paused(scene, container)
    await scene.slack.post("ada", "#heddle-demo", "stop", thread_ts=thread, mention=True)
    await removed(scene, container)  # Docker kills nothing that is paused
    report = await scene.ended(thread)
    assert report.text.startswith("Stopped"), report.shown
    (branch,) = await scene.heddle_branches()
    assert await scene.github.file(REPOSITORY, branch, "kept.txt") == "kept\n"


async def test_volume_that_is_gone_is_told(scene: Scene) -> None:
    gate = Gate()
    scene.model.add(TASK, Steps(bash("echo lost > lost.txt"), wait(gate), stop("No.")))
    thread = await scene.mention(TASK)
    await gate.reached()
    container = await scene.running_container()
    volume = container.rpartition("-")[0]
    # Both at once: Heddle makes a container anew within moments.
    await run("sh", "-c", f"docker rm --force {container} && docker volume rm {volume} || true")
    if volume in await scene.volumes():
        pytest.skip("Heddle was faster than this test")
    report = await scene.ended(thread)
    assert report.text.startswith("Failed")
    assert "volume is gone" in report.shown


async def test_a_container_that_dies_again_and_again(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene()
    gate = Gate()
    scene.model.add(TASK, Steps(bash("echo kept > kept.txt"), wait(gate), stop("No.")))
    thread = await scene.mention(TASK)
    await gate.reached()
    for _ in range(4):
        container = await scene.running_container()
        await in_phase(scene, container, "claude")
        await killed(scene, container)
    report = await scene.ended(thread)
    assert report.text.startswith("Failed")
    assert "4 times in a row" in report.shown
    assert "reply here to go on" in report.shown
    gate.open()
    scene.model.add("carry on", Steps(write("more.txt", "more\n"), stop("Done.")))
    await scene.slack.post("ada", "#heddle-demo", "carry on", thread_ts=thread)
    again = await scene.ended(thread, runs=2)
    assert again.text.startswith("Done"), again.shown
    (branch,) = await scene.heddle_branches()
    assert await scene.github.file(REPOSITORY, branch, "kept.txt") == "kept\n"
