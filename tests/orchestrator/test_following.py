"""Following over interruptions. The Engine here is scripted: a test can't stop the machine's real one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from orchestrator import following
from orchestrator.containers import Container, ContainerMissing, EngineUnavailable
from orchestrator.following import Followed, Following
from orchestrator.report import Report, RunState
from orchestrator.workspaces import Run, Workspace

WORKSPACE = Workspace("w1", "c1", "acme/tally", "main", "heddle/x-w1", None)
RUN = Run("r1", WORKSPACE, "c1", "m1", "task", "", "", RunState.WORKING, False, 1.0, None)


def line(entry: object) -> bytes:
    return json.dumps(entry).encode() + b"\n"


SAID = line({"type": "assistant", "message": {"content": [{"type": "text", "text": "At work."}]}})
RESULT = line(
    {"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "session_id": "s1"}
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
JOURNAL = SAID + RESULT + EXIT + FINISHED


@dataclass
class ScriptedEngine:
    """Streams its pieces, one list a connection; is away `absences` times at each later question."""

    connections: list[list[bytes]]
    journal: bytes = JOURNAL
    alive: bool = False
    absences: int = 0
    offsets: list[int] = field(default_factory=list)

    async def follow(self, name: str, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        self._be_away()
        self.offsets.append(offset)
        if not self.connections:
            raise ContainerMissing
        for piece in self.connections.pop(0):
            yield piece

    async def find(self, name: str) -> Container | None:
        self._be_away()
        return Container(name, "running" if self.alive or self.connections else "exited", 137, False)

    async def read(self, name: str, path: str) -> bytes:
        self._be_away()
        if not path.endswith("stdout.jsonl"):
            raise ContainerMissing
        return self.journal

    def _be_away(self) -> None:
        if self.offsets and self.absences > 0:
            self.absences -= 1
            raise EngineUnavailable("away")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.001)


async def follow(engine: ScriptedEngine) -> tuple[Followed, list[Report]]:
    seen: list[Report] = []

    async def not_stopped() -> bool:
        return False

    followed = await Following(engine).follow(  # type: ignore[arg-type] # the part of an Engine that is used
        RUN, changed=seen.append, delivered=lambda _ids: None, stop_requested=not_stopped
    )
    return followed, seen


async def test_stream_is_taken_up_where_it_broke_off() -> None:
    cut = len(SAID) + 7
    engine = ScriptedEngine([[JOURNAL[:5], JOURNAL[5:cut]], [JOURNAL[cut:]]])
    followed, seen = await follow(engine)
    assert engine.offsets == [0, cut]
    assert followed.report.state is RunState.SUCCEEDED
    assert (followed.head, followed.session_id, followed.report.ended_at) == ("abc", "s1", 9.0)
    assert "At work." in {report.words for report in seen}


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


async def test_container_that_died_is_told_by_its_exit() -> None:
    followed, _ = await follow(ScriptedEngine([[SAID]], journal=SAID))
    assert followed.report.state is RunState.FAILED
    assert followed.report.problem is not None
    assert followed.head == ""
