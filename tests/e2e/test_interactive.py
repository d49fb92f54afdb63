"""From a thread to a terminal in the browser and back, with nothing lost on the way."""

from __future__ import annotations

import re

from playwright.async_api import expect

from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.desk import address_in, at_desk, said
from tests.e2e.scene import CHANNEL, Scene

ENTRY = re.compile(r"http[^\s|>)\"]+/sign-in/link\?ticket=[^\s|>)\"]+")


async def opened(scene: Scene) -> tuple[str, str]:
    """Open a workspace from a new thread; the thread and the page's address."""
    thread = await scene.mention("workspace")
    return thread, address_in((await scene.reply_to(thread)).shown)


async def nothing_left(scene: Scene) -> None:
    await scene.no_container()
    await scene.no_volume()


async def test_from_the_thread_to_commits_and_back(scene: Scene) -> None:
    thread, address = await opened(scene)
    async with at_desk(scene) as desk:
        await desk.arrive(address)
        await expect(desk.tabs).to_have_text(["Claude Code"])
        await desk.ask_claude("fix the failing test")
        await desk.shows("All tests pass")
        assert await scene.heddle_branches() == []  # nothing leaves before somebody says so

        await desk.press("Commit")
        await desk.shows(re.compile(r"heddle/\S+\s+is pushed"))
        (branch,) = await scene.heddle_branches()
        (newest, *_) = await scene.github.log(REPOSITORY, branch)
        assert newest.subject == "Put words with equal counts in alphabetical order"

        await desk.add_shell()
        await desk.run("echo not yet > left-behind.txt; git status --short")
        await desk.shows("?? left-behind.txt")
        await expect(desk.page.locator("#counts")).to_have_text("1 changed", timeout=10_000)

        await desk.select("Claude Code")
        await desk.press("Close Session")
        await expect(desk.dialog).to_contain_text("left-behind.txt")
        await expect(desk.dialog).to_contain_text("1 uncommitted file")
        await desk.press("Push to a rescue ref and close")
        await desk.face("closed")
        await nothing_left(scene)
        await desk.page.wait_for_url(f"{scene.slack.url}**", timeout=10_000)

    summary = (await said(scene, thread, "The workspace is closed")).shown
    assert f"{newest.sha[:7]}` `Put words with equal counts" in summary
    assert "1 commit since it was opened" in summary
    (ref,) = set(re.findall(r"refs/heddle/rescue/\w+", summary))
    assert await scene.github.file(REPOSITORY, ref, "left-behind.txt") == "not yet\n"
    assert await scene.github.file(REPOSITORY, branch, "left-behind.txt") is None


async def test_close_of_what_is_pushed_asks_nothing_more(scene: Scene) -> None:
    thread, address = await opened(scene)
    async with at_desk(scene) as desk:
        await desk.arrive(address)
        await desk.press("Close Session")
        await expect(desk.dialog).to_contain_text("Everything is on the remote.")
        await expect(desk.page.get_by_role("button", name="Push to a rescue ref and close")).to_be_hidden()
        await desk.dialog.get_by_role("button", name="Close", exact=True).click()
        await desk.face("closed")
        await nothing_left(scene)
    summary = (await said(scene, thread, "The workspace is closed")).shown
    assert "No commits were made in it." in summary
    assert await scene.heddle_branches() == []


async def test_work_is_lost_only_by_the_word(scene: Scene) -> None:
    thread, address = await opened(scene)
    async with at_desk(scene) as desk:
        await desk.arrive(address)
        await desk.add_shell()
        # On another branch, and with a clean work tree: no file would show that something is lost.
        await desk.run(
            "git switch -qc aside && git commit -qm 'A loose end' --allow-empty && git switch -q -; echo do''ne"
        )
        await desk.shows("done")
        await desk.select("Claude Code")
        await desk.press("Close Session")
        await expect(desk.dialog).to_contain_text("1 commit on aside")
        await expect(desk.dialog).to_contain_text("A loose end")
        discard = desk.page.get_by_role("button", name="Discard and close")
        await expect(discard).to_be_disabled()
        await desk.page.locator("#discard-word").fill("yes")
        await desk.page.keyboard.press("Enter")
        await expect(discard).to_be_disabled()
        assert len(await scene.volumes()) == 1
        await desk.page.locator("#discard-word").fill("discard")
        await expect(discard).to_be_enabled()
        await desk.page.keyboard.press("Enter")
        await desk.face("closed")
        await nothing_left(scene)
    summary = (await said(scene, thread, "The workspace is closed")).shown
    assert "was discarded, as asked" in summary


async def test_close_from_the_thread(scene: Scene) -> None:
    thread, address = await opened(scene)
    async with at_desk(scene) as desk:
        await desk.arrive(address)
        await desk.add_shell()
        await desk.run("echo keep > keep.txt; echo do''ne")
        await desk.shows("done")

        await scene.mention("close", repository=None, thread=thread)
        warning = await said(scene, thread, "would lose work")
        assert "`keep.txt`" in warning.shown
        assert [action.text for action in warning.actions] == ["Rescue and close", "Discard and close"]
        assert len(await scene.containers(every=False)) == 1
        await desk.connected()  # nothing has happened yet

        await scene.mention("close rescue", repository=None, thread=thread)
        await desk.face("closed")
    summary = (await said(scene, thread, "The workspace is closed")).shown
    (ref,) = set(re.findall(r"refs/heddle/rescue/\w+", summary))
    assert await scene.github.file(REPOSITORY, ref, "keep.txt") == "keep\n"
    await nothing_left(scene)

    await scene.mention("close", repository=None, thread=thread)
    await said(scene, thread, "No workspace is open here.")


async def test_link_for_one_where_nobody_can_sign_in(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(sign_in=False)
    thread = await scene.mention("workspace")
    reply = await scene.reply_to(thread)
    (button,) = reply.actions
    assert button.text == "Open workspace"
    async with at_desk(scene) as desk, at_desk(scene) as other:
        assert await desk.go(address_in(reply.shown)) == 401
        await expect(desk.page.locator("main")).to_contain_text("Open it from the thread")

        await scene.slack.press("grace", CHANNEL, reply.ts, button.action_id)
        (note,) = await scene.until(scene.notes)
        assert note.only_for == scene.slack.state.person("grace").id
        link = ENTRY.search(str(note.blocks) + note.text)
        assert link is not None
        assert await desk.go(link[0]) == 200
        await expect(desk.page.locator("main")).to_contain_text("grace")
        assert await other.go(link[0]) == 200  # whoever only looks at it, as a preview does, uses nothing up
        await desk.press("Open the workspace")
        await desk.connected()

        await other.press("Open the workspace")
        await expect(other.page.locator("main")).not_to_contain_text("Claude")
        assert "/code/" not in other.page.url
        assert await other.go(address_in(reply.shown)) == 401
        other.complaints.clear()  # the refusal of the used link, which browsers log
    await scene.mention("close", repository=None, thread=thread)
    await said(scene, thread, "The workspace is closed")
