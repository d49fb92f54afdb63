"""How long a start waits for what is away, and what it says meanwhile."""

from __future__ import annotations

from typing import cast

import pytest

from orchestrator import run_starting
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.following import WAITING
from orchestrator.forge import ForgeError, ForgeUnavailable
from orchestrator.mirrors import RepositoryUnreachable
from orchestrator.records import Records, RunRequest
from orchestrator.run_containers import RunContainers
from orchestrator.run_starting import WAITING_FOR_HOST, RunStarting, StopWished
from orchestrator.workspaces import Run


class Containers:
    """What becomes of the attempts, one after the other; the last one again and again."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.attempts = 0

    async def prepare(self, _run: Run) -> None:
        self.attempts += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if outcome is not None:
            raise outcome


class Away:
    """An Engine that is away."""

    async def ping(self) -> None:
        raise EngineUnavailable("away")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_starting, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(run_starting, "LONGEST_PAUSE", 0.004)


async def prepared(records: Records, containers: Containers, *, stop: bool = False) -> list[str]:
    """What a run was told it waits for, until it could be started."""
    run = await records.create_run(RunRequest("c1", "m1", "acme/tally", "Fix the sort order"))
    told: list[str] = []

    async def disk() -> None:
        if stop:
            await records.request_stop(run.id)

    starting = RunStarting(
        engine=cast(Engine, Away()),
        records=records,
        containers=cast(RunContainers, containers),
        disk=disk,
        redact=lambda text: text,
    )
    assert await starting.prepare(run, told.append) is None
    return told


@pytest.mark.parametrize("error", [RepositoryUnreachable("no route"), ForgeUnavailable("502")])
async def test_code_host_is_waited_for(records: Records, error: Exception) -> None:
    containers = Containers(error, error, error, error, None)
    assert await prepared(records, containers) == [WAITING_FOR_HOST]
    assert containers.attempts == 5


async def test_both_are_waited_for(records: Records) -> None:
    containers = Containers(
        EngineUnavailable("away"), ForgeUnavailable("502"), EngineUnavailable("away"), None
    )
    assert await prepared(records, containers) == [WAITING, WAITING_FOR_HOST]


async def test_patience_ends(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_starting, "HOST_PATIENCE_SECONDS", 0.05)
    containers = Containers(RepositoryUnreachable("no route"))
    with pytest.raises(RepositoryUnreachable):
        await prepared(records, containers)
    assert containers.attempts > 2


@pytest.mark.parametrize("error", [ForgeError("no such thing", status=404), OSError("no room")])
async def test_what_will_not_pass_is_not_waited_for(records: Records, error: Exception) -> None:
    containers = Containers(error)
    with pytest.raises(type(error)):
        await prepared(records, containers)
    assert containers.attempts == 1


async def test_wish_to_end_is_heard_while_it_waits(records: Records) -> None:
    with pytest.raises(StopWished):
        await prepared(records, Containers(RepositoryUnreachable("no route")), stop=True)
