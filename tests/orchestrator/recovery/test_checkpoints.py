"""Work that the remote lacks survives its volume, on real Docker and git over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.interactive.asking import Asking, NoAnswer
from orchestrator.interactive.opening import Opening, OpeningState, Word
from orchestrator.interactive.pulls import Pulls
from orchestrator.interactive.remote import Remote
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.recovery.checkpoints import Checkpoints, restored
from orchestrator.recovery.rows import Rows
from orchestrator.workspaces import Workspace
from tests.orchestrator.interactive.house import (
    REPOSITORY,
    Heddle,
    House,
    StandInForge,
    containers,
    docker,
    make_house,
    volumes,
)

pytestmark = pytest.mark.e2e

WORK = """
echo committed > committed.txt; git add --all; git commit --quiet --message 'Not pushed'
echo stashed >> README.md; git stash --quiet
git branch other
echo staged > staged.txt; git add staged.txt; echo more >> staged.txt
echo new > new.txt; ln -s new.txt link
echo changed >> README.md
git update-index --refresh > /dev/null || true
"""
VIEW = """
git symbolic-ref HEAD; git for-each-ref refs/heads refs/tags; git stash list --format='%H %gs'
git status --porcelain --untracked-files=all; git ls-files -s; cat README.md staged.txt new.txt; readlink link
"""
RAW = "find .git -type f -not -path '*/objects/*' -print0 | sort -z | xargs -0 sha256sum"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with make_house(tmp_path) as made:
        yield made


def remote_of(house: House) -> Remote:
    forge = StandInForge(house.github)
    return Remote(Mirrors(house.folder / "mirrors", forge), forge)


def checkpoints_of(heddle: Heddle, *, off: bool = False, lanes: Lanes | None = None) -> Checkpoints:
    made = Checkpoints(
        engine=heddle.engine,
        openings=heddle.openings,
        asking=Asking(heddle.engine),
        remote=remote_of(heddle.house),
        history=heddle.history,
        lanes=lanes or Lanes(4),
        off=lambda _repository: off,
    )
    heddle.interactive._closing._forget = made.forget
    return made


def ref_of(workspace: Workspace) -> str:
    return f"refs/heddle/checkpoints/{workspace.id}"


async def at_remote(house: House, opening: Opening) -> str | None:
    return await remote_of(house).at(REPOSITORY, ref_of(opening.workspace))


async def recorded(heddle: Heddle) -> tuple[str, float]:
    (row,) = await Rows(heddle.openings._database).all({}, lambda _: False, lambda _: 0)
    return row.checkpoint, row.checkpoint_at


async def lose(opening: Opening) -> None:
    """Container and volume are gone, as with a broken disk."""
    await asyncio.to_thread(docker, "rm", "--force", opening.container)
    await asyncio.to_thread(docker, "volume", "rm", opening.workspace.volume)


async def test_a_lost_volume_comes_back(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        assert await restored(heddle.engine, opening) is None
        await heddle.inside(opening, WORK)
        before, raw = await heddle.inside(opening, VIEW), await heddle.inside(opening, RAW)
        began = time.time()
        await checkpoints.save(opening.workspace.id, "it is due")
        head = await at_remote(house, opening)
        assert head
        saved, at = await recorded(heddle)
        assert (saved, began <= at <= time.time()) == (head, True)
        assert await heddle.inside(opening, RAW) == raw

        await checkpoints.save(opening.workspace.id, "it is due")
        assert await at_remote(house, opening) == head
        again = await recorded(heddle)
        assert (again[0], again[1] > at) == (head, True)

        await lose(opening)
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.inside(opening, VIEW) == before
        found = await restored(heddle.engine, opening)
        assert found is not None
        assert (found.commit, found.beside, found.stashed, found.left, found.reason) == (
            head,
            (),
            False,
            (),
            "",
        )
        assert found.saved_at == pytest.approx(began, abs=30)
        # Nothing is new, so nothing is pushed, and a later start does not restore anything.
        assert not (await heddle.interactive.check(opening.workspace.id)).safe
        await asyncio.to_thread(docker, "restart", "-t", "3", opening.container)
        await heddle.interactive.wake(opening.workspace.id)
        assert await restored(heddle.engine, opening) is None
        assert await heddle.inside(opening, VIEW) == before


async def test_what_reached_the_remote_needs_no_checkpoint(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        await checkpoints.save(opening.workspace.id, "it is due")
        assert (await recorded(heddle))[0] == ""
        assert (await recorded(heddle))[1] > 0
        await heddle.inside(opening, "echo x > new.txt")
        await checkpoints.save(opening.workspace.id, "it is due")
        assert await at_remote(house, opening)
        commands = "git add --all; git commit --quiet --message New; git push --quiet origin HEAD"
        await heddle.inside(opening, commands)
        await checkpoints.save(opening.workspace.id, "it is due")
        assert await at_remote(house, opening) is None
        assert (await recorded(heddle))[0] == ""


async def test_a_close_forgets_the_checkpoint(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        await checkpoints.before_rest(opening)
        assert await at_remote(house, opening)
        assert await heddle.interactive.close(opening.workspace.id, Word.RESCUE, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        assert await at_remote(house, opening) is None
        assert await remote_of(house).at(REPOSITORY, f"refs/heddle/rescue/{opening.workspace.id}")
        assert (containers(house), volumes(house)) == ([], [])
        await checkpoints.forget(opening.workspace)  # any number of times


async def test_a_close_of_a_lost_volume_gives_nothing_up(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        await heddle.inside(opening, WORK)
        before = await heddle.inside(opening, VIEW)
        await checkpoints.save(opening.workspace.id, "it is due")
        await lose(opening)
        found = await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada")
        assert found is not None
        assert not found.safe
        assert await at_remote(house, opening)
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.inside(opening, VIEW) == before


async def test_a_rescue_of_a_lost_volume_has_what_was_saved(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        await heddle.inside(opening, "echo precious > new.txt")
        await checkpoints.save(opening.workspace.id, "it is due")
        await lose(opening)
        # Straight into the close, as if Heddle were cleaning up: the container may be asked before it is filled.
        assert await heddle.interactive.close(opening.workspace.id, Word.RESCUE, "Ada") is None
        rescue = f"refs/heddle/rescue/{opening.workspace.id}"
        async with asyncio.timeout(90):
            while (await heddle.openings.opening(opening.id)).state is OpeningState.CLOSING:
                await asyncio.sleep(0.05)
        if (
            await heddle.openings.opening(opening.id)
        ).state is OpeningState.OPEN:  # given up, and nothing is lost
            await heddle.interactive.wake(opening.workspace.id)
            assert await heddle.inside(opening, "cat new.txt") == "precious\n"
        else:
            assert await remote_of(house).at(REPOSITORY, rescue)
            mirror = Mirrors(house.folder / "mirrors", StandInForge(house.github)).path(REPOSITORY)
            shown = await asyncio.create_subprocess_exec(
                *("git", "show", f"{rescue}:new.txt"), cwd=mirror, stdout=asyncio.subprocess.PIPE
            )
            assert (await shown.communicate())[0] == b"precious\n"


async def test_turned_off_asleep_or_in_use_nothing_is_saved(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        off = checkpoints_of(heddle, off=True)
        await off.save(opening.workspace.id, "it is due")
        await off.before_rest(opening)
        looked = await recorded(heddle)
        assert looked[0] == ""
        assert looked[1] >= opening.created_at  # so that not every sweep asks again
        lanes = Lanes(4)
        async with lanes.lane(opening.workspace.id):
            await checkpoints_of(heddle, lanes=lanes).save(opening.workspace.id, "it is due")
        await asyncio.to_thread(docker, "pause", opening.container)
        await checkpoints_of(heddle).save(opening.workspace.id, "it is due")
        await asyncio.to_thread(docker, "unpause", opening.container)
        await checkpoints_of(heddle).save("nobody", "it is due")
        assert await at_remote(house, opening) is None
        assert await recorded(heddle) == looked


async def test_a_failure_is_not_repeated_at_once(house: House) -> None:
    async with house.heddle() as heddle:
        checkpoints = checkpoints_of(heddle)
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        await house.github.__aexit__(None, None, None)
        try:
            await checkpoints.save(opening.workspace.id, "it is due")  # logged
            with pytest.raises(NoAnswer):
                await checkpoints.before_rest(opening)
        finally:
            await house.github.__aenter__()
        await checkpoints.save(opening.workspace.id, "it is due")
        assert await recorded(heddle) == ("", 0.0)
        await checkpoints.before_rest(opening)
        assert await at_remote(house, opening)
        assert (await recorded(heddle))[0]


async def test_a_squashed_and_deleted_branch_closes(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        commit = (
            "echo x > new.txt; git add --all; git commit --quiet --message New; git push --quiet origin HEAD"
        )
        await heddle.inside(opening, commit)
        bare = next((house.folder / "github").rglob("tally.git"))
        branch = f"refs/heads/{opening.workspace.branch}"
        head = await asyncio.to_thread(git, bare, "rev-parse", branch)
        await asyncio.to_thread(git, bare, "update-ref", "refs/pull/7/head", head)
        await asyncio.to_thread(git, bare, "update-ref", "-d", branch)
        assert not (await heddle.interactive.check(opening.workspace.id)).safe
        await Pulls(heddle.openings._database).note(opening.workspace.id, 7)
        assert (await heddle.interactive.check(opening.workspace.id)).safe
        assert await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)


async def test_a_ref_is_removed_only_where_it_is_expected_to_be(house: House) -> None:
    remote = remote_of(house)
    bare = next((house.folder / "github").rglob("tally.git"))
    head = await asyncio.to_thread(git, bare, "rev-parse", "HEAD")
    ref = "refs/heddle/checkpoints/w1"
    await asyncio.to_thread(git, bare, "update-ref", ref, head)
    assert not await remote.remove(REPOSITORY, ref, "1" * 40)
    assert await remote.at(REPOSITORY, ref) == head
    assert await remote.remove(REPOSITORY, ref, head)
    assert await remote.at(REPOSITORY, ref) is None
    assert not await remote.remove(REPOSITORY, ref, head)
    assert await remote.remove(REPOSITORY, ref)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
