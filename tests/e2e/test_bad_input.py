"""What can be wrong: each ends in one report that says what happened and what to do, and leaves nothing behind."""

from __future__ import annotations

import subprocess

import pytest

from playground.model.answer import Gate
from playground.model.steps import Steps, bash, fail, stop, wait, write
from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.scene import Scene

QUICK = {"HEDDLE_MODEL_RETRIES": "1"}


async def failed(scene: Scene, thread: str) -> str:
    """The text of the one report, which says that the run failed."""
    report = await scene.ended(thread)
    assert report.text.startswith("Failed"), report.shown
    assert len(scene.reports(thread)) == 1
    for secret in (scene.github.token, scene.slack.bot_token, "sk-ant-api03-playground"):
        assert secret not in report.shown
    return report.shown


async def test_repository_that_does_not_exist(scene: Scene) -> None:
    shown = await failed(scene, await scene.mention("fix it", repository="acme/nothing"))
    assert "I can't find `acme/nothing`" in shown
    assert "repo:owner/name" in shown
    await scene.no_volume()


async def test_repository_that_may_not_be_read(scene: Scene) -> None:
    await scene.github.create_repository("acme/vault", files={"a": "b"}, private=True)
    scene.github.fail("/acme/vault*", status=403, times=None)
    shown = await failed(scene, await scene.mention("fix it", repository="acme/vault"))
    assert "not allowed to read" in shown


async def test_branch_that_does_not_exist(scene: Scene) -> None:
    shown = await failed(scene, await scene.mention("branch:release/9 fix it"))
    assert "has no branch `release/9`" in shown
    assert "`main`" in shown
    await scene.no_volume()


async def test_empty_repository(scene: Scene) -> None:
    await scene.github.create_repository("acme/blank", files={})
    shown = await failed(scene, await scene.mention("fix it", repository="acme/blank"))
    assert "no commits" in shown or "has no branch" in shown


async def test_empty_task(scene: Scene) -> None:
    thread = await scene.mention("", repository=None)
    answer = await scene.reply_to(thread)
    assert "What should I do?" in answer.shown
    assert await scene.containers() == []


@pytest.mark.parametrize("task", ["-rf / --help", "/etc/passwd is wrong", "--dangerously-skip-permissions"])
async def test_task_with_an_odd_beginning(scene: Scene, task: str) -> None:
    scene.model.add(task, Steps(write("odd.txt", "odd\n"), stop("Done.")))
    report = await scene.ended(await scene.mention(task))
    assert report.text.startswith("Done"), report.shown


async def test_task_of_200_kilobytes(scene: Scene) -> None:
    end = "end-of-the-long-task"
    scene.model.add(end, Steps(write("long.txt", "long\n"), stop("Read all of it.")))
    thread = await scene.mention(f"{'word ' * 40_000}{end}")
    report = await scene.ended(thread)
    assert report.text.startswith("Done"), report.shown
    assert "Read all of it." in report.shown
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert len(pull.title) <= 80


async def test_image_that_is_missing(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings={"HEDDLE_IMAGE": "heddle-missing:none"})
    shown = await failed(scene, await scene.mention("fix the failing test"))
    assert "heddle-missing:none" in shown
    assert "./scripts/image" in shown


async def test_docker_that_is_stopped(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings={"DOCKER_HOST": "unix:///run/no-such-docker.sock"})
    thread = await scene.mention("fix the failing test")
    report = (
        await scene.until(lambda: [post for post in scene.reports(thread) if post.text.startswith("Failed")])
    )[0]
    assert "Docker isn't answering" in report.shown
    assert len(scene.reports(thread)) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refused Heddle's credential"),
        (429, "rate limit"),
        (529, "overloaded"),
        (500, "error"),
    ],
)
async def test_model_that_refuses(make_scene: MakeScene, status: int, words: str) -> None:
    scene: Scene = await make_scene(settings=QUICK)
    scene.model.fail(status, times=50)
    shown = await failed(scene, await scene.mention("fix the failing test"))
    assert words in shown
    if status == 401:
        assert "ANTHROPIC_API_KEY" in shown


async def test_model_that_answers_garbage(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings=QUICK)
    scene.model.garbage(times=50)
    await failed(scene, await scene.mention("fix the failing test"))


async def test_model_that_fails_late_keeps_the_work(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings=QUICK)
    scene.model.add("half-way", Steps(write("half.txt", "half\n"), fail(500, times=None), stop("never")))
    shown = await failed(scene, await scene.mention("half-way"))
    (branch,) = await scene.heddle_branches()
    assert branch in shown
    assert await scene.github.file(REPOSITORY, branch, "half.txt") == "half\n"
    assert scene.github.pull_requests(REPOSITORY) == ()


async def test_push_that_is_refused(scene: Scene) -> None:
    scene.github.refuse_pushes(REPOSITORY, "pushes are closed for the release")
    thread = await scene.mention("fix the failing test")
    shown = await failed(scene, thread)
    assert "push was refused" in shown
    assert "pushes are closed for the release" in shown
    scene.github.refuse_pushes(REPOSITORY, None)
    await scene.slack.post("ada", "#heddle-demo", "try to push again: run the tests", thread_ts=thread)
    report = await scene.ended(thread, runs=2)
    assert report.text.startswith("Done")
    assert len(scene.github.pull_requests(REPOSITORY)) == 1


async def test_pull_request_that_is_refused(scene: Scene) -> None:
    scene.github.fail(f"/api/v3/repos/{REPOSITORY}/pulls", 403, '{"message": "Resource not accessible"}', 50)
    shown = await failed(scene, await scene.mention("fix the failing test"))
    assert "Resource not accessible" in shown
    assert len(await scene.heddle_branches()) == 1


async def test_container_that_dies(scene: Scene) -> None:
    """Another one goes on; see test_reviving for all the ways to die."""
    gate = Gate()
    scene.model.add("will-die", Steps(bash("true"), wait(gate), write("late.txt", "late\n"), stop("Late.")))
    thread = await scene.mention("will-die")
    await gate.reached()
    container = await scene.running_container()
    subprocess.run(["docker", "kill", container], check=True, capture_output=True)
    gate.open()
    report = await scene.ended(thread)
    assert report.text.startswith("Done"), report.shown


async def test_setup_that_fails(scene: Scene) -> None:
    name = "acme/broken-setup"
    files = {
        "README.md": "# x\n",
        ".heddle/setup.sh": "echo preparing the loom\necho no such thread >&2\nexit 3\n",
    }
    await scene.github.create_repository(name, files=files)
    shown = await failed(scene, await scene.mention("fix it", repository=name))
    assert "no such thread" in shown
    assert ".heddle/setup.sh" in shown
