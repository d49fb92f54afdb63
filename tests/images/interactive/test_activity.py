"""What counts as work, on processes as data; and on the real ones of Claude Code in a container."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from interactive.activity import Activity, activity, last_output
from interactive.proc import Process

from tests.images.interactive.rooms import Room, until

INIT, SUPERVISOR, TMUX, SHELL, CLAUDE_TAB, CLAUDE = 1, 6, 20, 30, 40, 41


def process(pid: int, parent: int, name: str, *words: str, **more: Any) -> Process:
    """Alone in its session, and waiting, unless it is said otherwise."""
    given: dict[str, Any] = {
        "group": pid,
        "session": pid,
        "front": -1,
        "state": "S",
        "started": 1,
        "ticks": 5,
    }
    return Process(pid=pid, parent=parent, name=name, words=words or (name,), **{**given, **more})


def world(*others: Process, front: int = SHELL) -> dict[int, Process]:
    """A workspace with an idle shell and an idle Claude Code. front: the group in front in the shell's terminal."""
    claude = {"session": CLAUDE_TAB, "group": CLAUDE_TAB, "front": CLAUDE_TAB}
    usual = (
        process(INIT, 0, "tini"),
        process(SUPERVISOR, INIT, "python3", "python3", "-m", "interactive"),
        process(12, SUPERVISOR, "socat", listens=True),
        process(TMUX, INIT, "tmux: server"),
        process(SHELL, TMUX, "bash", front=front),
        process(CLAUDE_TAB, TMUX, "claude-tab", "/bin/sh", **{**claude, "session": CLAUDE_TAB}),
        process(CLAUDE, CLAUDE_TAB, "claude", "claude", "--resume", "x", asks=True, **claude),
    )
    return {each.pid: each for each in (*usual, *others)}


def busy(*others: Process, before: dict[int, Process] | None = None, front: int = SHELL) -> list[str]:
    after = world(*others, front=front)
    return activity(before if before is not None else after, after, SUPERVISOR, 1.0).busy


def job(pid: int, name: str, *words: str, **more: Any) -> Process:
    """Started in the shell, in a process group of its own."""
    return process(pid, SHELL, name, *words, **{"session": SHELL, "front": pid, **more})


def test_nothing_is_at_work_in_an_idle_workspace() -> None:
    assert busy() == []


@pytest.mark.parametrize("name", ["make", "rsync", "tail", "sleep", "build.sh"])
def test_job_in_front_is_work(name: str) -> None:
    assert busy(job(50, name, name, "-x"), front=50) == [f"{name} -x"]


@pytest.mark.parametrize(
    "words", [("less", "a.txt"), ("nvim",), ("python3",), ("top",), ("bash",), ("node",)]
)
def test_who_waits_for_a_person_is_not(words: tuple[str, ...]) -> None:
    assert busy(job(50, words[0], *words), front=50) == []


def test_interpreter_with_a_script_and_claude_without_a_person_are() -> None:
    assert busy(job(50, "python3", "python3", "train.py"), front=50) == ["python3 train.py"]
    assert busy(job(50, "claude", "claude", "-p", "Fix it"), front=50) == ["claude -p Fix it"]


def test_program_waits_for_the_editor_that_it_has_opened() -> None:
    commit = job(50, "git", "git", "commit")
    editor = process(51, 50, "vim", session=SHELL, group=50, front=50)
    beside = process(52, 50, "make", session=SHELL, group=50, front=50)
    assert busy(commit, editor, front=50) == []
    assert busy(commit, editor, beside, front=50) == ["make"]
    assert busy(commit, front=50) == ["git commit"]


def test_shell_in_a_shell_makes_nothing_busy() -> None:
    outer = process(50, SHELL, "poetry", "poetry", "shell", session=SHELL, front=51)
    inner = process(51, 50, "bash", session=SHELL, front=51)
    assert busy(outer, inner, front=51) == []


def test_work_behind_the_prompt() -> None:
    assert busy(job(50, "rsync", group=50, front=SHELL)) == ["rsync"]
    assert busy(job(50, "rsync", group=50, front=SHELL, state="T")) == []
    assert busy(process(50, INIT, "python3", "python3", "poll.py")) == ["python3 poll.py"]
    server = process(50, INIT, "node", "node", "npm", "run", "dev")
    assert busy(server, process(51, 50, "node", listens=True)) == []
    assert busy(server, process(51, 50, "node", listens=True), process(52, 50, "sleep")) == ["sleep"]
    assert busy(process(50, INIT, "tail", "tail", "-f", "log")) == []


