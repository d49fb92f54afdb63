"""What is there, as Docker and the folder of sockets list it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.recovery.listing import Lister
from orchestrator.workspaces import new_id
from tests.orchestrator.recovery.yard import Toll, Yard

pytestmark = pytest.mark.e2e
MANY = 100


async def test_everything_of_a_deployment_and_nothing_else(yard: Yard, tmp_path: Path) -> None:
    one, two, other = new_id(), new_id(), new_id()
    begun = time.time()
    await yard.container(one, opening="o1", started=True)
    await yard.container(two, run="r1", started=False, title="Fix it")
    stranger = Yard(yard.engine)
    await stranger.volume(other)
    (tmp_path / one).mkdir()
    (tmp_path / ".staging").mkdir()
    (tmp_path / "lost+found").mkdir()
    try:
        listing = await Lister(yard.engine, yard.deployment, tmp_path).all()
    finally:
        await yard.engine.remove_volume(f"heddle-{other}")
    found = {container.name: container for container in listing.containers}
    assert set(found) == {f"heddle-{one}", f"heddle-{two}-r1"}
    first, second = found[f"heddle-{one}"], found[f"heddle-{two}-r1"]
    assert (first.state, first.workspace_id, first.opening_id, first.run_id) == ("running", one, "o1", "")
    assert (second.state, second.workspace_id, second.run_id) == ("created", two, "r1")
    assert second.labels["heddle.title"] == "Fix it"
    assert {volume.workspace_id for volume in listing.volumes} == {one, two}
    for at in (*(each.created_at for each in found.values()), *(each.created_at for each in listing.volumes)):
        assert begun - 2 < at < time.time() + 2
    assert listing.folders == {one}


async def test_one_workspace(yard: Yard, tmp_path: Path) -> None:
    one, two = new_id(), new_id()
    for each in (one, two):
        await yard.container(each, started=False)
        (tmp_path / each).mkdir()
    lister = Lister(yard.engine, yard.deployment, tmp_path)
    listing = await lister.one(one)
    assert [container.workspace_id for container in listing.containers] == [one]
    assert [volume.workspace_id for volume in listing.volumes] == [one]
    assert listing.folders == {one}
    nothing = await lister.one(new_id())
    assert (nothing.containers, nothing.volumes, nothing.folders) == ((), (), frozenset())
    assert (await lister.one("../..")).folders == frozenset()


async def test_no_folder_yet(yard: Yard, tmp_path: Path) -> None:
    assert (await Lister(yard.engine, yard.deployment, tmp_path / "none").all()).folders == frozenset()


async def test_hundred_containers_cost_two_calls(yard: Yard, tmp_path: Path) -> None:
    ids = [new_id() for _ in range(MANY)]
    at_once = asyncio.Semaphore(8)

    async def make(workspace_id: str) -> None:
        async with at_once:
            await yard.container(workspace_id, started=False)

    await asyncio.gather(*map(make, ids))
    toll = Toll()
    async with toll.open(tmp_path / "docker.sock") as address:
        engine = Engine(address)
        await engine.ping()  # the version is asked for once
        toll.requests.clear()
        listing = await Lister(engine, yard.deployment, tmp_path / "sockets").all()
        assert toll.requests == {"GET /containers/json": 1, "GET /volumes": 1}
        await engine.close()
    assert {container.workspace_id for container in listing.containers} == set(ids)
    assert len(listing.volumes) == MANY


async def test_engine_that_is_away(tmp_path: Path) -> None:
    engine = Engine("tcp://127.0.0.1:9")
    with pytest.raises(EngineUnavailable):
        await Lister(engine, "nobody", tmp_path).all()
    await engine.close()
