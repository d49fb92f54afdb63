"""A code host that is away for a moment: runs wait for it, and say so."""

from __future__ import annotations

import pytest

from orchestrator.run_starting import WAITING_FOR_HOST
from playground.model.steps import Steps, stop, write
from playground.town import REPOSITORY
from tests.e2e.scene import Scene

TASK = "work-through-an-outage"


@pytest.fixture
def outage(scene: Scene) -> None:
    """Git over HTTP is out of order until it is mended."""
    scene.model.add(TASK, Steps(write("made.txt", "made\n"), stop("Made.")))
    scene.github.fail(f"/{REPOSITORY}.git/*", 503, times=None)


async def waiting(scene: Scene) -> str:
    """The thread of a run that waits."""
    thread = await scene.mention(TASK)
    await scene.until(lambda: any(WAITING_FOR_HOST in post.shown for post in scene.reports(thread)))
    return thread


async def test_start_waits(scene: Scene, outage: None) -> None:
    thread = await waiting(scene)
    scene.github.mend()
    report = await scene.ended(thread)
    assert report.text.startswith("Done"), report.shown
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert await scene.github.file(REPOSITORY, pull.head, "made.txt") == "made\n"


async def test_start_that_waits_can_be_stopped(scene: Scene, outage: None) -> None:
    thread = await waiting(scene)
    await scene.slack.press("ada", "#heddle-demo", scene.reports(thread)[0].ts, "stop_run")
    report = await scene.ended(thread)
    assert report.text.startswith("Stopped"), report.shown


async def test_pull_request_waits(scene: Scene) -> None:
    """GitHub's API is away for longer than its client itself tries again."""
    scene.model.add(TASK, Steps(write("made.txt", "made\n"), stop("Made.")))
    scene.github.fail(f"/api/v3/repos/{REPOSITORY}/pulls", 503, times=12)
    thread = await scene.mention(TASK)
    report = await scene.ended(thread)
    assert report.text.startswith("Done"), report.shown
    assert len(scene.github.pull_requests(REPOSITORY)) == 1
