"""The Docker edge, against the real Engine and the real image."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from orchestrator.containers import (
    ContainerMissing,
    ContainerSpec,
    Engine,
    EngineUnavailable,
    ImageMissing,
    Limits,
)

pytestmark = pytest.mark.e2e
ADDRESS = "unix:///var/run/docker.sock"
WRITER = "for i in 1 2 3 4 5; do echo line-$i >> /workspace/journal; sleep 0.05; done; sleep 0.2"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(ADDRESS)
    yield made
    await made.close()


@pytest.fixture
async def spec(engine: Engine, tmp_path: Path) -> AsyncIterator[ContainerSpec]:
    name = f"heddle-test-{uuid.uuid4().hex[:12]}"
    (tmp_path / "mirror").mkdir()
    (tmp_path / "sockets").mkdir()
    made = ContainerSpec(
        name=name,
        image="heddle-workspace:latest",
        command=["sh", "-c", WRITER],
        volume=name,
        mirror=tmp_path / "mirror",
        sockets=tmp_path / "sockets",
        limits=Limits(memory="512m", cpus=1.0, pids=200),
        labels={"heddle.test": "1", "heddle.run": name},
    )
    await engine.ensure_volume(name, {"heddle.test": "1"})
    yield made
    await engine.remove(name)
    await engine.remove_volume(name)


async def test_container_is_hardened(engine: Engine, spec: ContainerSpec) -> None:
    assert (await engine.ensure_container(spec)).state == "created"
    client = docker.DockerClient(ADDRESS)
    host = client.api.inspect_container(spec.name)["HostConfig"]
    client.close()
    assert host["NetworkMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert host["Memory"] == host["MemorySwap"] == 512 * 1024 * 1024
    assert host["NanoCpus"] == 1_000_000_000
    assert host["PidsLimit"] == 200
    assert host["Privileged"] is False
    assert host["PidMode"] == ""


async def test_ensuring_again_gives_the_same_container(engine: Engine, spec: ContainerSpec) -> None:
    await asyncio.gather(*(engine.ensure_container(spec) for _ in range(4)))
    await engine.start(spec.name)
    found = await engine.ensure_container(spec)
    assert found.state in ("running", "exited")
    assert await engine.names(f"heddle.run={spec.name}") == [spec.name]


async def test_file_is_followed_from_any_offset(engine: Engine, spec: ContainerSpec) -> None:
    await engine.ensure_container(spec)
    await engine.start(spec.name)
    async with aclosing(engine.follow(spec.name, "/workspace/journal", 0)) as stream:
        assert (await anext(stream)).startswith(b"line-1\n")
    skipped = len("line-1\n")
    seen = b"".join([chunk async for chunk in engine.follow(spec.name, "/workspace/journal", skipped)])
    whole = await engine.read(spec.name, "/workspace/journal")
    assert whole == b"".join(f"line-{number}\n".encode() for number in range(1, 6))
    assert whole[skipped:].startswith(seen)
    assert seen.startswith(b"line-2\n")


async def test_following_can_be_given_up(engine: Engine, spec: ContainerSpec) -> None:
    await engine.ensure_container(replace(spec, command=["sh", "-c", f"{WRITER}; sleep 60"]))
    await engine.start(spec.name)
    stream = engine.follow(spec.name, "/workspace/journal", 0)
    assert (await anext(stream)).startswith(b"line-1")
    async with asyncio.timeout(5):
        await stream.aclose()


async def test_files_are_put_before_the_start_and_while_it_runs(engine: Engine, spec: ContainerSpec) -> None:
    await engine.ensure_container(replace(spec, command=["sleep", "60"]))
    await engine.put(spec.name, "/workspace", {"runs/": b"", "runs/task.md": "–rf ☂\n".encode()})
    await engine.start(spec.name)
    await engine.put(spec.name, "/workspace/runs", {"more.json": b"{}"})
    assert await engine.read(spec.name, "/workspace/runs/task.md") == "–rf ☂\n".encode()
    assert await engine.read(spec.name, "/workspace/runs/more.json") == b"{}"
    with pytest.raises(ContainerMissing):
        await engine.put(spec.name, "/workspace/closed", {"late.json": b"{}"})
    with pytest.raises(ContainerMissing):
        await engine.read(spec.name, "/workspace/nothing")


async def test_end_is_seen(engine: Engine, spec: ContainerSpec) -> None:
    await engine.ensure_container(replace(spec, command=["sh", "-c", "exit 7"]))
    await engine.start(spec.name)
    async with asyncio.timeout(20):
        while (found := await engine.find(spec.name)) is None or found.alive:
            await asyncio.sleep(0.05)
    assert found.exit_code == 7
    await engine.signal(spec.name, "SIGTERM")  # too late, and no error
    await engine.remove(spec.name)
    await engine.remove(spec.name)
    assert await engine.find(spec.name) is None


async def test_missing_image_is_named(engine: Engine, spec: ContainerSpec) -> None:
    with pytest.raises(ImageMissing, match="heddle-nothing:none"):
        await engine.ensure_container(replace(spec, image="heddle-nothing:none"))


async def test_engine_that_is_away() -> None:
    engine = Engine("tcp://127.0.0.1:9")
    with pytest.raises(EngineUnavailable):
        await engine.ping()
    await engine.close()


async def test_pause_says_whether_it_froze(engine: Engine, spec: ContainerSpec) -> None:
    assert not await engine.pause(spec.name)
    await engine.ensure_container(replace(spec, command=["sleep", "60"]))
    assert not await engine.pause(spec.name)  # never started
    await engine.start(spec.name)
    assert await engine.pause(spec.name)
    assert await engine.pause(spec.name)
    assert (found := await engine.find(spec.name)) is not None
    assert found.state == "paused"
    await engine.unpause(spec.name)
    await engine.stop(spec.name, 0)
    assert not await engine.pause(spec.name)


async def test_events_of_a_time_that_is_over(engine: Engine, spec: ContainerSpec) -> None:
    deployment = f"test-{spec.name}"
    labels = {**spec.labels, "heddle.deployment": deployment, "heddle.workspace": "w1"}
    begun = time.time()
    await engine.ensure_container(replace(spec, labels=labels, command=["sleep", "60"]))
    await engine.start(spec.name)
    await engine.remove(spec.name)
    seen = []
    async with asyncio.timeout(10), aclosing(engine.events(deployment, begun)) as events:
        async for event in events:
            seen.append(event)
            if event.action == "destroy":
                break
    assert [event.action for event in seen if event.action in ("start", "die", "destroy")] == [
        "start",
        "die",
        "destroy",
    ]
    assert {(event.workspace_id, event.name) for event in seen} == {("w1", spec.name)}
    assert [event.at for event in seen] == sorted(event.at for event in seen)


async def test_following_events_leaves_no_thread_behind(engine: Engine) -> None:
    before = threading.active_count()
    for _ in range(5):
        stream = engine.events("nobody", None)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.wait([waiting], timeout=0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(5):
            await stream.aclose()
    async with asyncio.timeout(10):
        while any(thread.name == "follow" for thread in threading.enumerate()):
            await asyncio.sleep(0.02)
    assert threading.active_count() <= before + 5  # the pool's own stay


async def test_volume_that_a_container_has_is_not_called_removed(engine: Engine, spec: ContainerSpec) -> None:
    await engine.ensure_container(spec)
    with pytest.raises(EngineUnavailable, match="in use"):
        await engine.remove_volume(spec.volume)
    await engine.remove(spec.name)
    await engine.remove_volume(spec.volume)
    await engine.remove_volume(spec.volume)  # a missing one is fine


async def test_command_that_is_given_up_while_it_begins_leaves_nothing(
    engine: Engine, spec: ContainerSpec
) -> None:
    await engine.ensure_container(replace(spec, command=["sleep", "60"]))
    await engine.start(spec.name)
    for pause in (0.0, 0.001, 0.01, 0.02, 0.04):
        asking = asyncio.create_task(engine.execute(spec.name, ["true"], seconds=5))
        await asyncio.sleep(pause)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    # What is left unclosed would be told by the garbage collector, which is an error here.
    assert await engine.execute(spec.name, ["echo", "still here"], seconds=5) == (0, b"still here\n")


async def test_commands_and_pauses_at_once_never_block_the_engine(
    engine: Engine, spec: ContainerSpec
) -> None:
    await engine.ensure_container(replace(spec, command=["sleep", "60"]))
    await engine.start(spec.name)

    async def ask() -> None:
        for _ in range(10):
            with suppress(ContainerMissing, TimeoutError):  # it is frozen
                await engine.execute(spec.name, ["true"], seconds=2)

    async def freeze() -> None:
        for _ in range(20):
            await engine.pause(spec.name)
            await engine.unpause(spec.name)

    async with asyncio.timeout(100):
        await asyncio.gather(ask(), ask(), freeze())
        assert await engine.execute(spec.name, ["echo", "still here"], seconds=5) == (0, b"still here\n")