def test_what_uses_the_processor_or_the_disk_or_the_net_is_work() -> None:
    listening: dict[str, Any] = {"listens": True}
    before = world(process(50, INIT, "node", **listening))
    assert busy(process(50, INIT, "node", ticks=6, **listening), before=before) == [], "the clock's grain"
    assert busy(process(50, INIT, "node", ticks=8, **listening), before=before) == ["node"]
    assert busy(process(50, INIT, "node", state="D", **listening)) == ["node"]
    assert busy(process(50, INIT, "node", asks=True, **listening)) == ["node"]


def test_what_begins_or_ends_meanwhile_is_work() -> None:
    assert busy(before=world(process(50, INIT, "cc1", listens=True))) == ["cc1"]
    assert busy(process(50, INIT, "cc1", listens=True), before=world()) == ["cc1"]
    again = world(process(50, INIT, "cc1", listens=True, started=2))
    assert busy(process(50, INIT, "cc1", listens=True), before=again) == ["cc1"]


def test_display_of_processes_does_not_count() -> None:
    before = world(job(50, "htop"), front=50)
    after = world(job(50, "htop", ticks=90), front=50)
    found = activity(before, after, SUPERVISOR, 1.0)
    assert found == Activity([], {SHELL})
    assert last_output(f"100 100 {SHELL}\n50 60 {CLAUDE_TAB}\n", found.displays) == 60
    assert last_output("", set()) == 0


def test_claudes_commands_are_work_and_its_waiting_servers_are_not() -> None:
    shared: dict[str, Any] = {"session": CLAUDE_TAB, "group": CLAUDE_TAB, "front": CLAUDE_TAB}
    server = process(60, CLAUDE, "node", "node", "mcp.js", input="pipe:[7]", asks=True, **shared)
    assert busy(server) == []
    wrapped = process(60, CLAUDE, "sh", "sh", "-c", "mcp", input="socket:[7]", **shared)
    assert busy(wrapped, process(61, 60, "node", input="socket:[7]", **shared)) == []
    command = process(60, CLAUDE, "bash", "bash", "-c", "make", input="pipe:[8]")
    assert busy(command, process(61, 60, "make", input="/dev/null", session=60, group=60)) == ["bash -c make"]
    serving = process(61, 60, "node", input="/dev/null", session=60, group=60, listens=True)
    assert busy(command, serving) == []
    assert busy(command, serving, process(62, 60, "sleep", session=60, group=60)) == ["sleep"]


def test_what_heddle_asks_from_outside_does_not_count() -> None:
    asking = process(70, 0, "timeout", "timeout", "10", "python3")
    assert busy(asking, process(71, 70, "sleep"), process(72, 12, "socat", ticks=50)) == []


def test_long_command_is_cut() -> None:
    (said,) = busy(job(50, "make", "make", "x" * 200), front=50)
    assert len(said) == 80


TMUX_ASKED = ("tmux", "-S", "/run/heddle/tmux")


def asked(room: Room) -> dict[str, Any]:
    found = json.loads(room.inside("sh", "-c", "cd /opt/heddle && exec python3 -P -m interactive.activity"))
    assert isinstance(found, dict)
    return found


@pytest.mark.e2e
async def test_claude_at_its_prompt_is_idle_and_its_silent_command_is_not(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("claude", columns=100, rows=30) as terminal:
        pump = asyncio.create_task(terminal.rest())
        await until(lambda: "bypass permissions on" in _screen(room), 40)
        await until(lambda: asked(room)["busy"] == [], 40)
        assert time.time() - 60 < asked(room)["last_output"] <= time.time() + 1
        await terminal.type("! sleep 300")
        await until(lambda: "sleep 300" in _screen(room))
        await terminal.type("\r")
        await until(lambda: room.tries("pgrep", "-x", "sleep") == 0)
        assert "sleep 300" in asked(room)["busy"]
        pump.cancel()


def _screen(room: Room) -> str:
    if room.tries(*TMUX_ASKED, "has-session", "-t", "=claude"):
        return ""
    return room.inside(*TMUX_ASKED, "capture-pane", "-p", "-t", "claude")
