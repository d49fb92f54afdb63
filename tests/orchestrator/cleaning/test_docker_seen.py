"""What Docker lists, by real volumes and containers."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.containers import EngineUnavailable

pytestmark = pytest.mark.e2e
SOCKET = "unix:///var/run/docker.sock"


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def deployment() -> Iterator[str]:
    name = f"test-{secrets.token_hex(6)}"
    yield name
    for kind, remove in ((("ps", "-aq"), ("rm", "-f")), (("volume", "ls", "-q"), ("volume", "rm"))):
        found = docker(*kind, "--filter", f"label=heddle.test={name}").split()
        if found:
            docker(*remove, *found)


def volume(name: str, test: str, **labels: str) -> None:
    told = [f"--label=heddle.{key}={value}" for key, value in ({"test": test} | labels).items()]
    docker("volume", "create", *told, name)


async def test_own_and_unlabelled_volumes_are_seen_and_no_others(deployment: str) -> None:
    ours, bare, others, named = (secrets.token_hex(6) for _ in range(4))
    volume(f"heddle-{ours}", deployment, deployment=deployment, workspace=ours, repository="Acme/Tally")
    volume(f"heddle-{bare}", deployment)
    volume(f"heddle-{others}", deployment, deployment="another", workspace=others, repository="a/b")
    volume(f"heddle-data-{named}", deployment)
    docker(
        "create",
        *(f"--label=heddle.{label}" for label in (f"test={deployment}", f"deployment={deployment}")),
        "--label=heddle.repository=Acme/Loom",
        f"--volume=heddle-{ours}:/workspace",
        "heddle-workspace:latest",
        "true",
    )
    seen = await DockerSeen(SOCKET, deployment).look()
    found = {one.name: one for one in seen.volumes}
    assert seen.mounted == {"acme/loom"}
    one, other = found[f"heddle-{ours}"], found[f"heddle-{bare}"]
    assert (one.workspace_id, one.repository, one.labelled) == (ours, "Acme/Tally", True)
    assert (other.workspace_id, other.repository, other.labelled) == (bare, "", False)
    assert not {f"heddle-{others}", f"heddle-data-{named}"} & set(found)


async def test_sizes_are_told_when_asked_for(deployment: str) -> None:
    identity = secrets.token_hex(6)
    volume(f"heddle-{identity}", deployment, deployment=deployment, workspace=identity)
    mount = f"--volume=heddle-{identity}:/workspace"
    write = "head -c 2000000 /dev/zero > /workspace/big"
    docker(
        "run",
        "--rm",
        "--network=none",
        "--user=0",
        "--entrypoint=sh",
        mount,
        "heddle-workspace:latest",
        "-c",
        write,
    )
    engine = DockerSeen(SOCKET, deployment)
    assert {one.size for one in (await engine.look()).volumes if one.workspace_id == identity} == {0}
    (size,) = [one.size for one in (await engine.look(sizes=True)).volumes if one.workspace_id == identity]
    assert size >= 2_000_000


async def test_root_is_known_where_it_is_here(tmp_path: Path) -> None:
    told = docker("info", "--format={{.DockerRootDir}}")
    assert await DockerSeen(SOCKET, "any").root() == Path(told)
    assert await DockerSeen("tcp://127.0.0.1:1", "any").root() is None
    with pytest.raises(EngineUnavailable):
        await DockerSeen(f"unix://{tmp_path}/docker.sock", "any").root()


async def test_engine_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable):
        await DockerSeen(f"unix://{tmp_path}/docker.sock", "any").look()
