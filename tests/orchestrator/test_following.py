"""Following over interruptions. The Engine here is scripted: a test can't stop the machine's real one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from orchestrator import following, reviving
from orchestrator.claude import conclusion
from orchestrator.containers import Container, ContainerMissing, EngineUnavailable
from orchestrator.following import Followed, Following, Hooks
from orchestrator.report import Problem, Report, RunState
from orchestrator.reviving import Death
from orchestrator.workspaces import Run, Workspace

WORKSPACE = Workspace("w1", "c1", "acme/tally", "main", "heddle/x-w1", None)
RUN = Run("r1", WORKSPACE, "c1", "m1", "task", "", "", RunState.WORKING, False, 1.0, None)


def line(entry: object) -> bytes:
    return json.dumps(entry).encode() + b"\n"


SAID = line({"type": "assistant", "message": {"content": [{"type": "text", "text": "At work."}]}})
RESULT = line(
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Done.",
        "num_turns": 1,
        "session_id": "s1",
    }
)
EXIT = line({"type": "heddle", "event": "claude_exit", "code": 0})
FINISHED = line(
    {
        "type": "heddle",
        "event": "finished",
        "head": "abc",
        "branch": "b",
        "commits": 1,
        "pushed": True,
        "at": 9.0,
    }
)
RESTART = line({"type": "heddle", "event": "restart", "at": time.time()})
JOURNAL = SAID + RESULT + EXIT + FINISHED


@dataclass
class ScriptedEngine:
    """Streams its pieces, one list a connection; is away `absences` times at each later question."""

    connections: list[list[bytes]]
    journal: bytes = JOURNAL
    alive: bool = False
    absences: int = 0
    memory: bool = False
    paused: bool = False
    refusing: bool = False  # commands inside, not questions
    unpaused: int = 0
    offsets: list[int] = field(default_factory=list)

    async def follow(self, name: str, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        self._be_away()
        self.offsets.append(offset)
        if self.refusing:
            raise EngineUnavailable("no more processes")
        if not self.connections:
            raise ContainerMissing
        for piece in self.connections.pop(0):
            yield piece
        while self.paused:
            await asyncio.sleep(0.005)

    async def find(self, name: str) -> Container | None:
        self._be_away()
        if self.paused:
            return Container(name, "paused", 0, False)
        state = "running" if self.alive or self.connections else "exited"
        return Container(name, state, 137, self.memory)

    async def unpause(self, name: str) -> None:
        self.paused = False
        self.unpaused += 1

    async def read(self, name: str, path: str) -> bytes:
        self._be_away()
        if not path.endswith("stdout.jsonl"):
            raise ContainerMissing
        if not self.journal:
            raise ContainerMissing
        return self.journal

    def _be_away(self) -> None:
        if self.offsets and self.absences > 0:
            self.absences -= 1
            raise EngineUnavailable("away")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.02)


@dataclass
class Told:
    """What following has told and asked for."""

    reports: list[Report] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)


async def never(_death: Death) -> Problem | None:
    return Problem("can't be revived", "")


async def follow(
    engine: ScriptedEngine,
    revive: Callable[[Death], Awaitable[Problem | None]] = never,
    *,
    stopped: bool = False,
) -> tuple[Followed, Told]:
    told = Told()

    async def stop_requested() -> bool:
        return stopped

    async def revived(death: Death) -> Problem | None:
        told.deaths.append(death)
        return await revive(death)

    hooks = Hooks(
        changed=told.reports.append,
        delivered=lambda _ids: None,
        stop_requested=stop_requested,
        revive=revived,
    )
    followed = await Following(engine).follow(RUN, hooks)  # type: ignore[arg-type] # the part that is used
    return followed, told


async def test_stream_is_taken_up_where_it_broke_off() -> None:
    cut = len(SAID) + 7
    engine = ScriptedEngine([[JOURNAL[:5], JOURNAL[5:cut]], [JOURNAL[cut:]]])
    followed, told = await follow(engine)
    assert engine.offsets == [0, cut]
    assert followed.report.state is RunState.SUCCEEDED
    assert (followed.head, followed.session_id, followed.report.ended_at) == ("abc", "s1", 9.0)
    assert "At work." in {report.words for report in told.reports}


async def test_last_lines_that_the_stream_missed_are_read_from_the_file() -> None:
    followed, _ = await follow(ScriptedEngine([[SAID]]))
    assert followed.report.state is RunState.SUCCEEDED
    assert followed.report.result == "Done."


async def test_engine_that_comes_back_costs_nothing() -> None:
    """A daemon that stops lets the driver finish: its end is read once the daemon answers again."""
    followed, _ = await follow(ScriptedEngine([[SAID]], absences=5))
    assert followed.report.state is RunState.SUCCEEDED


async def test_engine_that_goes_after_the_end_costs_nothing() -> None:
    followed, _ = await follow(ScriptedEngine([[JOURNAL]], absences=1000))
    assert followed.report.state is RunState.SUCCEEDED


async def test_engine_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.02)
    with pytest.raises(EngineUnavailable):
        await follow(ScriptedEngine([[SAID]], absences=1_000_000))


async def test_waiting_for_the_engine_is_told_and_is_no_failure() -> None:
    followed, told = await follow(ScriptedEngine([[SAID], [RESULT + EXIT + FINISHED]], absences=5))
    assert followed.report.state is RunState.SUCCEEDED
    activities = [report.activity for report in told.reports]
    assert activities.count(following.WAITING) == 1
    after = activities[activities.index(following.WAITING) + 1]
    assert after != following.WAITING


async def test_who_wants_a_stop_does_not_wait_long_for_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STOP_PATIENCE_SECONDS", 0.02)
    with pytest.raises(EngineUnavailable):
        await follow(ScriptedEngine([[SAID]], absences=1_000_000), stopped=True)


async def test_container_that_can_not_be_revived_ends_the_run() -> None:
    followed, told = await follow(ScriptedEngine([[SAID]], journal=SAID))
    assert followed.report.state is RunState.FAILED
    assert followed.report.problem == Problem("can't be revived", "")
    assert followed.head == ""
    assert [death.reason for death in told.deaths] == ["its container was killed"]


async def test_revived_container_goes_on_and_nothing_counts_twice() -> None:
    engine = ScriptedEngine([[SAID]], journal=SAID)

    async def revive(death: Death) -> Problem | None:
        engine.connections = [[RESTART + SAID], [RESULT + EXIT + FINISHED]]
        engine.journal = SAID + RESTART + SAID + RESULT + EXIT + FINISHED
        return None

    followed, told = await follow(engine, revive)
    assert followed.report.state is RunState.SUCCEEDED
    assert (followed.report.turns, followed.head) == (1, "abc")
    assert len(told.deaths) == 1
    assert told.reports[-1].result == "Done."


async def test_interrupted_driver_goes_on() -> None:
    """A daemon that is shut down tells its containers to end, and they do."""
    stop = line({"type": "heddle", "event": "stop"})
    interrupted = SAID + stop + line({"type": "heddle", "event": "claude_exit", "stopped": True}) + FINISHED
    engine = ScriptedEngine([[interrupted]], journal=interrupted)

    async def revive(death: Death) -> Problem | None:
        assert death.reason == reviving.INTERRUPTED
        engine.connections = [[RESTART + RESULT + EXIT + FINISHED]]
        engine.journal = interrupted + RESTART + RESULT + EXIT + FINISHED
        return None

    followed, _ = await follow(engine, revive)
    assert followed.report.state is RunState.SUCCEEDED
    # The same end is the run's own when somebody has asked for it.
    followed, told = await follow(ScriptedEngine([[interrupted]], journal=interrupted), revive, stopped=True)
    assert (followed.report.state, told.deaths) == (RunState.STOPPED, [])


async def test_journal_that_begins_anew_is_read_from_its_beginning() -> None:
    """On another volume, because the first one was lost before anything had begun."""
    engine = ScriptedEngine([[SAID]], journal=SAID)

    async def revive(_death: Death) -> Problem | None:
        engine.journal, engine.connections = b"", [[JOURNAL]]
        return None

    followed, _ = await follow(engine, revive)
    assert engine.offsets == [0, 0]
    assert followed.report.state is RunState.SUCCEEDED


async def test_container_that_dies_again_and_again_is_given_up() -> None:
    engine = ScriptedEngine([[SAID]], journal=SAID)

    async def revive(_death: Death) -> Problem | None:
        engine.connections = [[]]
        return None

    followed, told = await follow(engine, revive)
    assert len(told.deaths) == reviving.MOST
    assert followed.report.problem is not None
    assert "4 times in a row" in followed.report.problem.what


async def test_run_that_is_out_of_memory_is_tried_once_more() -> None:
    engine = ScriptedEngine([[SAID]], journal=SAID, memory=True)

    async def revive(_death: Death) -> Problem | None:
        engine.connections = [[]]
        return None

    followed, told = await follow(engine, revive)
    assert len(told.deaths) == 1
    assert followed.report.problem is not None
    assert followed.report.problem.what == conclusion.OUT_OF_MEMORY.what


async def test_paused_container_goes_on() -> None:
    engine = ScriptedEngine([[SAID], [RESULT + EXIT + FINISHED]], paused=True)
    followed, _ = await follow(engine)
    assert followed.report.state is RunState.SUCCEEDED
    assert engine.unpaused == 1


async def test_exec_that_is_refused_is_made_up_for_by_reading() -> None:
    engine = ScriptedEngine([], refusing=True, alive=True)
    followed, told = await follow(engine)
    assert followed.report.state is RunState.SUCCEEDED
    assert following.WAITING not in {report.activity for report in told.reports}
