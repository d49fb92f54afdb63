"""One process of Claude Code: what a stand-in has to do for it, which the real one does too rarely to wait for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from headless import clone
from headless.claude import CONTINUE, Exit, Patience, Session
from headless.inbox import Inbox
from headless.journal import Journal
from headless.run import Run
from headless.stop import Stop

from tests.images.headless.places import Place, journal_of

QUICK = Patience(interrupt=0.3, drain=0.3, untaken=0.3, linger=0.3, background=0.3)


@pytest.fixture
async def run(place: Place) -> Run:
    made = place.order()
    await clone.create(made)
    return made


async def hold(
    run: Run, programs: Path, monkeypatch: pytest.MonkeyPatch, patience: Patience = QUICK, seconds: float = 20
) -> Exit:
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with Journal(run.folder / "stdout.jsonl") as journal:
        session = Session(run, journal, Inbox(run.folder), Stop(), None, patience)
        return await session.hold(run.task, time.monotonic() + seconds)


async def test_a_process_that_does_not_end_is_ended(
    run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lingers = "signal.signal(signal.SIGINT, lambda *_: sys.exit(0)); turn(read()); read(); time.sleep(60)"
    assert await hold(run, claude(lingers), monkeypatch) == Exit(0, lingered=True)


async def test_tasks_in_the_background_are_waited_for_longer(
    run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = """
message = read()
say(type="system", subtype="background_tasks_changed", tasks=[{}])
turn(message)
read()
time.sleep(1)
say(type="system", subtype="background_tasks_changed", tasks=[])
"""
    patience = Patience(interrupt=0.3, linger=0.3, background=20)
    assert await hold(run, claude(waits), monkeypatch, patience) == Exit(0)


async def test_a_process_that_ignores_the_interrupt_is_killed_with_its_group(
    run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ignores = (
        "signal.signal(signal.SIGINT, signal.SIG_IGN); subprocess.Popen(['sleep', '60']); time.sleep(60)"
    )
    started = time.monotonic()
    assert await hold(run, claude(ignores), monkeypatch, seconds=0.5) == Exit(137, timed_out=True)
    assert time.monotonic() - started < 10


async def test_a_message_that_is_never_taken_does_not_keep_the_session_open(
    run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.folder / "inbox" / "1.json").write_text(json.dumps({"id": "ignored", "text": "x"}))
    end = await hold(run, claude("turn(read()); read(); assert read() is None"), monkeypatch)
    assert end == Exit(0)
    assert (run.folder / "inbox.closed").is_dir()


async def test_a_task_that_the_session_knew_already_is_gone_on_with(
    run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    knows = """
known = read()
say(type="user", isReplay=True, uuid=known["uuid"], message=known["message"])
say(type="command_lifecycle", command_uuid=known["uuid"], state="completed")
turn(read())
"""
    assert await hold(run, claude(knows), monkeypatch) == Exit(0)
    replays = [line["message"] for line in journal_of(run) if line.get("isReplay")]
    assert [message["content"] for message in replays if isinstance(message, dict)] == [
        run.task.text,
        CONTINUE,
    ]


async def test_a_task_larger_than_any_pipe_arrives(
    place: Place, run: Run, claude: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.folder / "task.md").write_text("ä" * 3_000_000)
    big = Run.read(run.folder)
    end = await hold(
        big,
        claude("time.sleep(0.3); m = read(); turn({**m, 'message': len(m['message']['content'])})"),
        monkeypatch,
    )
    assert end == Exit(0)
    assert [line["message"] for line in journal_of(run) if line.get("isReplay")] == [3_000_000]
