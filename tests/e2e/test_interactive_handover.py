"""One workspace, one session of Claude Code: alone or with a person at a terminal, never both at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.async_api import expect

from bot.slack.deliveries import CONTINUE
from playground.model.answer import Gate
from playground.model.record import Seen
from playground.model.steps import Steps, bash, stop, wait, write
from playground.town import REPOSITORY
from tests.e2e.desk import CLAUDE_PROMPT, address_in, at_desk, said
from tests.e2e.scene import CHANNEL, Scene


def work(scene: Scene) -> list[Seen]:
    """What the model was asked, titles and the like aside."""
    return [seen for seen in scene.model.requests if seen.session and not seen.side]


def one_session(asked: Sequence[Seen], *, first: str, last: str) -> bool:
    """Whether it is one conversation, from the first task to the last."""
    same = len({seen.session for seen in asked}) == 1
    return same and first in asked[-1].task and last in asked[-1].prompt


async def test_finished_run_goes_on_in_a_terminal_and_alone_again(scene: Scene) -> None:
    scene.model.add("part-one", Steps(write("one.txt", "1\n"), stop("Part one is there.")))
    scene.model.add(
        "part-two", Steps(bash("cat one.txt"), write("two.txt", "2\n"), stop("Part two as well."))
    )
    scene.model.add(
        "part-three", Steps(bash("cat one.txt two.txt"), write("three.txt", "3\n"), stop("All three parts."))
    )
    thread = await scene.mention("part-one")
    report = await scene.ended(thread)
    (branch,) = await scene.heddle_branches()
    volumes = await scene.volumes()

    await scene.slack.press("grace", CHANNEL, report.ts, CONTINUE)
    answer = await said(scene, thread, "Claude Code and shells in your browser")
    assert f"branch `{branch}`" in answer.shown
    async with at_desk(scene) as desk:
        await desk.arrive(address_in(answer.shown))
        assert await scene.volumes() == volumes
        await desk.shows("Part one is there.")  # the run's conversation, on the screen
        await desk.ask_claude("now part-two")
        await desk.shows("Part two as well.")
        assert one_session(work(scene), first="part-one", last="part-two")

        # A task meanwhile is told who has the workspace.
        await scene.mention("part-three", repository=None, thread=thread)
        held = await said(scene, thread, "I can't work there at the same time")
        assert "grace has had the workspace open" in held.shown
        assert len(scene.reports(thread)) == 1
        await desk.shows(CLAUDE_PROMPT)

        await scene.mention("continue headless: part-three", repository=None, thread=thread)
        await desk.face("handed_over")
        await expect(desk.page.locator("#curtain-title")).to_have_text("Claude works on alone")
    report = await scene.ended(thread, runs=2)
    assert "All three parts." in report.shown
    assert one_session(work(scene), first="part-one", last="part-three")
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert pull.head == branch
    for name, text in (("one", "1\n"), ("two", "2\n"), ("three", "3\n")):
        assert await scene.github.file(REPOSITORY, branch, f"{name}.txt") == text
    assert await scene.volumes() == volumes


async def test_run_at_work_is_taken_over_from_its_page(scene: Scene) -> None:
    gate = Gate()
    scene.model.add(
        "long-work", Steps(write("begun.txt", "yes\n"), wait(gate), bash("ls"), stop("Never said."))
    )
    scene.model.add("short-work", Steps(bash("cat begun.txt"), stop("I have it from there.")))
    thread = await scene.mention("long-work")
    await gate.reached()
    (report,) = scene.reports(thread)

    # `workspace` tells that Claude is at it, and stops nothing.
    await scene.mention("workspace", repository=None, thread=thread)
    await said(scene, thread, "Claude has been at work on its own in this workspace")
    assert len(await scene.containers(every=False)) == 1

    await scene.slack.press("ada", CHANNEL, report.ts, CONTINUE)
    answer = await said(scene, thread, "Claude Code and shells in your browser")
    assert "The run that is at work there is stopped first" in answer.shown
    async with at_desk(scene) as desk:
        await desk.arrive(address_in(answer.shown))
        gate.open()
        assert scene.reports(thread)[0].text.startswith("Stopped")
        (container,) = await scene.containers()
        assert container == f"heddle-{address_in(answer.shown).rpartition('/')[2]}"
        await desk.ask_claude("now short-work")
        await desk.shows("I have it from there.")
    assert one_session(work(scene), first="long-work", last="short-work")


async def test_workspace_of_an_issue_opens_for_people_on_github(scene: Scene) -> None:
    number = scene.ask("/claude workspace")
    answer = await scene.answer_on(number, 90.0)
    async with at_desk(scene) as desk:
        await desk.arrive(address_in(answer), way="GitHub", person="Authorize")
        await desk.add_shell()
        await desk.run("git branch --show-current")
        branch = re.search(r"branch `(heddle/[^`]+)`", answer)
        assert branch is not None
        await desk.shows(branch[1])
        scene.ask("/claude close", issue=number)
        await desk.face("closed")
    await scene.github.wait_for(
        lambda: any("The workspace is closed" in body for body in scene.comments(number)), timeout=60
    )
    await scene.no_container()
    await scene.no_volume()
