"""Closing a workspace through the whole of Heddle: what nobody else has is never lost without the word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from playground.town import REPOSITORY, Town
from playground.visitor import Page, Visitor
from tests.e2e.opened import Opened, ask_for_workspace, somebody
from tests.e2e.scene import Scene, run

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

GIT_PATHS = "/acme/tally.git/*"
ELSEWHERE = """
git rev-parse -q --verify elsewhere >/dev/null && exit
git switch -q -c elsewhere && git commit -q --allow-empty -m 'Only on elsewhere' && git switch -q -
"""


@dataclass(frozen=True, slots=True)
class House:
    """A Heddle in which Ada has a workspace whose close everybody tries."""

    scene: Scene
    ada: Visitor
    opened: Opened

    async def another(self) -> Opened:
        opened = await ask_for_workspace(self.scene)
        await opened.state(self.ada, "open")
        return opened

    async def close(self, opened: Opened, word: str = "") -> Page:
        return await self.ada.send("POST", f"{opened.base}/close", {"word": word})

    async def restart(self) -> None:
        """Heddle again, after it was killed."""
        heddle = await self.scene.town.start_heddle()
        self.ada.moved(heddle.address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, image: None) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(Town(tmp_path_factory.mktemp("close") / "town"))
        await town.start_heddle()
        scene = Scene(town)
        opened = await ask_for_workspace(scene)
        ada = await stack.enter_async_context(somebody(town))
        await opened.state(ada, "open")
        yield House(scene, ada, opened)


async def kept(house: House) -> None:
    """The workspace is open as before, with its volume and its container."""
    assert await house.opened.volume() is not None
    await house.opened.state(house.ada, "open")
    assert house.opened.container in await house.scene.containers(every=False)


UNSAFE = {
    "uncommitted": ("echo more >> README.md", "git checkout -q README.md", "README.md"),
    "untracked": ("echo new > 'a new file.txt'", "rm 'a new file.txt'", "a new file.txt"),
    "staged": ("echo more >> README.md; git add .", "git reset -q --hard", "README.md"),
    "stash": ("echo more >> README.md; git stash push -q -m 'For later'", "git stash drop -q", "stash@{0}"),
    "unpushed": (
        "git commit -q --allow-empty -m 'Not pushed yet'",
        "git reset -q --hard HEAD~1",
        "Not pushed yet",
    ),
    "another branch": (ELSEWHERE, "git branch -q -D elsewhere", "elsewhere"),
    "detached": (
        "git switch -q --detach && git commit -q --allow-empty -m 'On no branch'",
        "git switch -q - && git reflog expire --expire=all --all",
        "On no branch",
    ),
    "tag": (
        ELSEWHERE + "git tag local elsewhere && git branch -q -D elsewhere",
        "git tag -d local >/dev/null",
        "local",
    ),
}


@pytest.mark.parametrize("case", UNSAFE)
async def test_close_names_what_it_would_lose_and_does_nothing(house: House, case: str) -> None:
    make, undo, named = UNSAFE[case]
    await house.opened.shell(make)
    try:
        answer = await house.close(house.opened)
        assert answer.status == 409, answer.text
        assert named in answer.text
        found = answer.json()
        assert found["safe"] is False
        assert found["answered"] is True
        assert named in (await house.ada.get(f"{house.opened.base}/work")).text
        await kept(house)
    finally:
        await house.opened.shell(undo)
    await house.opened.shell("git reflog expire --expire=all --all")
    work = await house.ada.get(f"{house.opened.base}/work")
    assert work.json()["safe"] is True, work.text


async def test_close_that_git_can_not_answer_does_nothing(house: House) -> None:
    house.scene.github.fail(GIT_PATHS, 503, "down", times=None)
    try:
        answer = await house.close(house.opened)
        assert answer.status == 409, answer.text
        found = answer.json()
        assert found["answered"] is False
        assert found["safe"] is False
        assert found["reason"]
        await kept(house)
    finally:
        house.scene.github.mend()
    assert (await house.ada.get(f"{house.opened.base}/work")).json()["safe"] is True


async def test_ten_closes_at_once_lose_nothing(house: House) -> None:
    await house.opened.shell(ELSEWHERE)
    answers = await asyncio.gather(*(house.close(house.opened) for _ in range(10)))
    assert {answer.status for answer in answers} == {409}
    assert all("Only on elsewhere" in answer.text for answer in answers)
    await kept(house)


@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.6])
async def test_heddle_killed_while_it_looks_loses_nothing(house: House, seconds: float) -> None:
    await house.opened.shell(ELSEWHERE)
    assert house.scene.town.heddle is not None

    async def ask() -> None:
        try:
            answer = await house.close(house.opened)
        except aiohttp.ClientError:
            return
        assert answer.status == 409, answer.text

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    await asyncio.sleep(seconds)
    await house.scene.town.heddle.kill()
    await asyncio.gather(*asking)
    await house.restart()
    await kept(house)
    assert "Only on elsewhere" in (await house.ada.get(f"{house.opened.base}/work")).text


LATE_WORK = """\
#!/bin/bash
# Commits from the moment that it is told to, and until it is made to go.
work() { while :; do git commit -q --allow-empty -m 'Late work' && echo done >> /heddle/terminals/committed; done; }
trap work HUP TERM INT
echo waiting
until [ -e /heddle/terminals/go ]; do sleep 0.005; done
work
"""


async def late_worker(house: House, opened: Opened) -> None:
    """Leave something in a terminal that makes new work as soon as there is a file `go`."""
    await opened.shell(f"cat > /workspace/late.sh <<'END'\n{LATE_WORK}END\nchmod +x /workspace/late.sh")
    name = await opened.shell_tab(house.ada)
    async with await house.ada.terminal(opened.base, name) as terminal:
        await terminal.until("$")
        await terminal.type("exec /workspace/late.sh\r")
        await terminal.until("waiting")


@pytest.mark.parametrize("seconds", [None, 0.1, 0.7])
async def test_work_made_during_the_close_keeps_the_workspace(house: House, seconds: float | None) -> None:
    """Its first look found nothing, its second does; Heddle is killed `seconds` after the close began."""
    opened = await house.another()
    await late_worker(house, opened)
    terminals = opened.sockets / "terminals"
    committed = terminals / "committed"
    committed.touch()
    committed.chmod(0o666)
    with committed.open() as done:  # still there when its folder is gone
        answer = await house.close(opened)
        (terminals / "go").touch()
        assert answer.status == 202, answer.text
        if seconds is not None:
            assert house.scene.town.heddle is not None
            await asyncio.sleep(seconds)
            await house.scene.town.heddle.kill()
            await house.restart()
        await house.scene.until(
            lambda: [said for said in opened.said() if "was not closed" in said or "is closed" in said], 60
        )
        assert done.read().startswith("done"), "the close was too fast for any late work"
    assert await opened.volume() is not None
    await opened.state(house.ada, "open")
    assert sum("was not closed" in said for said in opened.said()) == 1
    assert not any("is closed" in said for said in opened.said())
    # The terminals are there again.
    assert (await house.ada.send("POST", f"{opened.base}/wake")).status == 200
    async with await house.ada.terminal(opened.base, "shell-1") as terminal:
        assert "Late work" in await terminal.run("git log -1 --format=%s")
    assert "Late work" in (await house.close(opened)).text
    await gone(house, opened, "discard")
    assert any("was discarded, as asked" in said for said in opened.said())


async def gone(house: House, opened: Opened, word: str = "", kill_after: float | None = None) -> None:
    """Close it, and wait until nothing is left of it and the thread has been told once."""
    volume = await opened.volume()
    assert volume is not None
    answer = await house.close(opened, word)
    assert answer.status == 202, answer.text
    if kill_after is not None:
        assert house.scene.town.heddle is not None
        await asyncio.sleep(kill_after)
        await house.scene.town.heddle.kill()
        await house.restart()
    await opened.state(house.ada, "closed")
    await opened.hears("is closed")
    assert await opened.volume() is None
    assert opened.container not in await house.scene.containers()
    assert not opened.sockets.exists()
    assert sum("is closed" in said for said in opened.said()) == 1


@pytest.mark.parametrize("kill_after", [None, 0.1, 0.7])
async def test_close_of_what_is_all_pushed_removes_everything(house: House, kill_after: float | None) -> None:
    opened = await house.another()
    await opened.shell("git commit -q --allow-empty -m 'Weave it' && git push -q origin HEAD")
    await gone(house, opened, kill_after=kill_after)
    assert any("Weave it" in said for said in opened.said())
    assert not any("discarded" in said for said in opened.said())


async def test_rescue_brings_everything_back_in_a_fresh_clone(house: House, tmp_path: Path) -> None:
    opened = house.opened
    await opened.shell(ELSEWHERE)
    await opened.shell("echo kept > stashed.txt; git add .; git stash push -q -m 'For later'")
    await opened.shell("git commit -q --allow-empty -m 'Not pushed yet'")
    await opened.shell("echo changed >> README.md; echo new > untracked.txt")
    await gone(house, opened, "rescue")
    ref = f"refs/heddle/rescue/{opened.id}"
    assert any(ref in said for said in opened.said())
    clone = str(tmp_path / "clone")
    await run("git", "clone", "-q", f"{house.scene.github.url}/{REPOSITORY}.git", clone)
    await run("git", "-C", clone, "fetch", "-q", "origin", ref)
    subjects = await run("git", "-C", clone, "log", "--format=%s", "FETCH_HEAD")
    assert "Only on elsewhere" in subjects
    assert "Not pushed yet" in subjects
    parents = await run("git", "-C", clone, "rev-parse", "FETCH_HEAD^@")
    files = {
        name
        for parent in parents
        for name in await run("git", "-C", clone, "ls-tree", "-r", "--name-only", parent)
    }
    assert {"untracked.txt", "stashed.txt"} <= files
    readme = [await run("git", "-C", clone, "show", f"{parent}:README.md") for parent in parents]
    assert any(lines[-1] == "changed" for lines in readme)


async def test_closed_workspace_can_be_opened_again_and_is_new(house: House) -> None:
    answer = await house.ada.send("POST", f"{house.opened.base}/open", {})
    assert answer.status == 202, answer.text
    await house.opened.state(house.ada, "open")
    assert await house.opened.shell("ls") != ""
    assert "untracked.txt" not in await house.opened.shell("ls")
